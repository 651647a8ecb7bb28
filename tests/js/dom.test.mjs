// What the page creates from data, on a document that has only what dom.js uses.

import assert from "node:assert/strict";
import test from "node:test";

import { runAddress } from "../../plugins/redshift_etl/ui/static/airflow.js";
import { sparkline } from "../../plugins/redshift_etl/ui/static/chart.js";
import { groupByTable } from "../../plugins/redshift_etl/ui/static/columns.js";
import { h, originList, replace, route, tableLink } from "../../plugins/redshift_etl/ui/static/dom.js";
import { days } from "../../plugins/redshift_etl/ui/static/history.js";

class Element {
  constructor(tag) {
    Object.assign(this, { tag, attributes: {}, children: [], listeners: {} });
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }

  append(...children) {
    this.children.push(...children);
  }

  replaceChildren(...children) {
    this.children = children;
  }

  get text() {
    return this.children.map((child) => child.text ?? child).join("");
  }
}

globalThis.document = {
  createElement: (tag) => new Element(tag),
  createElementNS: (namespace, tag) => new Element(tag),
};

const MARKUP = "<img src=x onerror=alert(1)>";

test("a text stays a text, in a child and in an attribute", () => {
  const element = h("p", { title: MARKUP }, MARKUP, [" and ", h("b", null, MARKUP)]);
  assert.equal(element.attributes.title, MARKUP);
  assert.deepEqual(element.children.slice(0, 2), [MARKUP, " and "]);
  assert.equal(element.children[2].tag, "b");
});

test("null, undefined and false are neither children nor attributes; true is an empty attribute", () => {
  const element = h("input", { checked: true, disabled: false, title: null }, null, false, undefined, 0);
  assert.deepEqual(element.attributes, { checked: "" });
  assert.deepEqual(element.children, [0]);
});

test("a function is a listener and no attribute", () => {
  const listener = () => {};
  const element = h("button", { click: listener });
  assert.equal(element.listeners.click, listener);
  assert.deepEqual(element.attributes, {});
});

test("replacing removes the children of before", () => {
  const element = h("p", null, "old");
  replace(element, "new", [null, ["er"]]);
  assert.equal(element.text, "newer");
});

test("an address is escaped in each of its parts", () => {
  assert.equal(route("tables", "a/b?c#d"), "#/tables/a%2Fb%3Fc%23d");
  assert.equal(tableLink("core.a").attributes.href, "#/tables/core.a");
});

test("an address of Airflow begins with its base, whatever a DAG or a run is called", () => {
  for (const base of ["", "/airflow"]) {
    globalThis.window = { location: { pathname: `${base}/warehouse/` } };
    assert.equal(runAddress("javascript:alert(1)", ""), `${base}/dags/javascript%3Aalert(1)`);
    assert.equal(runAddress("//evil.example", "../?a#b"), `${base}/dags/%2F%2Fevil.example/runs/..%2F%3Fa%23b`);
  }
});

test("an origin has its table, column and kind", () => {
  const [origin] = originList([{ table: "core.a", column: "x", kind: "IDENTITY" }]);
  assert.equal(origin.text, "core.a.x identity");
});

test("linked columns are grouped by table, each column once", () => {
  const columns = [
    { from: [{ table: "a", column: "x" }, { table: "b", column: "y" }] },
    { from: [{ table: "a", column: "z" }, { table: "a", column: "x" }] },
  ];
  assert.deepEqual(groupByTable(columns, "from"), [
    { name: "a", columns: ["x", "z"] },
    { name: "b", columns: ["y"] },
  ]);
});

test("more than ten days are counted", () => {
  const all = Array.from({ length: 12 }, (_, index) => `d${index}`);
  assert.equal(days(all.slice(0, 2)), "d0, d1");
  assert.equal(days(all), "d0, d1, d2, d3, d4, d5, d6, d7, d8, d9 and 2 more");
});

test("a sparkline has a bar for each load and a text with the same content", () => {
  const chart = sparkline([0, 10, 5]);
  assert.deepEqual(chart.children[0].attributes.d.match(/v-[\d.]+/g), ["v-0.5", "v-20", "v-10"]);
  assert.equal(chart.attributes["aria-label"], "Rows changed by the last 3 loads; 5 by the last, 10 at most");
  assert.equal(sparkline([]).text, "–");
});
