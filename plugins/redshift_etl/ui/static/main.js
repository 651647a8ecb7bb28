// Selects the view by the address and refreshes its data.

import { followTheme, shareAddress } from "./airflow.js";
import { Failure } from "./api.js";
import { h, replace } from "./dom.js";
import * as columns from "./columns.js";
import { headline, isArriving } from "./health.js";
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
  const [problem, text] = warehouse ? headline(warehouse) : ["", ""];
  replace(status, problem ? h("strong", null, problem) : null, text);
  status.classList.toggle("down", problem !== "");
}

function showVersion(version) {
  if (version) document.getElementById("version").textContent = `redshift-airflow ${version}`;
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
  main.classList.add("waiting"); // an empty table and a count of 0 would be wrong
  main.prepend(h("p", { class: "wait", role: "status" }, "Reading the contracts and the warehouse…"));
  await read(visit, page, main);
}

/**
 * Refresh the page's data, and again after an interval, until the visit is stopped. `page.read` draws it and returns the
 * state of the warehouse, if the data is from there, and of the parts that are read by themselves.
 */
async function read(visit, page, main) {
  const { signal } = visit.stop;
  let interval = INTERVAL;
  try {
    const { warehouse, parts = [] } = await page.read(signal);
    if (signal.aborted) return;
    showFailure(main, null);
    main.classList.remove("waiting");
    showHealth(warehouse);
    const all = warehouse ? [warehouse, ...parts] : parts;
    showVersion(all[0]?.version);
    if (all.some(isArriving)) interval = SHORT_INTERVAL;
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
  main.querySelectorAll(":scope > .failure, :scope > .wait").forEach((it) => it.remove());
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
