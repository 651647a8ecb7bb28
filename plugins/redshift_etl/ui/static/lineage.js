// The graph of all tables, with a list that says the same for those who cannot see it.

import { get } from "./api.js";
import { h, replace, route } from "./dom.js";
import { STATES } from "./format.js";
import { Graph, controls } from "./graph.js";

/** Show the graph, one table chosen if it is named. */
export function open(main, name) {
  const view = {
    name,
    last: "",
    graph: null,
    side: h("aside", { class: "side", "aria-live": "polite" }),
    place: h("div", { class: "canvas" }),
    count: h("span", { class: "quiet", role: "status" }),
    list: h("div"),
  };
  replace(main, toolbar(view), h("div", { class: "lineage" }, view.place, view.side), details(view));
  return { title: "Lineage · Warehouse", read: (signal) => read(view, signal) };
}

async function read(view, signal) {
  const { warehouse, ...data } = await get(["lineage"], signal);
  const text = JSON.stringify(data);
  if (text !== view.last) {
    view.last = text;
    draw(view, data);
  }
  return warehouse;
}

function draw(view, data) {
  const before = view.graph;
  const started = performance.now();
  view.graph = new Graph(
    data,
    (name) => choose(view, name),
    (name) => {
      window.location.hash = address(view, name);
    },
  );
  replace(
    view.place,
    view.graph.svg,
    controls(() => view.graph),
  );
  if (before) Object.assign(view.graph, { x: before.x, y: before.y, scale: before.scale }).move();
  else view.graph.fit();
  const chosen = before ? (before.selected === null ? null : before.nodes[before.selected].name) : view.name || null;
  view.graph.choose(chosen, { centre: !before && chosen !== null });
  requestAnimationFrame(() => setTimeout(() => performance.measure("graph drawn", { start: started }))); // after painting
  view.count.textContent = `${data.nodes.length} tables and sources`;
  if (view.listed) replace(view.list, items(view.graph));
}

function address(view, name) {
  const node = view.graph.nodes[view.graph.at.get(name)];
  return node.kind === "source" ? route("columns", name) : route("tables", name);
}

function toolbar(view) {
  const typed = (event) => {
    const found = view.graph?.search(event.target.value) ?? 0;
    view.count.textContent = event.target.value
      ? `${found} found`
      : `${view.graph?.nodes.length ?? 0} tables and sources`;
  };
  const enter = (event) => {
    event.preventDefault();
    const first = view.graph?.found?.[0];
    if (first !== undefined) view.graph.choose(view.graph.nodes[first].name, { centre: true, focus: true });
  };
  return h(
    "form",
    { class: "filters", submit: enter },
    h("input", {
      type: "search",
      placeholder: "Find a table or source, Enter goes there",
      "aria-label": "Find in the graph",
      input: typed,
    }),
    view.count,
  );
}

function choose(view, name) {
  if (name === null) {
    replace(
      view.side,
      h(
        "p",
        { class: "quiet" },
        "Choose a table to see what it depends on and what depends on it. Drag moves, the wheel zooms; with the keyboard, arrows walk, + − 0 zoom, Enter opens.",
      ),
    );
    return;
  }
  const graph = view.graph;
  const at = graph.at.get(name);
  const node = graph.nodes[at];
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
    links(view, "Filled from", graph.inputs[at]),
    links(view, "Feeds", graph.outputs[at]),
    reach(view, at),
  );
}

function links(view, title, all) {
  const jump = (name) => () => view.graph.choose(name, { centre: true, focus: true });
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

function reach(view, at) {
  const { graph } = view;
  return h(
    "p",
    { class: "about" },
    `In all it depends on ${graph.reach(graph.inputs, at).size} and ${graph.reach(graph.outputs, at).size} depend on it.`,
  );
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
        h("a", { href: node.kind === "source" ? route("columns", node.name) : route("tables", node.name) }, node.name),
        ` (${node.kind}): from ${names(graph.inputs[at])}; feeds ${names(graph.outputs[at])}`,
      ),
    ),
  );
}
