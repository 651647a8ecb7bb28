// Elements made of data. Text only ever becomes a text node, so nothing that a table, a comment or an error says is
// read as markup; addresses are made by `route` alone.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** An HTML element; a function among the attributes listens to the event of its name. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** The address of a view of this page, its parts escaped. */
export function route(...parts) {
  return "#/" + parts.map(encodeURIComponent).join("/");
}

/** A link to a table's page. */
export function tableLink(name, known = true) {
  return known ? h("a", { href: route("tables", name) }, name) : h("span", { class: "source" }, name);
}

/** Put children into an element in place of what it has. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}
