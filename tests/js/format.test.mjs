import assert from "node:assert/strict";
import test from "node:test";

import {
  ago,
  changes,
  changesInWords,
  dataWindow,
  duration,
  moment,
  number,
  size,
  span,
} from "../../plugins/redshift_etl/ui/static/format.js";

const LOAD = { inserted: 1200, updated: 3, deleted: 1, rejected: 0 };

function dayWindow(start, end) {
  return dataWindow({ window_start: start, window_end: end });
}

test("a number has thousands separators, and no value is a dash", () => {
  assert.deepEqual([12345, 0, null, undefined].map(number), ["12,345", "0", "–", "–"]);
});

test("a span has the largest unit of which there are two", () => {
  assert.deepEqual(
    [0, 1.4, 119, 120, 7199, 7200, 172799, 172800].map(span),
    ["0 s", "1 s", "119 s", "2 min", "120 min", "2 h", "48 h", "2 d"],
  );
});

test("a negative span, of a clock that is behind, is 0 s", () => {
  assert.equal(span(-5), "0 s");
});

test("a duration below ten seconds has a decimal", () => {
  assert.deepEqual([0.04, 9.99, 10, 600].map(duration), ["0.0 s", "10.0 s", "10 s", "10 min"]);
});

test("the age of a time is a span", () => {
  assert.equal(ago(new Date(Date.now() - 3 * 86400_000).toISOString()), "3 d ago");
});

test("a time has minutes and its time zone", () => {
  assert.equal(moment("2013-01-07T06:00:59+00:00"), "2013-01-07 06:00 UTC");
  assert.equal(moment(null), "–");
});

test("a window of whole days includes its last day", () => {
  assert.equal(dayWindow("2013-01-01T00:00:00+00:00", "2013-01-02T00:00:00+00:00"), "2013-01-01");
  assert.equal(dayWindow("2013-01-01T00:00:00+00:00", "2013-03-01T00:00:00+00:00"), "2013-01-01 – 2013-02-28");
});

test("a window that does not start or end at midnight has its times", () => {
  assert.equal(
    dayWindow("2013-01-01T00:00:00+00:00", "2013-01-01T06:00:00+00:00"),
    "2013-01-01 00:00 UTC – 2013-01-01 06:00 UTC",
  );
});

test("a load without a window has all rows", () => {
  assert.equal(dayWindow(null, null), "all of it");
});

test("a size from 2048 MB is in GB", () => {
  assert.deepEqual([0, 2047, 2048, 10752, null].map(size), ["0 MB", "2,047 MB", "2 GB", "10.5 GB", "–"]);
});

test("changes leave out what is 0", () => {
  assert.equal(changes(LOAD), "+1,200 ~3 −1");
  assert.equal(changes({ ...LOAD, updated: 0, deleted: 0 }), "+1,200");
  assert.equal(changes({ inserted: 0, updated: 0, deleted: 0 }), "no change");
});

test("changes in words have rejected rows only if there are any", () => {
  assert.equal(changesInWords(LOAD), "1,200 inserted, 3 updated, 1 deleted");
  assert.equal(changesInWords({ ...LOAD, rejected: 2 }), "1,200 inserted, 3 updated, 1 deleted, 2 rejected");
});
