import assert from "node:assert/strict";
import test from "node:test";

import { NODE, layout } from "../../plugins/redshift_etl/ui/static/layout.js";

function nodes(count) {
  return Array.from({ length: count }, (_, index) => ({ name: `t${index}` }));
}

/** A graph that is the same in every run: each node but the first has one to three inputs before it. */
function generatedEdges(count) {
  let state = 2013;
  const random = (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state % below;
  };
  return Array.from({ length: count - 1 }, (_, index) =>
    Array.from({ length: 1 + random(3) }, () => [random(index + 1), index + 1]),
  ).flat();
}

function overlaps({ positions }) {
  return positions.flatMap((a, left) =>
    positions
      .slice(left + 1)
      .filter((b) => Math.abs(a.x - b.x) < NODE.width && Math.abs(a.y - b.y) < NODE.height - 1e-6),
  ).length;
}

test("an input is left of what it feeds", () => {
  const edges = [
    [2, 1],
    [1, 0],
    [2, 0],
  ];
  const { positions } = layout(nodes(3), edges);
  for (const [from, to] of edges) assert.ok(positions[from].x + NODE.width < positions[to].x);
});

test("a cycle and an edge to itself end the layout all the same", () => {
  const { positions } = layout(nodes(3), [
    [0, 1],
    [1, 0],
    [1, 2],
    [2, 2],
  ]);
  assert.ok(positions[1].x < positions[2].x);
});

test("no two nodes overlap, and all are within the size", () => {
  for (const count of [2, 40, 300]) {
    const placed = layout(nodes(count), generatedEdges(count));
    assert.equal(placed.positions.length, count);
    assert.equal(overlaps(placed), 0, `${count} nodes`);
    for (const { x, y } of placed.positions) {
      assert.ok(x >= 0 && x + NODE.width <= placed.width);
      assert.ok(y >= 0 && y + NODE.height <= placed.height + 1e-6);
    }
  }
});

test("a layer of many nodes has several columns", () => {
  const edges = Array.from({ length: 100 }, (_, index) => [index + 1, 0]);
  const placed = layout(nodes(101), edges);
  assert.ok(new Set(placed.positions.slice(1).map(({ x }) => x)).size > 1);
  assert.ok(placed.width > placed.height);
});

test("nodes without edges are below the others", () => {
  const { positions } = layout(nodes(4), [
    [0, 1],
    [3, 3],
  ]);
  const linked = Math.max(positions[0].y, positions[1].y);
  assert.ok(positions[2].y > linked + NODE.height && positions[3].y > linked + NODE.height);
  assert.notEqual(positions[2].x, positions[3].x);
});

test("an empty graph has the size of one node", () => {
  assert.deepEqual(layout([], []), { positions: [], width: NODE.width, height: NODE.height });
});
