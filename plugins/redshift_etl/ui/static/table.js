// One table: what it promises, what happened to it, what it is made of.

import { openInAirflow, runAddress } from "./airflow.js";
import { get } from "./api.js";
import { historyChart } from "./chart.js";
import { h, replace, route, tableLink } from "./dom.js";
import { LOADS, ago, changes, changesInWords, dataWindow, duration, moment, number, size, span } from "./format.js";
import { incidentList } from "./incidents.js";
import { badges, state } from "./overview.js";

const OUTCOMES = { passed: "good", warned: "warn", failed: "bad" };
const NUMBERS = new Set(["Rows", "Rows after", "Took"]);
const LISTED = 50;

/** Show the table called `name`. */
export function open(main, name) {
  const view = { name, page: h("div"), past: h("section", { "aria-label": "History" }, h("p", { class: "quiet" }, "Reading the history…")), last: "", lastPast: "" };
  replace(main, h("p", { class: "path" }, h("a", { href: "#/" }, "Tables"), " / ", name), view.page);
  return { title: `${name} · Warehouse`, read: (signal) => read(view, signal) };
}

async function read(view, signal) {
  const [page, past] = await Promise.all([get(["tables", view.name], signal), get(["tables", view.name, "history"], signal)]);
  const { warehouse, ...data } = page;
  if (changed(view, "last", data)) draw(view, data);
  performance.mark("table drawn");
  const { warehouse: pastHealth, ...history } = past;
  if (changed(view, "lastPast", { history, pastHealth: pastHealth.error })) drawPast(view, history, pastHealth);
  return pastHealth.reading || !pastHealth.reachable ? pastHealth : warehouse;
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
    h("h2", null, data.name, " ", state(data), badges(data)),
    data.problem ? h("p", { class: "failure" }, data.problem) : null,
    h("p", { class: "lead" }, data.description),
    data.open_incidents.length ? [h("h3", null, "Open incidents"), incidentList(data.open_incidents)] : null,
    facts(data),
    view.past,
    h("h3", null, "Feeds and is fed by"),
    relatives(data),
    data.columns ? [h("h3", null, "Columns"), columnTable(data), rowsBy(data)] : null,
    data.sql ? [h("h3", null, "SQL"), data.sql.map(source)] : null,
  );
}

function facts(data) {
  const { contract, last } = data;
  const promise = data.fresh_within_s ? `within ${span(data.fresh_within_s)}` : "no promise";
  const rows = [
    ["Owner", data.owner],
    ["Loaded", LOADS[data.load] ?? data.load],
    ["Fresh", promise],
    ["Last load", last ? [h("span", { title: moment(last.at) }, ago(last.at)), ", by ", run(last)] : "never"],
    ["Rows", number(data.rows)],
    ["Size", size(data.size_mb)],
  ];
  if (contract) {
    rows.push(
      ["Key", code(contract.key)],
      ["Newest wins by", contract.version ? code([contract.version]) : null],
      ["Deleted when set", contract.deleted ? code([contract.deleted]) : null],
      ["Its day", contract.day ? code([contract.day]) : null],
      ["Kept", contract.retention],
      ["Contract", h("code", null, contract.file)],
    );
  }
  return h("dl", { class: "facts" }, rows.filter(([, value]) => value).map(([term, value]) => h("div", null, h("dt", null, term), h("dd", null, value))));
}

function code(names) {
  return names.length ? names.map((name, at) => [at ? ", " : "", h("code", null, name)]) : "none";
}

function run(load) {
  return h("a", { href: runAddress(load.dag_id, load.run_id), click: openInAirflow, title: load.run_id }, load.dag_id);
}

function drawPast(view, history, health) {
  if (!history.loads) {
    replace(view.past, h("h3", null, "Loads"), h("p", { class: health.error ? "note" : "quiet" }, health.error ?? "Reading the history…"));
    return;
  }
  replace(
    view.past,
    h("h3", null, "Loads"),
    history.loads.length ? [historyChart(history.loads), loadTable(history.loads)] : h("p", { class: "quiet" }, "It has not been loaded yet."),
    history.stale_days.length ? h("p", { class: "note" }, `Days to build again: ${days(history.stale_days)}.`) : null,
    h("h3", null, "Checks"),
    history.checks.length ? checkTable(history.checks) : h("p", { class: "quiet" }, "No check has been recorded yet."),
    history.failures.length ? failureTable(history.failures) : null,
    Object.entries(history.missing).map(([what, why]) => h("p", { class: "note" }, `The ${what} could not be read: ${why}.`)),
  );
}

