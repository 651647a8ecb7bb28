import assert from "node:assert/strict";
import test from "node:test";

import {
  COLUMNS,
  filterRows,
  isAscending,
  problems,
  sortRows,
} from "../../plugins/redshift_etl/ui/static/table_list.js";

const ROW = { kind: "table", owner: "us", description: "", state: "fresh", spark: [], checks: {}, incidents: 0 };
const ROWS = [
  { ...ROW, name: "core.a", rows: 5, description: "Orders of the shop" },
  { ...ROW, name: "core.b", state: "late", rows: null, owner: "finance" },
  { ...ROW, name: "core.c", rows: 7, checks: { failed: 2 }, incidents: 1, problem: "broken" },
  { ...ROW, name: "etl.loads", kind: "bookkeeping", state: "unmonitored", rows: 9 },
];
const ALL = { text: "", state: "", bookkeeping: true };

function names(rows) {
  return rows.map((row) => row.name);
}

test("a table needs a look for incidents, failed checks, a broken file, and data that is late, stale or missing", () => {
  assert.deepEqual(ROWS.map(problems), [0, 1, 4, 0]);
  assert.equal(problems({ ...ROW, state: "stale", stale_days: 3, missing_days: 2 }), 2);
});

test("bookkeeping tables are shown only if they are wanted", () => {
  assert.deepEqual(names(filterRows(ROWS, ALL)), ["core.a", "core.b", "core.c", "etl.loads"]);
  assert.deepEqual(names(filterRows(ROWS, { ...ALL, bookkeeping: false })), ["core.a", "core.b", "core.c"]);
});

test("every word must be in the name, owner or description", () => {
  assert.deepEqual(names(filterRows(ROWS, { ...ALL, text: "SHOP core" })), ["core.a"]);
  assert.deepEqual(names(filterRows(ROWS, { ...ALL, text: "finance" })), ["core.b"]);
  assert.deepEqual(names(filterRows(ROWS, { ...ALL, text: "shop finance" })), []);
});

test("a state selects its tables, and `problem` those with problems", () => {
  assert.deepEqual(names(filterRows(ROWS, { ...ALL, state: "late" })), ["core.b"]);
  assert.deepEqual(names(filterRows(ROWS, { ...ALL, state: "problem" })), ["core.b", "core.c"]);
});

test("by default the tables with most reasons for a look are first, then by name", () => {
  const sorted = sortRows(ROWS, { sort: "state", reverse: false });
  assert.deepEqual(names(sorted), ["core.c", "core.b", "core.a", "etl.loads"]);
});

test("counts are sorted from the largest, a missing one last, and reversed the other way", () => {
  assert.deepEqual(names(sortRows(ROWS, { sort: "rows", reverse: false })), ["etl.loads", "core.c", "core.a", "core.b"]);
  assert.deepEqual(names(sortRows(ROWS, { sort: "rows", reverse: true })), ["core.b", "core.a", "core.c", "etl.loads"]);
});

test("every column can be sorted, and its direction is the one that is shown", () => {
  for (const { id, by } of COLUMNS) {
    for (const reverse of [false, true]) {
      const keys = sortRows(ROWS, { sort: id, reverse }).map((row) => [by(row)].flat()[0]);
      const ordered = isAscending({ sort: id, reverse }) ? keys : keys.toReversed();
      for (let index = 1; index < ordered.length; index += 1) assert.ok(ordered[index - 1] <= ordered[index], id);
    }
  }
});
