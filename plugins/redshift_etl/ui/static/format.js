// How numbers, times and states are written. Times are UTC, as everywhere in the warehouse.

const NUMBER = new Intl.NumberFormat("en");
const STEPS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

export const STATES = {
  fresh: "Fresh",
  late: "Late",
  stale: "Stale",
  never: "Never loaded",
  unmonitored: "Not monitored",
  unknown: "Unknown",
};

export const LOADS = {
  full_refresh: "full refresh",
  incremental: "incremental",
  partition: "by day",
  append: "append",
};

/** 12,345; a dash for no value. */
export function number(value) {
  return value === null || value === undefined ? "–" : NUMBER.format(value);
}

/** A span of seconds in its largest unit: 3 d, 26 h, 5 min. Below two of a unit the next smaller one is used. */
export function span(seconds) {
  for (const [length, unit] of STEPS) {
    if (seconds >= 2 * length) return `${Math.round(seconds / length)} ${unit}`;
  }
  return `${Math.max(0, Math.round(seconds))} s`;
}

/** How long a task took. */
export function duration(seconds) {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : span(seconds);
}

/** "5 min ago", by this computer's clock; the exact time belongs into a title. */
export function ago(iso) {
  return `${span((Date.now() - Date.parse(iso)) / 1000)} ago`;
}

/** 2013-01-07 06:00 UTC */
export function moment(iso) {
  return iso ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : "–";
}

/** The data window of a load: a day, or from and to (both included when they are whole days). */
export function dataWindow(load) {
  if (!load.window_start) return "all of it";
  const start = load.window_start;
  const end = load.window_end;
  if (start.slice(11, 19) !== "00:00:00" || end.slice(11, 19) !== "00:00:00")
    return `${moment(start)} – ${moment(end)}`;
  const last = new Date(Date.parse(end) - 86400000).toISOString().slice(0, 10);
  return last === start.slice(0, 10) ? last : `${start.slice(0, 10)} – ${last}`;
}

/** Megabytes as Redshift counts them: blocks of 1 MB. */
export function size(mb) {
  if (mb === null || mb === undefined) return "–";
  return mb < 2048 ? `${NUMBER.format(mb)} MB` : `${NUMBER.format(Math.round(mb / 102.4) / 10)} GB`;
}

/** "+12 ~3 −1": inserted, updated, deleted, of those that are not 0. */
export function changes(load) {
  const parts = [
    ["+", load.inserted],
    ["~", load.updated],
    ["−", load.deleted],
  ].filter(([, count]) => count);
  return parts.length ? parts.map(([sign, count]) => sign + number(count)).join(" ") : "no change";
}

/** The same in words, for a title or a screen reader. */
export function changesInWords(load) {
  return [
    `${number(load.inserted)} inserted, ${number(load.updated)} updated, ${number(load.deleted)} deleted`,
    ...(load.marked_deleted ? [`${number(load.marked_deleted)} marked as deleted`] : []),
    ...(load.rejected ? [`${number(load.rejected)} rejected`] : []),
  ].join(", ");
}
