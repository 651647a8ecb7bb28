// The history of a table: its loads, its checks and the rows that failed them.

import { openInAirflow, runAddress } from "./airflow.js";
import { historyChart } from "./chart.js";
import { h, replace } from "./dom.js";
import { ago, changes, changesInWords, dataWindow, duration, moment, number } from "./format.js";

const OUTCOMES = { passed: "good", warned: "warn", failed: "bad" };
const NUMBERS = new Set(["Rows", "Rows after", "Took"]);
const MAX_LOADS = 50;

/** Show the history, once it has been read. */
export function drawHistory(container, history) {
  if (!history.loads) return;
  replace(
    container,
    h("h3", null, "Loads"),
    history.loads.length
      ? [historyChart(history.loads), loadTable(history.loads)]
      : h("p", { class: "quiet" }, "The table has not been loaded yet."),
    history.stale_days.length ? h("p", { class: "note" }, `Days to build again: ${days(history.stale_days)}.`) : null,
    h("h3", null, "Checks"),
    history.checks.length ? checkTable(history.checks) : h("p", { class: "quiet" }, "No check has been recorded yet."),
    history.failures.length ? failureTable(history.failures) : null,
    Object.entries(history.missing).map(([what, why]) =>
      h("p", { class: "note" }, `The ${what} could not be read: ${why}.`),
    ),
  );
}

/** At most ten days, and the number of the others. */
export function days(all) {
  const shown = all.slice(0, 10).join(", ");
  return all.length > 10 ? `${shown} and ${all.length - 10} more` : shown;
}

/** A link to the run of a load. */
export function run(load) {
  return h("a", { href: runAddress(load.dag_id, load.run_id), click: openInAirflow, title: load.run_id }, load.dag_id);
}

/** A table with headings. */
export function dataTable(caption, headings, rows) {
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      null,
      h("caption", { class: "hidden" }, caption),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          headings.map((text) => h("th", { scope: "col", class: NUMBERS.has(text) ? "number" : null }, text)),
        ),
      ),
      h("tbody", null, rows),
    ),
  );
}

function loadTable(loads) {
  const rows = loads
    .slice(0, MAX_LOADS)
    .map((load) =>
      h(
        "tr",
        null,
        h("td", null, moment(load.at)),
        h("td", null, dataWindow(load)),
        h("td", { title: changesInWords(load) }, changes(load)),
        h("td", { class: "number" }, number(load.rows_after)),
        h("td", { class: "number" }, duration(load.seconds)),
        h("td", null, run(load)),
      ),
    );
  const title = loads.length > MAX_LOADS ? `The last ${MAX_LOADS} of ${loads.length} loads` : `${loads.length} loads`;
  return h(
    "details",
    null,
    h("summary", null, title),
    dataTable("Loads", ["Committed", "Data of", "Changed", "Rows after", "Took", "Run of"], rows),
  );
}

function checkTable(checks) {
  const rows = checks.map((check) =>
    h(
      "tr",
      null,
      h("td", null, h("span", { class: `badge ${OUTCOMES[check.outcome] ?? ""}` }, check.outcome)),
      h("th", { scope: "row" }, check.check, h("p", { class: "about" }, check.description)),
      h("td", null, check.severity),
      h("td", { class: "number" }, number(check.failing_rows)),
      h("td", { title: moment(check.checked_at) }, ago(check.checked_at)),
    ),
  );
  return dataTable("Checks and their last outcome", ["Outcome", "Check", "Severity", "Rows", "Checked"], rows);
}

function failureTable(failures) {
  const rows = failures.map((row) =>
    h(
      "tr",
      null,
      h("td", null, row.check),
      h("td", null, h("code", null, row.row_key)),
      h("td", null, row.reason),
      h("td", null, moment(row.failed_at)),
    ),
  );
  return h(
    "details",
    null,
    h("summary", null, `Rows that failed a check, the last ${failures.length}`),
    dataTable("Rows that failed a check", ["Check", "Row", "Reason", "When"], rows),
  );
}
