// What the page says about the age of its data. Each part of a page is read by itself: the warehouse, a table's history,
// the report of an incident, the paused DAGs. The server describes each reading: `health` in ui/state.py.

import { moment, span } from "./format.js";

/** The warehouse, for the head of the page: what is wrong with it, and the rest of the text. */
export function headline(warehouse) {
  if (warehouse.reading) return ["", "Reading the warehouse…"];
  if (!warehouse.reachable) return [`The warehouse ${failing(warehouse)}. `, `${warehouse.error} ${shown(warehouse)}`];
  const again = warehouse.old ? ` (${age(warehouse)} ago); it is being read again…` : "";
  return ["", `As of ${moment(warehouse.read_at)}${again}`];
}

/** What a reader must know about one part of a page, called `name`; null when its data is current. */
export function partNote(name, part) {
  if (part.reading) return `${name} is being read…`;
  if (!part.reachable) {
    const old = part.read_at ? ` What is shown was read ${age(part)} ago, at ${moment(part.read_at)}.` : "";
    return `${name} ${failing(part)}: ${part.error}${old}`;
  }
  return part.old ? `${name} was read ${age(part)} ago, at ${moment(part.read_at)}; it is being read again…` : null;
}

/** Whether new data is about to arrive, so that the page should ask again soon. */
export function isArriving(part) {
  return part.reading || (part.reachable && part.refreshing);
}

function failing(part) {
  return `cannot be read since ${moment(part.failing_since)} (${between(part.failing_since, part.now)})`;
}

function shown(warehouse) {
  return warehouse.read_at
    ? `The data on this page was read ${age(warehouse)} ago, at ${moment(warehouse.read_at)}.`
    : "Only the content of the repository is shown.";
}

function age(part) {
  return between(part.read_at, part.now);
}

function between(start, end) {
  return span((Date.parse(end) - Date.parse(start)) / 1000);
}
