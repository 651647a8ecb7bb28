// One table: its contract, history, lineage, columns and SQL.

import { get } from "./api.js";
import { h, originList, replace, route, tableLink } from "./dom.js";
import { LOADS, ago, moment, number, size, span } from "./format.js";
import { partNote } from "./health.js";
import { drawHistory, dataTable, run } from "./history.js";
import { incidentList } from "./incidents.js";
import { badges, freshness } from "./overview.js";

/** Show one table. */
export function open(main, name) {
  const view = {
    name,
    page: h("div"),
    history: h("section", { "aria-label": "History" }),
    historyAge: h("div"),
    last: "",
    lastHistory: "",
  };
  replace(main, h("p", { class: "path" }, h("a", { href: "#/" }, "Tables"), " / ", name), view.page);
  return { title: `${name} · Warehouse`, read: (signal) => read(view, signal) };
}

async function read(view, signal) {
  const [page, historyPage] = await Promise.all([
    get(["tables", view.name], signal),
    get(["tables", view.name, "history"], signal),
  ]);
  const { warehouse, ...data } = page;
  if (changed(view, "last", data)) draw(view, data);
  performance.mark("table drawn");
  const { warehouse: historyHealth, ...history } = historyPage;
  const age = partNote("The history of this table", historyHealth);
  replace(view.historyAge, age ? h("p", { class: "note" }, age) : null);
  if (changed(view, "lastHistory", history)) drawHistory(view.history, history);
  return { warehouse, parts: [historyHealth] };
}

function changed(view, key, data) {
  const text = JSON.stringify(data);
  const differs = text !== view[key];
  view[key] = text;
  return differs;
}

function draw(view, data) {
  replace(
    view.page,
    h("h2", null, data.name, " ", freshness(data), badges(data)),
    data.problem ? h("p", { class: "failure" }, data.problem) : null,
    h("p", { class: "lead" }, data.description),
    data.open_incidents.length ? [h("h3", null, "Open incidents"), incidentList(data.open_incidents)] : null,
    facts(data),
    view.historyAge,
    view.history,
    h("h3", null, "Lineage"),
    lineage(data),
    data.columns ? [h("h3", null, "Columns"), columnTable(data), rowColumns(data)] : null,
    data.sql ? [h("h3", null, "SQL"), data.sql.map(source)] : null,
  );
}

function facts(data) {
  const { contract } = data;
  const freshWithin = data.fresh_within_s ? `within ${span(data.fresh_within_s)}` : "not monitored";
  const rows = [
    ["Owner", data.owner],
    ["Loaded", LOADS[data.load] ?? data.load],
    ["Fresh", freshWithin],
    ["Data until", data.data_until ? moment(data.data_until) : null],
    ["Last load", lastLoad(data)],
    ["Rows", number(data.rows)],
    ["Size", size(data.size_mb)],
  ];
  if (contract) {
    rows.push(
      ["Key", code(contract.key)],
      ["Version column", contract.version ? code([contract.version]) : null],
      ["Deletion column", contract.deleted ? code([contract.deleted]) : null],
      ["Day column", contract.day ? code([contract.day]) : null],
      ["Retention", contract.retention],
      ["Contract", h("code", null, contract.file)],
    );
  }
  return h(
    "dl",
    { class: "facts" },
    rows.filter(([, value]) => value).map(([term, value]) => h("div", null, h("dt", null, term), h("dd", null, value))),
  );
}

/** Nothing before the warehouse has been read: "never" would be wrong. */
function lastLoad({ last, state }) {
  if (last) return [h("span", { title: moment(last.at) }, ago(last.at)), ", by ", run(last)];
  return state === "unknown" ? null : "never";
}

function code(names) {
  return names.length ? names.map((name, at) => [at ? ", " : "", h("code", null, name)]) : "none";
}

function lineage(data) {
  const list = (title, direct, all) => {
    const indirect = all.filter((name) => !direct.includes(name));
    const names = (items) => items.map((name, at) => [at ? ", " : "", h("a", { href: route("columns", name) }, name)]);
    return h(
      "div",
      null,
      h("dt", null, title),
      h(
        "dd",
        null,
        direct.length ? names(direct) : "nothing",
        indirect.length ? h("p", { class: "about" }, "further: ", names(indirect)) : null,
      ),
    );
  };
  return [
    h(
      "dl",
      { class: "facts" },
      list("Filled from", data.inputs, data.upstream),
      list("Feeds", data.outputs, data.downstream),
    ),
    h(
      "p",
      null,
      h("a", { href: route("columns", data.name) }, "Lineage of its columns"),
      " · ",
      h("a", { href: route("lineage", data.name) }, "In the graph"),
    ),
  ];
}

function columnTable(data) {
  const rows = data.columns.map((column) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, h("code", null, column.name), column.key ? h("span", { class: "badge" }, "key") : null),
      h("td", null, h("code", null, column.type), column.nullable ? null : h("p", { class: "about" }, "never NULL")),
      h(
        "td",
        null,
        column.comment,
        column.accepted.length ? h("p", { class: "about" }, `one of ${column.accepted.join(", ")}`) : null,
        column.references
          ? h("p", { class: "about" }, "refers to ", tableLink(column.references.table), `.${column.references.column}`)
          : null,
      ),
      h("td", null, originList(column.from)),
    ),
  );
  return [
    data.lineage_problem
      ? h("p", { class: "note" }, `The lineage of the columns cannot be read: ${data.lineage_problem}`)
      : null,
    dataTable("Columns", ["Column", "Type", "What it is", "Comes from"], rows),
  ];
}

function rowColumns(data) {
  if (!data.rows_by.length) return null;
  const names = data.rows_by.map((it) => `${it.table}.${it.column} (${it.kind.toLowerCase().replace("_", " ")})`);
  return h(
    "details",
    null,
    h("summary", null, "Columns that determine which rows there are"),
    h("p", null, [...new Set(names)].join(", ")),
  );
}

function source(part) {
  return h(
    "details",
    null,
    h("summary", null, part.title, " ", h("code", null, part.file)),
    h("pre", { tabindex: 0 }, h("code", null, part.text)),
  );
}
