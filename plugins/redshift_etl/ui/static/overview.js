// All tables: what is late, what is broken, what was loaded last.

import { get } from "./api.js";
import { sparkline } from "./chart.js";
import { h, replace, route } from "./dom.js";
import { LOADS, STATES, ago, changes, changesInWords, moment, number, size, span } from "./format.js";

const ATTENTION = { late: 0, never: 1, unknown: 2, fresh: 3, unwatched: 4 };
const COLUMNS = [
  { id: "name", title: "Table", by: (row) => row.name },
  { id: "owner", title: "Owner", by: (row) => row.owner },
  { id: "state", title: "Freshness", by: (row) => [alarms(row) ? 0 : 1, ATTENTION[row.state], row.name] },
  { id: "rows", title: "Rows", by: (row) => row.rows ?? -1, down: true, numeric: true },
  { id: "size", title: "Size", by: (row) => row.size_mb ?? -1, down: true, numeric: true },
  { id: "last", title: "Last load", by: (row) => row.last?.at ?? "", down: true },
  { id: "changes", title: "Changed", by: (row) => row.last?.changed ?? -1, down: true, numeric: true },
  { id: "spark", title: "Last 30 loads", by: (row) => row.spark.length, down: true },
];

const AT_ONCE = 60;

// Kept while the page is open, so that going back finds the list as it was left.
const wanted = { text: "", state: "", bookkeeping: false, sort: "state", reverse: false };

/** What speaks against a table, besides lateness. */
function alarms(row) {
  return row.incidents + (row.checks.failed ?? 0) + (row.problem ? 1 : 0);
}

/** Show the tables. */
export function open(main) {
  const view = {
    main,
    rows: [],
    last: "",
    body: h("tbody"),
    tiles: h("div", { class: "tiles" }),
    count: h("p", { class: "quiet", role: "status" }),
    notes: h("div"),
  };
  view.head = h(
    "tr",
    null,
    COLUMNS.map((column) => heading(view, column)),
  );
  replace(
    main,
    view.tiles,
    form(view),
    view.notes,
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "tables" },
        h("caption", { class: "hidden" }, "Tables of the warehouse"),
        h("thead", null, view.head),
        view.body,
      ),
    ),
    view.count,
  );
  return { title: "Warehouse", read: (signal) => read(view, signal) };
}

async function read(view, signal) {
  const answer = await get(["overview"], signal);
  const { warehouse, ...data } = answer;
  const text = JSON.stringify(data);
  if (text !== view.last) {
    view.last = text;
    view.rows = data.tables.map((row) => ({
      ...row,
      hay: `${row.name} ${row.owner} ${row.description}`.toLowerCase(),
    }));
    view.missing = data.missing;
    draw(view);
    performance.mark("tables drawn");
  }
  return warehouse;
}

function form(view) {
  const search = h("input", {
    type: "search",
    placeholder: "Search name, owner, description",
    "aria-label": "Search tables",
    value: wanted.text,
    input: (event) => {
      wanted.text = event.target.value;
      draw(view);
    },
  });
  const box = h("input", {
    type: "checkbox",
    checked: wanted.bookkeeping,
    change: (event) => {
      wanted.bookkeeping = event.target.checked;
      draw(view);
    },
  });
  return h(
    "form",
    { class: "filters", submit: (event) => event.preventDefault() },
    search,
    h("label", null, box, " Show the pipelines' own tables"),
  );
}

function heading(view, column) {
  const sort = () => {
    wanted.reverse = wanted.sort === column.id ? !wanted.reverse : false;
    wanted.sort = column.id;
    draw(view);
  };
  return h(
    "th",
    { scope: "col", class: column.numeric ? "number" : null, "data-id": column.id },
    h("button", { type: "button", click: sort }, column.title),
  );
}

