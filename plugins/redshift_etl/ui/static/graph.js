// Draws the lineage graph as SVG, with zoom, drag, search and navigation by arrow keys.

import { h, s } from "./dom.js";
import { STATES } from "./format.js";
import { NODE, layout } from "./layout.js";
import { neighbours, reachable, search, step } from "./traversal.js";

const ZOOM = { step: 1.25, minimum: 0.05, maximum: 3 };
const MARGIN = 24;
const LABEL_CHARS = 27;
const MARKED_STATES = new Set(["late", "stale", "never"]);

/** The graph's SVG and its state. `onSelect` is called with a node's name or null, `onOpen` with a node's name. */
export class Graph {
  constructor({ nodes, edges }, onSelect, onOpen) {
    this.nodes = nodes;
    this.edges = edges;
    this.onSelect = onSelect;
    this.onOpen = onOpen;
    this.indexes = new Map(nodes.map((node, index) => [node.name, index]));
    Object.assign(this, neighbours(nodes.length, edges), layout(nodes, edges));
    this.selected = null;
    this.draw();
    this.listen();
  }

  draw() {
    this.lines = s(
      "g",
      { class: "edges", "aria-hidden": "true" },
      this.edges.map(([from, to]) => s("path", { d: this.curve(from, to) })),
    );
    this.marks = this.nodes.map((node, index) => this.mark(node, index));
    this.view = s("g", null, this.lines, s("g", null, this.marks));
    this.svg = s(
      "svg",
      {
        class: "graph",
        role: "group",
        "aria-label": `Lineage of ${this.nodes.length} tables and sources. Arrow keys move along the edges, Enter opens a table.`,
      },
      this.view,
    );
    if (this.marks.length) this.marks[0].setAttribute("tabindex", 0);
  }

  curve(from, to) {
    const x1 = this.positions[from].x + NODE.width;
    const y1 = this.positions[from].y + NODE.height / 2;
    const x2 = this.positions[to].x;
    const y2 = this.positions[to].y + NODE.height / 2;
    const bend = Math.max(30, (x2 - x1) / 2);
    return `M${x1} ${y1.toFixed(1)}C${x1 + bend} ${y1.toFixed(1)} ${x2 - bend} ${y2.toFixed(1)} ${x2} ${y2.toFixed(1)}`;
  }

  mark(node, index) {
    const { x, y } = this.positions[index];
    const short = node.name.length > LABEL_CHARS ? `${node.name.slice(0, LABEL_CHARS - 1)}…` : node.name;
    const mark = node.incidents ? "incident" : MARKED_STATES.has(node.state) ? node.state : "";
    return s(
      "g",
      {
        class: `node ${node.kind} ${mark}`,
        transform: `translate(${x} ${y.toFixed(1)})`,
        role: "button",
        tabindex: -1,
        "aria-label": this.label(node, index),
        "data-index": index,
      },
      s("rect", { width: NODE.width, height: NODE.height, rx: node.kind === "source" ? NODE.height / 2 : 4 }),
      s("text", { x: 10, y: NODE.height / 2 + 4 }, mark ? `● ${short}` : short),
      short === node.name ? null : s("title", null, node.name),
    );
  }

  label(node, index) {
    const incidents = node.incidents ? `, ${node.incidents} open incidents` : "";
    const state = node.kind === "source" ? "" : `, ${STATES[node.state].toLowerCase()}`;
    return `${node.name}, ${node.kind}${state}${incidents}, ${this.inputs[index].length} inputs, ${this.outputs[index].length} outputs`;
  }

  /** Fit the whole graph into the element, which must be in the document. */
  fit() {
    const box = this.svg.getBoundingClientRect();
    const scale = Math.min((box.width - 2 * MARGIN) / this.width, (box.height - 2 * MARGIN) / this.height, 1);
    this.scale = Math.max(scale, ZOOM.minimum);
    this.x = (box.width - this.width * this.scale) / 2;
    this.y = (box.height - this.height * this.scale) / 2;
    this.move();
  }

  move() {
    this.view.setAttribute("transform", `translate(${this.x} ${this.y}) scale(${this.scale})`);
  }

  /** Zoom by a factor around a point of the element, by default its centre. */
  zoom(factor, point) {
    const box = this.svg.getBoundingClientRect();
    const { x, y } = point ?? { x: box.width / 2, y: box.height / 2 };
    const scale = Math.min(Math.max(this.scale * factor, ZOOM.minimum), ZOOM.maximum);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.move();
  }

