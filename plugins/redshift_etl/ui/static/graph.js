// Draws a graph as SVG: it can be zoomed, moved, searched, and walked with the arrow keys.

import { h, s } from "./dom.js";
import { STATES } from "./format.js";
import { NODE, layout } from "./layout.js";

const ZOOM = { step: 1.25, least: 0.05, most: 3 };
const MARGIN = 24;
const LABEL_CHARS = 27;
const WITH_STATE = new Set(["late", "never"]);

/** A drawn graph. `chosen` is called with a name, or null, when a node is chosen; `opened` when it is opened. */
export class Graph {
  constructor({ nodes, edges }, chosen, opened) {
    this.nodes = nodes;
    this.edges = edges;
    this.chosen = chosen;
    this.opened = opened;
    this.at = new Map(nodes.map((node, index) => [node.name, index]));
    this.inputs = nodes.map(() => []);
    this.outputs = nodes.map(() => []);
    for (const [from, to] of edges) {
      this.inputs[to].push(from);
      this.outputs[from].push(to);
    }
    Object.assign(this, layout(nodes, edges));
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
        "aria-label": `Lineage of ${this.nodes.length} tables and sources. Arrow keys walk along it, Enter opens a table.`,
      },
      this.view,
    );
    if (this.marks.length) this.marks[0].setAttribute("tabindex", 0);
  }

  curve(from, to) {
    const x1 = this.places[from].x + NODE.width;
    const y1 = this.places[from].y + NODE.height / 2;
    const x2 = this.places[to].x;
    const y2 = this.places[to].y + NODE.height / 2;
    const bend = Math.max(30, (x2 - x1) / 2);
    return `M${x1} ${y1.toFixed(1)}C${x1 + bend} ${y1.toFixed(1)} ${x2 - bend} ${y2.toFixed(1)} ${x2} ${y2.toFixed(1)}`;
  }

  mark(node, index) {
    const { x, y } = this.places[index];
    const short = node.name.length > LABEL_CHARS ? `${node.name.slice(0, LABEL_CHARS - 1)}…` : node.name;
    const trouble = node.incidents ? "incident" : WITH_STATE.has(node.state) ? node.state : "";
    return s(
      "g",
      {
        class: `node ${node.kind} ${trouble}`,
        transform: `translate(${x} ${y.toFixed(1)})`,
        role: "button",
        tabindex: -1,
        "aria-label": this.words(node, index),
        "data-at": index,
      },
      s("rect", { width: NODE.width, height: NODE.height, rx: node.kind === "source" ? NODE.height / 2 : 4 }),
      s("text", { x: 10, y: NODE.height / 2 + 4 }, trouble ? `● ${short}` : short),
      short === node.name ? null : s("title", null, node.name),
    );
  }

  words(node, index) {
    const trouble = node.incidents ? `, ${node.incidents} open incidents` : "";
    const state = node.kind === "source" ? "" : `, ${STATES[node.state].toLowerCase()}`;
    return `${node.name}, ${node.kind}${state}${trouble}, ${this.inputs[index].length} inputs, ${this.outputs[index].length} outputs`;
  }

  /** Show all of it. The element must be in the page. */
  fit() {
    const box = this.svg.getBoundingClientRect();
    const scale = Math.min((box.width - 2 * MARGIN) / this.width, (box.height - 2 * MARGIN) / this.height, 1);
    this.scale = Math.max(scale, ZOOM.least);
    this.x = (box.width - this.width * this.scale) / 2;
    this.y = (box.height - this.height * this.scale) / 2;
    this.move();
  }

  move() {
    this.view.setAttribute("transform", `translate(${this.x} ${this.y}) scale(${this.scale})`);
  }

  /** Zoom by a factor around a point of the element, else its middle. */
  zoom(factor, point) {
    const box = this.svg.getBoundingClientRect();
    const { x, y } = point ?? { x: box.width / 2, y: box.height / 2 };
    const scale = Math.min(Math.max(this.scale * factor, ZOOM.least), ZOOM.most);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.move();
  }

  /** Bring a node to the middle, large enough to read. */
  centre(index) {
    const box = this.svg.getBoundingClientRect();
    this.scale = Math.max(this.scale, 0.8);
    this.x = box.width / 2 - (this.places[index].x + NODE.width / 2) * this.scale;
    this.y = box.height / 2 - (this.places[index].y + NODE.height / 2) * this.scale;
    this.move();
  }

  /** Choose a node (or none): what it depends on and what depends on it stays bright. */
  choose(name, { centre = false, focus = false } = {}) {
    const index = name === null ? undefined : this.at.get(name);
    this.selected = index ?? null;
    const bright =
      index === undefined
        ? null
        : new Set([index, ...this.reach(this.inputs, index), ...this.reach(this.outputs, index)]);
    this.shade(bright, (from, to) => bright.has(from) && bright.has(to));
    this.marks.forEach((mark, at) => mark.classList.toggle("selected", at === index));
    if (index !== undefined) {
      this.rove(index, focus);
      if (centre) this.centre(index);
    }
    this.chosen(index === undefined ? null : name);
  }

  /** Light the nodes whose names have all the words; returns how many. Shows everything for no words. */
  search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.nodes.flatMap((node, index) =>
      words.every((word) => node.name.toLowerCase().includes(word)) ? [index] : [],
    );
    this.found = words.length ? found : [];
    this.shade(words.length ? new Set(found) : null, () => false);
    return this.found.length;
  }

  shade(bright, lit) {
    this.svg.classList.toggle("shaded", bright !== null);
    this.marks.forEach((mark, at) => mark.classList.toggle("bright", bright?.has(at) ?? false));
    [...this.lines.children].forEach((line, at) =>
      line.classList.toggle("bright", bright !== null && lit(...this.edges[at])),
    );
  }

  reach(steps, start) {
    const found = new Set();
    const waiting = [...steps[start]];
    while (waiting.length) {
      const at = waiting.pop();
      if (!found.has(at) && at !== start) {
        found.add(at);
        waiting.push(...steps[at]);
      }
    }
    return found;
  }

  rove(index, focus) {
    this.svg.querySelector('[tabindex="0"]')?.setAttribute("tabindex", -1);
    this.marks[index].setAttribute("tabindex", 0);
    if (focus) this.marks[index].focus({ preventScroll: true });
  }

  listen() {
    const nodeOf = (event) => event.target.closest?.(".node");
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
      if (mark) this.opened(this.nodes[mark.dataset.at].name);
    });
    this.svg.addEventListener("keydown", (event) => {
      const mark = nodeOf(event);
      if (this.key(event.key, mark ? Number(mark.dataset.at) : null)) event.preventDefault();
    });
    this.drag(nodeOf);
  }

  drag(nodeOf) {
    let from = null;
    this.svg.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX, y: event.clientY, left: this.x, top: this.y, moved: false };
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (!from || !event.buttons) return;
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      if (!from.moved && Math.hypot(dx, dy) < 4) return;
      if (!from.moved) this.svg.setPointerCapture(event.pointerId);
      from.moved = true;
      [this.x, this.y] = [from.left + dx, from.top + dy];
      this.move();
    });
    this.svg.addEventListener("pointerup", (event) => {
      const dragged = from?.moved;
      from = null;
      if (dragged) return;
      const mark = nodeOf(event);
      this.choose(mark ? this.nodes[mark.dataset.at].name : null);
    });
  }

  /** What a key does at a node (or nowhere); whether it did something. */
  key(key, at) {
    const zooms = {
      "+": () => this.zoom(ZOOM.step),
      "-": () => this.zoom(1 / ZOOM.step),
      0: () => this.fit(),
      Escape: () => this.choose(null),
    };
    if (zooms[key]) {
      zooms[key]();
      return true;
    }
    if (at === null) return false;
    if (key === "Enter") this.opened(this.nodes[at].name);
    else if (key === " ") this.choose(this.nodes[at].name);
    else {
      const next = this.step(key, at);
      if (next === undefined) return key.startsWith("Arrow");
      this.choose(this.nodes[next].name, { centre: true, focus: true });
    }
    return true;
  }

  step(key, at) {
    const { x, y } = this.places[at];
    const nearest = (all) =>
      [...all].sort((left, right) => Math.abs(this.places[left].y - y) - Math.abs(this.places[right].y - y))[0];
    const layer = (wanted) => this.places.flatMap((place, index) => (place.x === x && wanted(place.y) ? [index] : []));
    if (key === "ArrowLeft") return nearest(this.inputs[at]);
    if (key === "ArrowRight") return nearest(this.outputs[at]);
    if (key === "ArrowUp") return nearest(layer((other) => other < y));
    if (key === "ArrowDown") return nearest(layer((other) => other > y));
    return undefined;
  }
}

/** The buttons that do what the keys do. */
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