function days(all) {
  const shown = all.slice(0, 10).join(", ");
  return all.length > 10 ? `${shown} and ${all.length - 10} more` : shown;
}

function grid(caption, headings, rows) {
  return h(
    "div",
    { class: "scroll" },
    h("table", null, h("caption", { class: "hidden" }, caption), h("thead", null, h("tr", null, headings.map((text) => h("th", { scope: "col", class: NUMBERS.has(text) ? "number" : null }, text)))), h("tbody", null, rows)),
  );
}

function loadTable(loads) {
  const rows = loads.slice(0, LISTED).map((load) =>
    h("tr", null, h("td", null, moment(load.at)), h("td", null, dataWindow(load)), h("td", { title: changesInWords(load) }, changes(load)), h("td", { class: "number" }, number(load.rows_after)), h("td", { class: "number" }, duration(load.seconds)), h("td", null, run(load))),
  );
  const title = loads.length > LISTED ? `The last ${LISTED} of ${loads.length} loads` : `${loads.length} loads`;
  return h("details", null, h("summary", null, title), grid("Loads", ["Committed", "Data of", "Changed", "Rows after", "Took", "Run of"], rows));
}

function checkTable(checks) {
  const rows = checks.map((check) =>
    h("tr", null, h("td", null, h("span", { class: `badge ${OUTCOMES[check.outcome] ?? ""}` }, check.outcome)), h("th", { scope: "row" }, check.check, h("p", { class: "about" }, check.description)), h("td", null, check.severity), h("td", { class: "number" }, number(check.failing_rows)), h("td", { title: moment(check.checked_at) }, ago(check.checked_at))),
  );
  return grid("Checks and their last outcome", ["Outcome", "Check", "Severity", "Rows", "Checked"], rows);
}

function failureTable(failures) {
  const rows = failures.map((row) => h("tr", null, h("td", null, row.check), h("td", null, h("code", null, row.row_key)), h("td", null, row.reason), h("td", null, moment(row.failed_at))));
  return h("details", null, h("summary", null, `Rows that failed a check, the last ${failures.length}`), grid("Rows that failed a check", ["Check", "Row", "Reason", "When"], rows));
}

function relatives(data) {
  const list = (title, near, all) => {
    const far = all.filter((name) => !near.includes(name));
    const names = (items) => items.map((name, at) => [at ? ", " : "", h("a", { href: route("columns", name) }, name)]);
    return h("div", null, h("dt", null, title), h("dd", null, near.length ? names(near) : "nothing", far.length ? h("p", { class: "about" }, "further: ", names(far)) : null));
  };
  return [
    h("dl", { class: "facts" }, list("Filled from", data.inputs, data.upstream), list("Feeds", data.outputs, data.downstream)),
    h("p", null, h("a", { href: route("columns", data.name) }, "Lineage of its columns"), " · ", h("a", { href: route("lineage", data.name) }, "In the graph")),
  ];
}

function columnTable(data) {
  const rows = data.columns.map((column) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, h("code", null, column.name), column.key ? h("span", { class: "badge" }, "key") : null),
      h("td", null, h("code", null, column.type), column.nullable ? null : h("p", { class: "about" }, "never NULL")),
      h("td", null, column.comment, column.accepted.length ? h("p", { class: "about" }, `one of ${column.accepted.join(", ")}`) : null, column.references ? h("p", { class: "about" }, "refers to ", tableLink(column.references.table), `.${column.references.column}`) : null),
      h("td", null, column.from.map((it) => h("p", { class: "origin" }, h("code", null, `${it.table}.${it.column}`), " ", h("span", { class: "about" }, it.kind.toLowerCase())))),
    ),
  );
  return [data.lineage_problem ? h("p", { class: "note" }, `The lineage of the columns cannot be read: ${data.lineage_problem}`) : null, grid("Columns", ["Column", "Type", "What it is", "Comes from"], rows)];
}

function rowsBy(data) {
  if (!data.rows_by.length) return null;
  const names = data.rows_by.map((it) => `${it.table}.${it.column} (${it.kind.toLowerCase().replace("_", " ")})`);
  return h("details", null, h("summary", null, "Columns that decide which rows there are"), h("p", null, [...new Set(names)].join(", ")));
}

function source(part) {
  return h("details", null, h("summary", null, part.title, " ", h("code", null, part.file)), h("pre", { tabindex: 0 }, h("code", null, part.text)));
}
