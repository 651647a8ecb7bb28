// The list of all tables with their freshness, problems and last loads.

import { openInAirflow, runAddress } from "./airflow.js";
import { get } from "./api.js";
import { sparkline } from "./chart.js";
import { h, replace, route } from "./dom.js";
import { LOADS, STATES, ago, changes, changesInWords, moment, number, size, span } from "./format.js";
import { partNote } from "./health.js";
import { COLUMNS, filterRows, isAscending, problems, sortRows } from "./table_list.js";

const FIRST_ROWS = 60; // those that fit on a screen; the others are drawn afterwards

// Remains while the page is open, so that going back shows the list as it was.
const filter = { text: "", state: "", bookkeeping: false, sort: "state", reverse: false };

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
  const { warehouse, parts, ...data } = await get(["overview"], signal);
  const ages = [
    partNote("The content of the repository", parts.contracts),
    partNote("The list of paused DAGs", parts.paused),
  ].filter(Boolean);
  const known = warehouse.read_at !== null;
  const text = JSON.stringify([data, ages, known]);
  if (text !== view.last) {
    view.last = text;
    view.rows = data.tables;
    view.missing = data.missing;
    view.paused = data.paused;
    Object.assign(view, { ages, known });
    draw(view);
    performance.mark("tables drawn");
  }
  return { warehouse, parts: Object.values(parts) };
}

function form(view) {
  const search = h("input", {
    type: "search",
    placeholder: "Search name, owner, description",
    "aria-label": "Search tables",
    value: filter.text,
    input: (event) => {
      filter.text = event.target.value;
      draw(view);
    },
  });
  const box = h("input", {
    type: "checkbox",
    checked: filter.bookkeeping,
    change: (event) => {
      filter.bookkeeping = event.target.checked;
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
    filter.reverse = filter.sort === column.id ? !filter.reverse : false;
    filter.sort = column.id;
    draw(view);
  };
  return h(
    "th",
    { scope: "col", class: column.numeric ? "number" : null, "data-id": column.id },
    h("button", { type: "button", click: sort }, column.title),
  );
}

function draw(view) {
  const all = filterRows(view.rows, { ...filter, text: "", state: "" });
  const shown = filterRows(view.rows, filter);
  for (const cell of view.head.children) {
    const isSorted = cell.dataset.id === filter.sort;
    if (isSorted) cell.setAttribute("aria-sort", isAscending(filter) ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
  }
  const focused = view.body.contains(document.activeElement) ? document.activeElement.textContent : null;
  replace(view.tiles, tiles(view, all));
  replace(view.notes, notes(view));
  drawRows(view, sortRows(shown, filter), focused !== null);
  view.count.textContent =
    shown.length === all.length ? `${all.length} tables` : `${shown.length} of ${all.length} tables`;
  if (focused) [...view.body.querySelectorAll("a")].find((link) => link.textContent === focused)?.focus();
}

/** Draw the first rows at once (`all` rows if one of them has the focus), and the others in the next task. */
function drawRows(view, rows, all) {
  const count = all ? rows.length : FIRST_ROWS;
  replace(view.body, rows.slice(0, count).map(line));
  view.drawing = rows;
  if (rows.length > count)
    setTimeout(() => {
      if (view.drawing === rows) view.body.append(...rows.slice(count).map(line));
    });
}

function tiles(view, rows) {
  const count = (state) => rows.filter((row) => row.state === state).length;
  const kinds = ["fresh", "late", "stale", "never"].map((state) => [state, STATES[state], count(state)]);
  return [...kinds, ["problem", "Needs a look", rows.filter(problems).length]].map(([state, title, value]) =>
    tile(view, state, title, value),
  );
}

function tile(view, state, title, value) {
  const pressed = filter.state === state;
  const toggle = () => {
    filter.state = pressed ? "" : state;
    draw(view);
    view.tiles.querySelector(`.${state}`)?.focus();
  };
  return h(
    "button",
    { type: "button", class: `tile ${state}${value ? "" : " none"}`, "aria-pressed": String(pressed), click: toggle },
    h("b", null, number(view.known ? value : null)), // before the warehouse was read, 0 would be wrong
    h("span", null, title),
  );
}

function notes(view) {
  return [
    ...view.ages.map((text) => note(text)),
    ...Object.entries(view.missing ?? {}).map(([what, why]) => note(`The ${what} could not be read: ${why}.`)),
    ...(view.paused ?? []).map(({ dag, cost }) =>
      note(h("a", { href: runAddress(dag, ""), click: openInAirflow }, dag), ` is paused: ${cost}.`),
    ),
  ];
}

function note(...content) {
  return h("p", { class: "note" }, ...content);
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
    h("td", null, freshness(row), badges(row)),
    h("td", { class: "number" }, number(row.rows)),
    h("td", { class: "number" }, size(row.size_mb)),
    h("td", null, row.data_until ? moment(row.data_until) : "–"),
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

/** A table's freshness as a word with a symbol. */
export function freshness(row) {
  const limit = row.fresh_within_s
    ? `fresh within ${span(row.fresh_within_s)} of a load`
    : "no fresh_within in the contract";
  return h("span", { class: `state ${row.state}`, title: limit }, STATES[row.state]);
}

function days(count, what) {
  return `${number(count)} ${count === 1 ? "day" : "days"} ${what}`;
}

/** A table's problems as words. */
export function badges(row) {
  const { failed = 0, warned = 0 } = row.checks;
  const reasons = [
    ["bad", row.incidents, row.incidents === 1 ? "incident" : `${row.incidents} incidents`],
    ["bad", failed, `${failed} failed`],
    ["warn", warned, `${warned} warned`],
    ["warn", row.stale_days, days(row.stale_days, "stale")],
    ["bad", row.missing_days, days(row.missing_days, "missing")],
    ["bad", row.problem, "broken file"],
  ];
  return reasons.filter(([, is]) => is).map(([kind, , text]) => h("span", { class: `badge ${kind}` }, text));
}