function draw(view) {
  const all = view.rows.filter((row) => wanted.bookkeeping || row.kind !== "bookkeeping");
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all.filter((row) => matches(row, words));
  for (const cell of view.head.children) {
    const sorted = cell.dataset.id === wanted.sort;
    if (sorted) cell.setAttribute("aria-sort", direction() === 1 ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
  }
  const focused = view.body.contains(document.activeElement) ? document.activeElement.textContent : null;
  replace(view.tiles, tiles(view, all));
  replace(view.notes, notes(view));
  drawRows(view, sorted(shown), focused !== null);
  view.count.textContent =
    shown.length === all.length ? `${all.length} tables` : `${shown.length} of ${all.length} tables`;
  if (focused) [...view.body.querySelectorAll("a")].find((link) => link.textContent === focused)?.focus();
}

/** The rows that a screen holds at once, the others a moment later. */
function drawRows(view, rows, all) {
  const now = all ? rows.length : AT_ONCE;
  replace(view.body, rows.slice(0, now).map(line));
  view.drawing = rows;
  if (rows.length > now)
    setTimeout(() => {
      if (view.drawing === rows) view.body.append(...rows.slice(now).map(line));
    });
}

function matches(row, words) {
  if (wanted.state === "alarm" ? !alarms(row) : wanted.state && row.state !== wanted.state) return false;
  return words.every((word) => row.hay.includes(word));
}

function direction() {
  const down = COLUMNS.find((column) => column.id === wanted.sort).down;
  return Boolean(down) === wanted.reverse ? 1 : -1;
}

function sorted(rows) {
  const { by } = COLUMNS.find((column) => column.id === wanted.sort);
  const keyed = rows.map((row) => [[by(row)].flat(), row]);
  keyed.sort(([left], [right]) => direction() * compare(left, right));
  return keyed.map(([, row]) => row);
}

function compare(left, right) {
  for (let at = 0; at < left.length; at += 1) {
    if (left[at] < right[at]) return -1;
    if (left[at] > right[at]) return 1;
  }
  return 0;
}

function tiles(view, rows) {
  const count = (state) => rows.filter((row) => row.state === state).length;
  const kinds = ["fresh", "late", "never"].map((state) => [state, STATES[state], count(state)]);
  return [...kinds, ["alarm", "Needs a look", rows.filter(alarms).length]].map(([state, title, value]) =>
    tile(view, state, title, value),
  );
}

function tile(view, state, title, value) {
  const pressed = wanted.state === state;
  const choose = () => {
    wanted.state = pressed ? "" : state;
    draw(view);
    view.tiles.querySelector(`.${state}`)?.focus();
  };
  return h(
    "button",
    { type: "button", class: `tile ${state}${value ? "" : " none"}`, "aria-pressed": String(pressed), click: choose },
    h("b", null, number(value)),
    h("span", null, title),
  );
}

function notes(view) {
  return Object.entries(view.missing ?? {}).map(([what, why]) =>
    h("p", { class: "note" }, `The ${what} could not be read: ${why}.`),
  );
}

function line(row) {
  const { last } = row;
  return h(
    "tr",
    null,
    h(
      "th",
      { scope: "row" },
      h("a", { href: route("tables", row.name) }, row.name),
      h("p", { class: "about" }, row.problem ?? row.description),
    ),
    h("td", null, row.owner, h("p", { class: "about" }, LOADS[row.load] ?? row.load)),
    h("td", null, state(row), badges(row)),
    h("td", { class: "number" }, number(row.rows)),
    h("td", { class: "number" }, size(row.size_mb)),
    h(
      "td",
      null,
      last ? h("time", { datetime: last.at, title: moment(last.at) }, ago(last.at)) : "–",
      last ? h("p", { class: "about" }, last.dag_id) : null,
    ),
    h("td", { class: "number", title: last ? changesInWords(last) : null }, last ? changes(last) : "–"),
    h("td", null, sparkline(row.spark)),
  );
}

/** A table's freshness as a word with a mark. */
export function state(row) {
  const promise = row.fresh_within_s ? `promised within ${span(row.fresh_within_s)}` : "no promise in the contract";
  return h("span", { class: `state ${row.state}`, title: promise }, STATES[row.state]);
}

/** What speaks against a table, as words. */
export function badges(row) {
  const { failed = 0, warned = 0 } = row.checks;
  return [
    row.incidents
      ? h("span", { class: "badge bad" }, row.incidents === 1 ? "incident" : `${row.incidents} incidents`)
      : null,
    failed ? h("span", { class: "badge bad" }, `${failed} failed`) : null,
    warned ? h("span", { class: "badge warn" }, `${warned} warned`) : null,
    row.problem ? h("span", { class: "badge bad" }, "broken file") : null,
  ];
}
