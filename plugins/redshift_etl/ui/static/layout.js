// Positions the nodes of a graph in layers, inputs left of outputs. Pure.

import { neighbours } from "./traversal.js";

export const NODE = { width: 190, height: 26 };
const GAP = { x: 90, y: 10, column: 14 };
const MIN_ROWS = 16; // rows of a layer before it gets a second column
const SHAPE = 1.5; // rows for a graph of n nodes: SHAPE * sqrt(n), so that it is wider than high
const SWEEPS = 6;

/** The position of each node, in pixels: {positions: [{x, y}], width, height}. `edges` are pairs of indexes. */
export function layout(nodes, edges) {
  const { inputs, outputs } = neighbours(
    nodes.length,
    edges.filter(([from, to]) => from !== to),
  );
  const linked = nodes.map((_, at) => inputs[at].length + outputs[at].length > 0);
  const layers = inLayers(ranks(inputs, outputs), linked);
  order(layers, inputs, outputs);
  const positions = nodes.map(() => ({ x: 0, y: 0 }));
  assignPositions(layers, positions, inputs, outputs, Math.max(MIN_ROWS, Math.ceil(SHAPE * Math.sqrt(nodes.length))));
  const bottom = Math.max(0, ...positions.map((position) => position.y + NODE.height));
  assignUnlinked(positions, linked, Math.ceil(Math.sqrt(nodes.length) / 2), bottom ? bottom + 4 * GAP.y : 0);
  return {
    positions,
    width: Math.max(...positions.map((position) => position.x), 0) + NODE.width,
    height: Math.max(...positions.map((position) => position.y), 0) + NODE.height,
  };
}

/** The length of the longest path from a source; an edge that closes a cycle is not counted. */
function ranks(inputs, outputs) {
  const rank = inputs.map(() => 0);
  const missing = inputs.map((list) => list.length);
  const ready = missing.flatMap((count, at) => (count ? [] : [at]));
  const done = new Set();
  while (done.size < inputs.length) {
    if (!ready.length) ready.push(missing.findIndex((_, at) => !done.has(at)));
    const at = ready.pop();
    if (done.has(at)) continue;
    done.add(at);
    for (const to of outputs[at]) {
      if (done.has(to)) continue;
      rank[to] = Math.max(rank[to], rank[at] + 1);
      missing[to] -= 1;
      if (!missing[to]) ready.push(to);
    }
  }
  return rank;
}

function inLayers(rank, linked) {
  const layers = [];
  rank.forEach((layer, at) => {
    if (linked[at]) (layers[layer] ??= []).push(at);
  });
  return layers.filter(Boolean);
}

/** Sort each layer by the mean position of its nodes' neighbours, forward and backward, for fewer crossings. */
function order(layers, inputs, outputs) {
  const position = [];
  const number = (layer) =>
    layer.forEach((at, index) => {
      position[at] = index / Math.max(layer.length - 1, 1);
    });
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    const adjacent = forward ? inputs : outputs;
    for (const layer of forward ? layers : layers.toReversed()) {
      const mean = new Map(
        layer.map((at) => [
          at,
          average(
            adjacent[at].map((other) => position[other]),
            position[at],
          ),
        ]),
      );
      layer.sort((left, right) => mean.get(left) - mean.get(right));
      number(layer);
    }
  }
}

function average(values, otherwise) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : otherwise;
}

/**
 * Assign x and y. A layer of more than `maxRows` nodes has several columns; the nodes of any other layer are placed near
 * their neighbours, in the layer's order. No two nodes overlap.
 */
function assignPositions(layers, positions, inputs, outputs, maxRows) {
  const height = Math.min(maxRows, Math.max(...layers.map((layer) => layer.length), 0)) * (NODE.height + GAP.y);
  let left = 0;
  for (const layer of layers) {
    const across = Math.ceil(layer.length / maxRows);
    const top = (height - Math.ceil(layer.length / across) * (NODE.height + GAP.y)) / 2;
    layer.forEach((at, index) => {
      positions[at] = {
        x: left + (index % across) * (NODE.width + GAP.column),
        y: top + Math.floor(index / across) * (NODE.height + GAP.y),
      };
    });
    left += across * (NODE.width + GAP.column) - GAP.column + GAP.x;
  }
  const free = layers.filter((layer) => layer.length <= maxRows);
  for (const [ordered, adjacent] of [
    [free, inputs],
    [free.toReversed(), outputs],
    [free, inputs],
  ]) {
    for (const layer of ordered) {
      const desired = layer.map((at) =>
        average(
          adjacent[at].map((other) => positions[other].y),
          positions[at].y,
        ),
      );
      separate(desired).forEach((y, index) => {
        positions[layer[index]].y = y;
      });
    }
  }
  const top = Math.min(...layers.flat().map((at) => positions[at].y));
  layers.flat().forEach((at) => {
    positions[at].y -= top;
  });
}

/** Move desired heights apart to the minimum distance; a block that was moved is centred on its desired heights. */
function separate(desired) {
  const step = NODE.height + GAP.y;
  const blocks = [];
  desired.forEach((y, index) => {
    blocks.push({ sum: y, count: 1, top: y, first: index });
    while (blocks.length > 1) {
      const [above, below] = blocks.slice(-2);
      if (above.top + above.count * step <= below.top) break;
      blocks.length -= 2;
      const count = above.count + below.count;
      const sum = above.sum + below.sum - below.count * above.count * step;
      blocks.push({ sum, count, top: sum / count, first: above.first });
    }
  });
  return blocks.flatMap((block) => Array.from({ length: block.count }, (_, index) => block.top + index * step));
}

/** Assign positions to nodes without edges, in rows below the others. */
function assignUnlinked(positions, linked, columns, top) {
  const across = Math.max(columns, 5);
  linked
    .flatMap((isLinked, at) => (isLinked ? [] : [at]))
    .forEach((at, index) => {
      positions[at] = {
        x: (index % across) * (NODE.width + GAP.x),
        y: top + Math.floor(index / across) * (NODE.height + GAP.y),
      };
    });
}
