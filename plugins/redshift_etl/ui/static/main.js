// Which view is shown, and how often its data is read.

import { followTheme, shareAddress } from "./airflow.js";
import { Failure } from "./api.js";
import { h, replace } from "./dom.js";
import { moment, span } from "./format.js";
import * as columns from "./columns.js";
import * as incidents from "./incidents.js";
import * as lineage from "./lineage.js";
import * as overview from "./overview.js";
import * as table from "./table.js";

const READ_EVERY = 15000; // ms; the server looks at the warehouse no oftener
const READ_AGAIN = 500; // ms; while the warehouse is read for the first time

const VIEWS = { "": overview, tables: table, lineage, columns, incidents };

let current = null; // {stop, timer}

/** What the hash names: a view and its argument. */
function where() {
  const [view = "", ...rest] = window.location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return { view: VIEWS[view] ?? overview, argument: rest.join("/"), name: view };
}

function showPlace(name) {
  for (const link of document.querySelectorAll("nav a")) {
    const target = link.getAttribute("href").replace(/^#\/?/, "");
    const home = { tables: "", columns: "lineage" }[name] ?? name;
    if (target === home) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function showHealth(warehouse) {
  const place = document.getElementById("health");
  if (!warehouse) return;
  if (warehouse.reading) replace(place, "Reading the warehouse…");
  else if (warehouse.reachable) replace(place, `As of ${moment(warehouse.read_at)}`);
  else replace(place, ...unreachable(warehouse));
  place.classList.toggle("down", !warehouse.reachable);
}

/** What came is older than the server lets it get: it is being read again, and will be there in a moment. */
function old(warehouse) {
  return warehouse?.reachable && Date.parse(warehouse.now) - Date.parse(warehouse.read_at) > READ_EVERY;
}

function unreachable(warehouse) {
  const lasted = (Date.parse(warehouse.now) - Date.parse(warehouse.failing_since)) / 1000;
  const known = warehouse.read_at
    ? `What you see was read at ${moment(warehouse.read_at)}.`
    : "Only what the repository says is shown.";
  return [
    h("strong", null, `The warehouse cannot be read since ${moment(warehouse.failing_since)} (${span(lasted)}). `),
    `${warehouse.error} ${known}`,
  ];
}

async function show() {
  if (current) {
    current.stop.abort();
    clearTimeout(current.timer);
  }
  const { view, argument, name } = where();
  const visit = { stop: new AbortController(), timer: 0 };
  current = visit;
  showPlace(name);
  shareAddress();
  const main = document.getElementById("main");
  replace(main);
  const page = view.open(main, argument);
  document.title = page.title;
  await read(visit, page, main);
}

async function read(visit, page, main) {
  let again = READ_EVERY;
  try {
    const warehouse = await page.read(visit.stop.signal);
    if (visit.stop.signal.aborted) return;
    main.querySelector(":scope > .failure")?.remove();
    showHealth(warehouse);
    if (warehouse?.reading || old(warehouse)) again = READ_AGAIN;
  } catch (error) {
    if (visit.stop.signal.aborted || error.name === "AbortError") return;
    main.querySelector(":scope > .failure")?.remove();
    main.prepend(h("p", { class: "failure", role: "alert" }, error instanceof Failure ? error.message : String(error)));
    if (!(error instanceof Failure)) console.error(error);
  }
  visit.timer = setTimeout(() => {
    if (document.hidden) document.addEventListener("visibilitychange", () => read(visit, page, main), { once: true });
    else read(visit, page, main);
  }, again);
}

followTheme();
window.addEventListener("hashchange", async () => {
  await show();
  document.getElementById("main").focus({ preventScroll: true });
  window.scrollTo(0, 0);
});
show();
