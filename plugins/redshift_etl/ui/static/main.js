// Selects the view by the address and refreshes its data.

import { followTheme, shareAddress } from "./airflow.js";
import { Failure } from "./api.js";
import { h, replace } from "./dom.js";
import { moment, span } from "./format.js";
import * as columns from "./columns.js";
import * as incidents from "./incidents.js";
import * as lineage from "./lineage.js";
import * as overview from "./overview.js";
import * as table from "./table.js";

const INTERVAL = 15000; // ms; the server does not read the warehouse more often
const SHORT_INTERVAL = 500; // ms; while the server reads the warehouse

const VIEWS = { "": overview, tables: table, lineage, columns, incidents };

let current = null; // {stop, timer}

/** The view and its argument in the address's hash. */
function currentRoute() {
  const [view = "", ...rest] = window.location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return { view: VIEWS[view] ?? overview, argument: rest.join("/"), name: view };
}

function markNavigation(name) {
  for (const link of document.querySelectorAll("nav a")) {
    const target = link.getAttribute("href").replace(/^#\/?/, "");
    const section = { tables: "", columns: "lineage" }[name] ?? name;
    if (target === section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function showHealth(warehouse) {
  const status = document.getElementById("health");
  if (!warehouse) return;
  document.getElementById("version").textContent = `redshift-airflow ${warehouse.version}`;
  if (warehouse.reading) replace(status, "Reading the warehouse…");
  else if (warehouse.reachable) replace(status, `As of ${moment(warehouse.read_at)}`);
  else replace(status, ...unreachable(warehouse));
  status.classList.toggle("down", !warehouse.reachable);
}

/** Whether the data is older than the server's limit, which means that the server is reading it again. */
function isStale(warehouse) {
  return warehouse?.reachable && Date.parse(warehouse.now) - Date.parse(warehouse.read_at) > INTERVAL;
}

function unreachable(warehouse) {
  const seconds = (Date.parse(warehouse.now) - Date.parse(warehouse.failing_since)) / 1000;
  const shown = warehouse.read_at
    ? `The data on this page was read at ${moment(warehouse.read_at)}.`
    : "Only the content of the repository is shown.";
  return [
    h("strong", null, `The warehouse cannot be read since ${moment(warehouse.failing_since)} (${span(seconds)}). `),
    `${warehouse.error} ${shown}`,
  ];
}

async function show() {
  if (current) {
    current.stop.abort();
    clearTimeout(current.timer);
  }
  const { view, argument, name } = currentRoute();
  const visit = { stop: new AbortController(), timer: 0 };
  current = visit;
  markNavigation(name);
  shareAddress();
  const main = document.getElementById("main");
  replace(main);
  const page = view.open(main, argument);
  document.title = page.title;
  await read(visit, page, main);
}

/** Refresh the page's data, and again after an interval, until the visit is stopped. */
async function read(visit, page, main) {
  const { signal } = visit.stop;
  let interval = INTERVAL;
  try {
    const warehouse = await page.read(signal);
    if (signal.aborted) return;
    showFailure(main, null);
    showHealth(warehouse);
    if (warehouse?.reading || isStale(warehouse)) interval = SHORT_INTERVAL;
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    showFailure(main, error);
  }
  visit.timer = setTimeout(() => {
    if (document.hidden) document.addEventListener("visibilitychange", () => read(visit, page, main), { once: true });
    else read(visit, page, main);
  }, interval);
}

function showFailure(main, error) {
  main.querySelector(":scope > .failure")?.remove();
  if (!error) return;
  const isExpected = error instanceof Failure;
  main.prepend(h("p", { class: "failure", role: "alert" }, isExpected ? error.message : String(error)));
  if (!isExpected) console.error(error);
}

followTheme();
window.addEventListener("hashchange", async () => {
  await show();
  document.getElementById("main").focus({ preventScroll: true });
  window.scrollTo(0, 0);
});
show();
