// Charts of loads. Each has a text with the same content.

import { h, s } from "./dom.js";
import { changesInWords, dataWindow, moment, number } from "./format.js";

const SPARK = { width: 96, height: 20 };
const CHART = { width: 800, height: 160, bottom: 20, top: 22 };
const SERIES = ["inserted", "updated", "deleted"];

/** The rows that the last loads changed, oldest first, as bars. */
export function sparkline(values) {
  if (!values.length) return h("span", { class: "quiet" }, "–");
  const maximum = Math.max(...values, 1);
  const step = SPARK.width / 30;
  const from = SPARK.width - values.length * step;
  const paths = values.map((value, at) => {
    const height = value ? Math.max(1.5, (value / maximum) * SPARK.height) : 0.5;
    return `M${(from + at * step).toFixed(1)} ${SPARK.height}v${-height.toFixed(1)}h${(step - 0.8).toFixed(1)}v${height.toFixed(1)}z`;
  });
  const label = `Rows changed by the last ${values.length} loads; ${number(values.at(-1))} by the last, ${number(maximum)} at most`;
  return s(
    "svg",
    {
      class: "spark",
      viewBox: `0 0 ${SPARK.width} ${SPARK.height}`,
      width: SPARK.width,
      height: SPARK.height,
      role: "img",
      "aria-label": label,
    },
    s("path", { d: paths.join("") }),
  );
}

/** Rows inserted, updated and deleted by each load, oldest first; arrow keys or the pointer select one of them. */
export function historyChart(loads) {
  const shown = loads.toReversed();
  const top = Math.max(...shown.map((load) => load.changed), 1);
  const readout = h(
    "p",
    { class: "readout", "aria-live": "polite" },
    "Point at a bar, or focus the chart and use the arrow keys.",
  );
  const step = CHART.width / Math.max(shown.length, 30);
  const height = (count) => (count / top) * (CHART.height - CHART.bottom - CHART.top);
  const cursor = s("rect", {
    class: "cursor",
    y: 0,
    width: step,
    height: CHART.height - CHART.bottom,
    visibility: "hidden",
  });
  const svg = s(
    "svg",
    {
      class: "history",
      viewBox: `0 0 ${CHART.width} ${CHART.height}`,
      tabindex: 0,
      role: "img",
      "aria-label": `Rows changed by each of the last ${shown.length} loads, ${number(top)} at most`,
    },
    cursor,
    SERIES.map((name) => s("path", { class: name, d: bars(shown, name, step, height) })),
    axis(shown, top),
  );
  listen(svg, shown, step, cursor, readout);
  return h("figure", { class: "chart" }, legend(), svg, h("figcaption", null, readout));
}

function bars(loads, name, step, height) {
  return loads
    .map((load, at) => {
      const before = SERIES.slice(0, SERIES.indexOf(name)).reduce((sum, series) => sum + load[series], 0);
      const size = load[name] ? Math.max(height(load[name]), 1) : 0;
      const y = CHART.height - CHART.bottom - height(before);
      return size
        ? `M${(at * step).toFixed(2)} ${y.toFixed(1)}v${-size.toFixed(1)}h${(step * 0.82).toFixed(2)}v${size.toFixed(1)}z`
        : "";
    })
    .join("");
}

function axis(loads, top) {
  const base = CHART.height - CHART.bottom;
  const label = (x, text, anchor) => s("text", { x, y: CHART.height - 5, "text-anchor": anchor }, text);
  return s(
    "g",
    { class: "axis", "aria-hidden": "true" },
    s("line", { x1: 0, x2: CHART.width, y1: base, y2: base }),
    s("text", { x: CHART.width, y: 14, "text-anchor": "end" }, `${number(top)} rows`),
    loads.length ? [label(0, moment(loads[0].at), "start"), label(CHART.width, moment(loads.at(-1).at), "end")] : null,
  );
}

function legend() {
  return h(
    "ul",
    { class: "legend" },
    SERIES.map((name) => h("li", { class: name }, name)),
  );
}

function listen(svg, loads, step, cursor, readout) {
  let at = loads.length;
  const show = (index) => {
    if (!loads.length) return;
    at = Math.min(Math.max(index, 0), loads.length - 1);
    const load = loads[at];
    cursor.setAttribute("x", at * step);
    cursor.setAttribute("visibility", "visible");
    readout.textContent = `${moment(load.at)}, data of ${dataWindow(load)}: ${changesInWords(load)}, ${load.seconds.toFixed(1)} s`;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    show(Math.floor((((event.clientX - box.left) / box.width) * CHART.width) / step));
  });
  svg.addEventListener("keydown", (event) => {
    const target = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: loads.length - 1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    show(target);
  });
}
