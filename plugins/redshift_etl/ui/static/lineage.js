// The lineage graph of all tables, with a list of the same content for screen readers.

import { get } from "./api.js";
import { h, replace, route } from "./dom.js";
import { STATES } from "./format.js";
import { Graph, controls } from "./graph.js";
import { reachable } from "./traversal.js";

/** Show the graph; a table that is named is selected. */
export function open(main, name) {
  const view = {
    name,
    last: "",
    graph: null,
    side: h("aside", { class: "side", "aria-live": "polite" }),
    canvas: h("div", { class: "canvas" }),
    count: h("span", { class: "quiet", role: "status" }),
    list: h("div"),
  };
  replace(main, toolbar(view), h("div", { class: "lineage" }, view.canvas, view.side), details(view));
  return { title: "Lineage · Warehouse", read: (signal) => read(view, signal) };
}

async function read(view, signal) {
  const { warehouse, ...data } = await get(["lineage"], signal);
  const text = JSON.stringify(data);
  if (text !== view.last) {
    view.last = text;
    draw(view, data);
  }
  return { warehouse };
}

function draw(view, data) {
  const previous = view.graph;
  const started = performance.now();
  view.graph = new Graph(
    data,
    (name) => describe(view, name),
    (name) => {
      window.location.hash = address(view, name);
    },
  );
  replace(
    view.canvas,
    view.graph.svg,
    controls(() => view.graph),
  );
  if (previous) Object.assign(view.graph, { x: previous.x, y: previous.y, scale: previous.scale }).move();
  else view.graph.fit();
  const selected = previous ? (previous.nodes[previous.selected]?.name ?? null) : view.name || null;
  view.graph.select(selected, { centre: !previous && selected !== null });
  requestAnimationFrame(() => setTimeout(() => performance.measure("graph drawn", { start: started }))); // after painting
  view.count.textContent = `${data.nodes.length} tables and sources`;
  if (view.listed) replace(view.list, items(view.graph));
}

function address(view, name) {
  const node = view.graph.nodes[view.graph.indexes.get(name)];
  return node.kind === "source" ? route("columns", name) : route("tables", name);
}

function toolbar(view) {
  const onInput = (event) => {
    const count = view.graph?.search(event.target.value) ?? 0;
    view.count.textContent = event.target.value
      ? `${count} found`
      : `${view.graph?.nodes.length ?? 0} tables and sources`;
  };
  const onSubmit = (event) => {
    event.preventDefault();
    const first = view.graph?.matches?.[0];
    if (first !== undefined) view.graph.select(view.graph.nodes[first].name, { centre: true, focus: true });
  };
  return h(
    "form",
    { class: "filters", submit: onSubmit },
    h("input", {
      type: "search",
      placeholder: "Find a table or source, Enter selects it",
      "aria-label": "Find in the graph",
      input: onInput,
    }),
    view.count,
  );
}

function describe(view, name) {
  if (name === null) {
    replace(
      view.side,
      h(
        "p",
        { class: "quiet" },
        "Select a table to see what it depends on and what depends on it. Drag to move, use the wheel to zoom; on the keyboard, arrows move along the edges, + − 0 zoom, Enter opens the table.",
      ),
    );
    return;
  }
  const graph = view.graph;
  const index = graph.indexes.get(name);
  const node = graph.nodes[index];
  replace(
    view.side,
    h("h3", null, name),
    h(
      "p",
      null,
      node.kind,
      node.kind === "source" ? null : [" · ", h("span", { class: `state ${node.state}` }, STATES[node.state])],
      node.incidents ? h("span", { class: "badge bad" }, `${node.incidents} open`) : null,
    ),
    h(
      "p",
      null,
      node.kind === "source" ? null : [h("a", { href: route("tables", name) }, "Open the table"), " · "],
      h("a", { href: route("columns", name) }, "Columns"),
    ),
    links(view, "Filled from", graph.inputs[index]),
    links(view, "Feeds", graph.outputs[index]),
    reachText(graph, index),
  );
}

function links(view, title, all) {
  const jump = (name) => () => view.graph.select(name, { centre: true, focus: true });
  const names = all.map((at) => view.graph.nodes[at].name);
  return [
    h("h4", null, title),
    names.length
      ? h(
          "ul",
          null,
          names.map((name) => h("li", null, h("button", { type: "button", class: "link", click: jump(name) }, name))),
        )
      : h("p", { class: "quiet" }, "nothing"),
  ];
}

function reachText(graph, index) {
  const [upstream, downstream] = [graph.inputs, graph.outputs].map((next) => reachable(next, index).size);
  return h("p", { class: "about" }, `In total it depends on ${upstream} and ${downstream} depend on it.`);
}

function details(view) {
  const toggle = (event) => {
    view.listed = event.target.open;
    if (view.listed && view.graph) replace(view.list, items(view.graph));
  };
  return h("details", { toggle }, h("summary", null, "The same as a list"), view.list);
}

function items(graph) {
  const names = (all) => (all.length ? all.map((at) => graph.nodes[at].name).join(", ") : "nothing");
  return h(
    "ul",
    null,
    graph.nodes.map((node, at) =>
      h(
        "li",
        null,
        h("a", { href: route(node.kind === "source" ? "columns" : "tables", node.name) }, node.name),
        ` (${node.kind}): from ${names(graph.inputs[at])}; feeds ${names(graph.outputs[at])}`,
      ),
    ),
  );
}
