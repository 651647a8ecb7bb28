// The incidents (failures after the last retry, and late tables) and their reports.

import { openInAirflow, runAddress } from "./airflow.js";
import { get } from "./api.js";
import { h, replace, route, tableLink } from "./dom.js";
import { ago, moment } from "./format.js";
import { partNote } from "./health.js";

/** Show all incidents, or the report of one. */
export function open(main, id) {
  const view = { id, age: h("div"), container: h("div"), last: null };
  replace(
    main,
    id
      ? h("p", { class: "path" }, h("a", { href: "#/incidents" }, "Incidents"), " / ", id)
      : h("h2", null, "Incidents"),
    view.age,
    view.container,
  );
  return {
    title: `${id || "Incidents"} · Warehouse`,
    read: (signal) => (id ? readOne(view, signal) : readAll(view, signal)),
  };
}

async function readAll(view, signal) {
  const { warehouse, parts, incidents, missing } = await get(["overview"], signal);
  const { lake } = parts;
  const age = lake ? partNote("The list of open incidents in the lake", lake) : null;
  const none = ifNone(warehouse, lake);
  replace(view.age, age ? h("p", { class: "note" }, age) : null);
  const text = JSON.stringify([incidents, missing, none]);
  if (text !== view.last) {
    view.last = text;
    const opened = incidents.filter((it) => !it.resolved_at);
    const closed = incidents.filter((it) => it.resolved_at);
    replace(
      view.container,
      missing.incidents ? h("p", { class: "note" }, `The incidents could not be read: ${missing.incidents}.`) : null,
      h("h3", null, "Open"),
      opened.length ? incidentList(opened) : h("p", { class: "quiet" }, none),
      closed.length ? [h("h3", null, "Resolved in the last 30 days"), incidentList(closed)] : null,
    );
  }
  return { warehouse, parts: lake ? [lake] : [] };
}

/** What is said where no incident is listed: the lake has those that are open when the warehouse cannot be read. */
function ifNone(warehouse, lake) {
  if (warehouse.reachable ? warehouse.read_at : lake?.read_at && lake.reachable) return "No incident is open.";
  const read = warehouse.read_at ?? lake?.read_at;
  return read ? `No incident was open at ${moment(read)}.` : "The incidents have not been read yet.";
}

async function readOne(view, signal) {
  const { lake, report } = await get(["incidents", view.id], signal);
  const age = partNote("The report", lake);
  const shown = lake.read_at ? (report ?? "There is no such incident.") : null;
  replace(view.age, age ? h("p", { class: "note" }, age) : null);
  if (shown !== view.last) {
    view.last = shown;
    replace(view.container, h("pre", { class: "report", tabindex: 0 }, shown));
  }
  return { parts: [lake] };
}

/** A list of incidents. */
export function incidentList(incidents) {
  return h("ul", { class: "incidents" }, incidents.map(entry));
}

function entry(it) {
  const times = it.resolved_at
    ? `${moment(it.opened_at)} – ${moment(it.resolved_at)}`
    : `since ${moment(it.opened_at)} (${ago(it.opened_at)})`;
  return h(
    "li",
    { class: it.resolved_at ? "resolved" : "open" },
    h("p", null, h("a", { href: route("incidents", it.id) }, it.summary || it.error_class || it.id)),
    h(
      "p",
      { class: "about" },
      it.tables.map((table) => [tableLink(table), " · "]),
      it.source ? `${it.source} · ` : null,
      h("a", { href: runAddress(it.dag_id, it.run_id), click: openInAirflow }, `${it.dag_id}.${it.task_id}`),
      ` · ${it.error_class} · ${times}${it.occurrences > 1 ? ` · ${it.occurrences} failures` : ""}`,
    ),
    h("p", { class: "about" }, `To act: ${it.who_acts}`),
  );
}
