import assert from "node:assert/strict";
import test from "node:test";

import { headline, isArriving, partNote } from "../../plugins/redshift_etl/ui/static/health.js";

const NOW = "2013-01-07T12:00:00+00:00";
const CURRENT = { now: NOW, read_at: "2013-01-07T11:59:50+00:00", reachable: true, reading: false, refreshing: false, old: false };
const OLD = { ...CURRENT, read_at: "2013-01-07T03:00:00+00:00", refreshing: true, old: true };
const FIRST = { ...CURRENT, read_at: null, reading: true, refreshing: true };
const DOWN = { ...OLD, reachable: false, error: "Refused.", failing_since: "2013-01-07T11:50:00+00:00" };
const NEVER = { ...DOWN, read_at: null };

test("current data has its time and needs no note", () => {
  assert.deepEqual(headline(CURRENT), ["", "As of 2013-01-07 11:59 UTC"]);
  assert.equal(partNote("The history", CURRENT), null);
});

test("before the first reading it says that it reads", () => {
  assert.deepEqual(headline(FIRST), ["", "Reading the warehouse…"]);
  assert.equal(partNote("The history", FIRST), "The history is being read…");
});

test("what is old says how old, and that it is being read again", () => {
  assert.deepEqual(headline(OLD), ["", "As of 2013-01-07 03:00 UTC (9 h ago); it is being read again…"]);
  assert.equal(
    partNote("The history", OLD),
    "The history was read 9 h ago, at 2013-01-07 03:00 UTC; it is being read again…",
  );
});

test("what cannot be read says since when, why, and how old the rest is", () => {
  assert.deepEqual(headline(DOWN), [
    "The warehouse cannot be read since 2013-01-07 11:50 UTC (10 min). ",
    "Refused. The data on this page was read 9 h ago, at 2013-01-07 03:00 UTC.",
  ]);
  assert.equal(
    partNote("The report", DOWN),
    "The report cannot be read since 2013-01-07 11:50 UTC (10 min): Refused. What is shown was read 9 h ago, at 2013-01-07 03:00 UTC.",
  );
});

test("without any data nothing is said of its age", () => {
  assert.equal(headline(NEVER)[1], "Refused. Only the content of the repository is shown.");
  assert.equal(
    partNote("The report", NEVER),
    "The report cannot be read since 2013-01-07 11:50 UTC (10 min): Refused.",
  );
});

test("new data is asked for soon only while it is being read", () => {
  assert.deepEqual([CURRENT, OLD, FIRST, DOWN].map(isArriving), [false, true, true, false]);
});
