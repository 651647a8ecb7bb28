// Places the nodes of a graph in layers, what feeds left of what is fed. Pure: numbers in, numbers out.

export const NODE = { width: 190, height: 26 };
const GAP = { x: 90, y: 10, near: 14 };
const SHORTEST = 16; // rows of a layer before it takes a second column
const SHAPE = 1.5; // rows for a graph of n nodes: SHAPE * sqrt(n), so that it is wider than high
const SWEEPS = 6;

/** Where each node goes: {places: [{x, y}], width, height}. `edges` are pairs of places in `nodes`. */
export function layout(nodes, edges) {
  const inputs = nodes.map(() => []);
  const outputs = nodes.map(() => []);
  for (const [from, to] of edges) {
    if (from === to) continue;
    inputs[to].push(from);
    outputs[from].push(to);
  }
  const linked = nodes.map((_, at) => inputs[at].length + outputs[at].length > 0);
  const layers = inLayers(ranks(inputs, outputs), linked);
  order(layers, inputs, outputs);
  const places = nodes.map(() => ({ x: 0, y: 0 }));
  settle(layers, places, inputs, outputs, Math.max(SHORTEST, Math.ceil(SHAPE * Math.sqrt(nodes.length))));
  const bottom = Math.max(0, ...places.map((place) => place.y + NODE.height));
  shelve(places, linked, Math.ceil(Math.sqrt(nodes.length) / 2), bottom ? bottom + 4 * GAP.y : 0);
  return {
    places,
    width: Math.max(...places.map((place) => place.x), 0) + NODE.width,
    height: Math.max(...places.map((place) => place.y), 0) + NODE.height,
  };
}

/** The longest way from a source; an edge that closes a circle is left out of the count. */
function ranks(inputs, outputs) {
  const rank = inputs.map(() => 0);
  const waiting = inputs.map((list) => list.length);
  const ready = waiting.flatMap((count, at) => (count ? [] : [at]));
  const done = new Set();
  while (done.size < inputs.length) {
    if (!ready.length) ready.push(waiting.findIndex((_, at) => !done.has(at)));
    const at = ready.pop();
    if (done.has(at)) continue;
    done.add(at);
    for (const to of outputs[at]) {
      if (done.has(to)) continue;
      rank[to] = Math.max(rank[to], rank[at] + 1);
      waiting[to] -= 1;
      if (!waiting[to]) ready.push(to);
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

/** Fewer crossings: each node moves to the mean of its neighbours, forward and back some times. */
function order(layers, inputs, outputs) {
  const place = [];
  const number = (layer) =>
    layer.forEach((at, index) => {
      place[at] = index / Math.max(layer.length - 1, 1);
    });
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    const neighbours = forward ? inputs : outputs;
    for (const layer of forward ? layers : [...layers].reverse()) {
      const mean = new Map(
        layer.map((at) => [
          at,
          average(
            neighbours[at].map((other) => place[other]),
            place[at],
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
 * Columns and heights. A layer of more than `most` nodes stands in several columns, the nodes of one row side by side;
 * any other is near its neighbours, in the layer's order. No node is on top of another.
 */
function settle(layers, places, inputs, outputs, most) {
  const tall = Math.min(most, Math.max(...layers.map((layer) => layer.length), 0)) * (NODE.height + GAP.y);
  let left = 0;
  for (const layer of layers) {
    const across = Math.ceil(layer.length / most);
    const top = (tall - Math.ceil(layer.length / across) * (NODE.height + GAP.y)) / 2;
    layer.forEach((at, index) => {
      places[at] = {
        x: left + (index % across) * (NODE.width + GAP.near),
        y: top + Math.floor(index / across) * (NODE.height + GAP.y),
      };
    });
    left += across * (NODE.width + GAP.near) - GAP.near + GAP.x;
  }
  const free = layers.filter((layer) => layer.length <= most);
  for (const [ordered, neighbours] of [
    [free, inputs],
    [[...free].reverse(), outputs],
    [free, inputs],
  ]) {
    for (const layer of ordered) {
      const wish = layer.map((at) =>
        average(
          neighbours[at].map((other) => places[other].y),
          places[at].y,
        ),
      );
      spread(wish).forEach((y, index) => {
        places[layer[index]].y = y;
      });
    }
  }
  const top = Math.min(...layers.flat().map((at) => places[at].y));
  layers.flat().forEach((at) => {
    places[at].y -= top;
  });
}

/** Push wishes apart to the least distance, and centre each run that was pushed on what it wished. */
function spread(wish) {
  const step = NODE.height + GAP.y;
  const blocks = [];
  wish.forEach((y, index) => {
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

/** Nodes without any edge, in rows below the rest. */
function shelve(places, linked, wide, top) {
  const across = Math.max(wide, 5);
  linked
    .flatMap((is, at) => (is ? [] : [at]))
    .forEach((at, index) => {
      places[at] = {
        x: (index % across) * (NODE.width + GAP.x),
        y: top + Math.floor(index / across) * (NODE.height + GAP.y),
      };
    });
}
