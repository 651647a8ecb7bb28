// The structure of the lineage graph: neighbours, reachable nodes, search and steps by arrow key. Pure.

/** The neighbours of each of `count` nodes: {inputs, outputs}. `edges` are pairs of indexes. */
export function neighbours(count, edges) {
  const inputs = Array.from({ length: count }, () => []);
  const outputs = Array.from({ length: count }, () => []);
  for (const [from, to] of edges) {
    inputs[to].push(from);
    outputs[from].push(to);
  }
  return { inputs, outputs };
}

/** The set of nodes that can be reached from `start` through `next` (inputs or outputs), without `start`. */
export function reachable(next, start) {
  const reached = new Set();
  const pending = [...next[start]];
  while (pending.length) {
    const index = pending.pop();
    if (!reached.has(index) && index !== start) {
      reached.add(index);
      pending.push(...next[index]);
    }
  }
  return reached;
}

/** The indexes of the nodes whose names contain all words of the text; none for no words. */
export function search(nodes, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  return nodes.flatMap((node, index) => (words.every((word) => node.name.toLowerCase().includes(word)) ? [index] : []));
}

/** The node that an arrow key moves to from `index`; undefined if there is none in that direction. */
export function step(key, index, positions, { inputs, outputs }) {
  const { x, y } = positions[index];
  const distance = (other) => Math.abs(positions[other].y - y);
  const nearest = (indexes) => indexes.toSorted((left, right) => distance(left) - distance(right))[0];
  const sameColumn = (matches) => positions.flatMap((it, other) => (it.x === x && matches(it.y) ? [other] : []));
  if (key === "ArrowLeft") return nearest(inputs[index]);
  if (key === "ArrowRight") return nearest(outputs[index]);
  if (key === "ArrowUp") return nearest(sameColumn((other) => other < y));
  if (key === "ArrowDown") return nearest(sameColumn((other) => other > y));
  return undefined;
}
