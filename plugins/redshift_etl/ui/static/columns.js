// The columns of one table, their origins on the left and the columns that they go into on the right.

import { get } from "./api.js";
import { h, originList, replace, route, s } from "./dom.js";
import { dataTable } from "./history.js";

const ROW = 24;
const WIDE = { name: 240, gap: 150 };
const HEAD = 30;

/** Show the columns of a table or source; the argument "table/column" highlights one of them. */
export function open(main, argument) {
  const [name, column] = argument.split("/");
  const view = { name, column, container: h("div"), last: "" };
  replace(
    main,
    h("p", { class: "path" }, h("a", { href: "#/lineage" }, "Lineage"), " / ", name),
    h("h2", null, `Columns of ${name}`),
    h(
      "p",
      null,
      h("a", { href: route("lineage", name) }, "In the graph"),
      " · ",
      h("a", { href: route("tables", name) }, "The table"),
    ),
    view.container,
  );
  return { title: `Columns of ${name} · Warehouse`, read: (signal) => read(view, signal) };
}

async function read(view, signal) {
  const data = await get(["lineage", view.name], signal);
  const text = JSON.stringify(data);
  if (text !== view.last) {
    view.last = text;
    const linked = data.columns.some((column) => column.from.length + column.into.length);
    replace(
      view.container,
      data.problem ? h("p", { class: "note" }, `The lineage of the columns cannot be read: ${data.problem}`) : null,
      linked
        ? [drawing(view, data), h("details", null, h("summary", null, "The same as a table"), table(data))]
        : h("p", { class: "quiet" }, "No column has a known origin or goes into another one."),
    );
  }
  return {};
}

/** The linked columns of other tables, grouped by table: [{name, columns}]. `side` is "from" or "into". */
export function groupByTable(columns, side) {
  const groups = new Map();
  for (const column of columns) {
    for (const other of column[side]) {
      const names = groups.get(other.table) ?? groups.set(other.table, []).get(other.table);
      if (!names.includes(other.column)) names.push(other.column);
    }
  }
  return [...groups].map(([name, linked]) => ({ name, columns: linked }));
}

function drawing(view, data) {
  const sides = [
    groupByTable(data.columns, "from"),
    [{ name: data.name, columns: data.columns.map((column) => column.name) }],
    groupByTable(data.columns, "into"),
  ];
  const ports = new Map();
  const stacks = sides.map((groups, at) => stack(groups, at, ports));
  const height = Math.max(...stacks.map((it) => it.height));
  const lines = data.columns.flatMap((column) => [
    ...column.from.map((other) => line(ports, [0, other.table, other.column], [1, data.name, column.name], other.kind)),
    ...column.into.map((other) => line(ports, [1, data.name, column.name], [2, other.table, other.column], other.kind)),
  ]);
  const width = 3 * WIDE.name + 2 * WIDE.gap;
  const svg = s(
    "svg",
    {
      class: "columns",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "group",
      "aria-label": `Columns of ${data.name}, what they come from on the left, what they go into on the right`,
    },
    s("g", { class: "edges", "aria-hidden": "true" }, lines),
    stacks.map((it) => it.marks),
  );
  listen(svg, view.column ? key(1, data.name, view.column) : null);
  return h(
    "div",
    { class: "scroll" },
    svg,
    h(
      "p",
      { class: "about" },
      "Solid: copied. Dashed: transformed. Dotted: aggregated from many rows. Point at a column, or focus it, to highlight its links.",
    ),
  );
}

function key(side, name, column) {
  return `${side} ${name} ${column}`;
}

function stack(groups, side, ports) {
  const x = side * (WIDE.name + WIDE.gap);
  let y = 0;
  const marks = groups.map((group) => {
    const top = y;
    y += HEAD + group.columns.length * ROW + 14;
    const rows = group.columns.map((column, at) => {
      const middle = top + HEAD + at * ROW + ROW / 2;
      ports.set(key(side, group.name, column), { x, y: middle });
      return port(side, group.name, column, x, middle);
    });
    return s(
      "g",
      null,
      s("rect", { class: "box", x, y: top, width: WIDE.name, height: HEAD + group.columns.length * ROW + 4, rx: 4 }),
      s(
        "a",
        { href: route(side === 1 ? "tables" : "columns", group.name) },
        s("text", { class: "title", x: x + 10, y: top + 20 }, group.name),
      ),
      rows,
    );
  });
  return { marks, height: y + 4 };
}

function port(side, name, column, x, middle) {
  return s(
    "a",
    {
      class: "port",
      "data-key": key(side, name, column),
      href: route("columns", name, column),
      "aria-label": `${name}.${column}`,
    },
    s("rect", { x: x + 2, y: middle - ROW / 2, width: WIDE.name - 4, height: ROW }),
    s("text", { x: x + 10, y: middle + 4 }, column),
  );
}

function line(ports, from, to, kind) {
  const start = ports.get(key(...from));
  const end = ports.get(key(...to));
  const x1 = start.x + WIDE.name;
  const bend = WIDE.gap / 2;
  return s("path", {
    class: kind.toLowerCase(),
    "data-from": key(...from),
    "data-to": key(...to),
    d: `M${x1} ${start.y}C${x1 + bend} ${start.y} ${end.x - bend} ${end.y} ${end.x} ${end.y}`,
  });
}

function listen(svg, initial) {
  const show = (name) => {
    const highlighted = new Set(name ? [name] : []);
    svg.classList.toggle("shaded", Boolean(name));
    for (const path of svg.querySelectorAll(".edges path")) {
      const on = path.dataset.from === name || path.dataset.to === name;
      path.classList.toggle("bright", on);
      if (on) highlighted.add(path.dataset.from).add(path.dataset.to);
    }
    for (const mark of svg.querySelectorAll(".port")) mark.classList.toggle("bright", highlighted.has(mark.dataset.key));
  };
  const nameOf = (event) => event.target.closest?.(".port")?.dataset.key ?? initial;
  svg.addEventListener("pointerover", (event) => show(nameOf(event)));
  svg.addEventListener("pointerleave", () => show(initial));
  svg.addEventListener("focusin", (event) => show(nameOf(event)));
  show(initial);
}

function table(data) {
  const rows = data.columns.map((column) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, h("code", null, column.name)),
      h("td", null, originList(column.from)),
      h("td", null, originList(column.into)),
    ),
  );
  return dataTable("Linked columns", ["Column", "Comes from", "Goes into"], rows);
}
