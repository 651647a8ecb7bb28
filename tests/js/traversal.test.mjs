import assert from "node:assert/strict";
import test from "node:test";

import { neighbours, reachable, search, step } from "../../plugins/redshift_etl/ui/static/traversal.js";

// 0 and 1 feed 2, which feeds 3 and 4.
const EDGES = [
  [0, 2],
  [1, 2],
  [2, 3],
  [2, 4],
];
const LINKS = neighbours(5, EDGES);
const POSITIONS = [
  { x: 0, y: 0 },
  { x: 0, y: 40 },
  { x: 100, y: 30 },
  { x: 200, y: 0 },
  { x: 200, y: 40 },
];

test("each node has its inputs and outputs", () => {
  assert.deepEqual(LINKS.inputs, [[], [], [0, 1], [2], [2]]);
  assert.deepEqual(LINKS.outputs, [[2], [2], [3, 4], [], []]);
});

test("all nodes upstream and downstream are reachable, without the start", () => {
  assert.deepEqual([...reachable(LINKS.inputs, 3)].toSorted(), [0, 1, 2]);
  assert.deepEqual([...reachable(LINKS.outputs, 0)].toSorted(), [2, 3, 4]);
  assert.equal(reachable(LINKS.outputs, 4).size, 0);
});

test("a cycle is walked once", () => {
  const { outputs } = neighbours(3, [
    [0, 1],
    [1, 2],
    [2, 0],
  ]);
  assert.deepEqual([...reachable(outputs, 0)].toSorted(), [1, 2]);
});

test("a search matches names that contain every word, in any case", () => {
  const nodes = ["core.flights", "core.planes", "mart.flights_day"].map((name) => ({ name }));
  assert.deepEqual(search(nodes, "FLIGHTS core"), [0]);
  assert.deepEqual(search(nodes, "flights"), [0, 2]);
  assert.deepEqual(search(nodes, "  "), []);
});

test("an arrow key moves to the nearest node in its direction", () => {
  const move = (key, index) => step(key, index, POSITIONS, LINKS);
  assert.equal(move("ArrowLeft", 2), 1);
  assert.equal(move("ArrowRight", 2), 4);
  assert.equal(move("ArrowDown", 3), 4);
  assert.equal(move("ArrowUp", 1), 0);
});

test("an arrow key without a node in its direction, and any other key, moves to none", () => {
  const move = (key, index) => step(key, index, POSITIONS, LINKS);
  assert.equal(move("ArrowLeft", 0), undefined);
  assert.equal(move("ArrowUp", 0), undefined);
  assert.equal(move("Home", 2), undefined);
});