  /** Move a node to the centre and make it large enough to read. */
  centre(index) {
    const box = this.svg.getBoundingClientRect();
    this.scale = Math.max(this.scale, 0.8);
    this.x = box.width / 2 - (this.positions[index].x + NODE.width / 2) * this.scale;
    this.y = box.height / 2 - (this.positions[index].y + NODE.height / 2) * this.scale;
    this.move();
  }

  /** Select a node (or none) and highlight its upstream and downstream nodes. */
  select(name, { centre, focus } = {}) {
    const index = this.indexes.get(name) ?? null;
    this.selected = index;
    const related = index === null ? null : this.relatedTo(index);
    this.highlight(related, (from, to) => related.has(from) && related.has(to));
    this.marks.forEach((mark, other) => mark.classList.toggle("selected", other === index));
    if (index !== null) this.makeFocusable(index, focus);
    if (index !== null && centre) this.centre(index);
    this.onSelect(index === null ? null : name);
  }

  relatedTo(index) {
    return new Set([index, ...reachable(this.inputs, index), ...reachable(this.outputs, index)]);
  }

  /** Highlight the nodes that match the text; returns how many. An empty text highlights none. */
  search(text) {
    this.matches = search(this.nodes, text);
    this.highlight(text.trim() ? new Set(this.matches) : null, () => false);
    return this.matches.length;
  }

  /** Highlight a set of nodes and the edges of which `isEdgeIncluded` is true; null ends the highlighting. */
  highlight(included, isEdgeIncluded) {
    this.svg.classList.toggle("shaded", included !== null);
    this.marks.forEach((mark, index) => mark.classList.toggle("bright", included?.has(index) ?? false));
    [...this.lines.children].forEach((line, index) =>
      line.classList.toggle("bright", included !== null && isEdgeIncluded(...this.edges[index])),
    );
  }

  makeFocusable(index, focus) {
    this.svg.querySelector('[tabindex="0"]')?.setAttribute("tabindex", -1);
    this.marks[index].setAttribute("tabindex", 0);
    if (focus) this.marks[index].focus({ preventScroll: true });
  }

  listen() {
    this.svg.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const box = this.svg.getBoundingClientRect();
        this.zoom(ZOOM.step ** (-event.deltaY / 100), { x: event.clientX - box.left, y: event.clientY - box.top });
      },
      { passive: false },
    );
    this.svg.addEventListener("dblclick", (event) => {
      const mark = nodeOf(event);
      if (mark) this.onOpen(this.nodes[mark.dataset.index].name);
    });
    this.svg.addEventListener("keydown", (event) => {
      const mark = nodeOf(event);
      if (this.handleKey(event.key, mark ? Number(mark.dataset.index) : null)) event.preventDefault();
    });
    this.drag();
  }

  drag() {
    let start = null;
    this.svg.addEventListener("pointerdown", (event) => {
      start = { x: event.clientX, y: event.clientY, left: this.x, top: this.y, moved: false };
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (!start || !event.buttons) return;
      const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
      if (!start.moved && Math.hypot(dx, dy) < 4) return;
      if (!start.moved) this.svg.setPointerCapture(event.pointerId);
      start.moved = true;
      [this.x, this.y] = [start.left + dx, start.top + dy];
      this.move();
    });
    this.svg.addEventListener("pointerup", (event) => {
      const dragged = start?.moved;
      start = null;
      if (dragged) return;
      const mark = nodeOf(event);
      this.select(mark ? this.nodes[mark.dataset.index].name : null);
    });
  }

  /** Handle a key at a node (null for none). Returns whether the key has a function. */
  handleKey(key, index) {
    const zooms = {
      "+": () => this.zoom(ZOOM.step),
      "-": () => this.zoom(1 / ZOOM.step),
      0: () => this.fit(),
      Escape: () => this.select(null),
    };
    if (zooms[key]) {
      zooms[key]();
      return true;
    }
    if (index === null) return false;
    if (key === "Enter") this.onOpen(this.nodes[index].name);
    else if (key === " ") this.select(this.nodes[index].name);
    else {
      const next = step(key, index, this.positions, this);
      if (next === undefined) return key.startsWith("Arrow");
      this.select(this.nodes[next].name, { centre: true, focus: true });
    }
    return true;
  }
}

function nodeOf(event) {
  return event.target.closest?.(".node");
}

/** Buttons for zoom. `graph` returns the current graph. */
export function controls(graph) {
  const button = (label, title, click) => h("button", { type: "button", title, "aria-label": title, click }, label);
  return h(
    "div",
    { class: "controls", role: "group", "aria-label": "Zoom" },
    button("+", "Zoom in", () => graph().zoom(ZOOM.step)),
    button("−", "Zoom out", () => graph().zoom(1 / ZOOM.step)),
    button("⤢", "Show all", () => graph().fit()),
  );
}
