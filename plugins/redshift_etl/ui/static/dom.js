// Creates elements from data. Texts become text nodes only, so no text of a table, a comment or an error is parsed as
// markup. Addresses within the page come from `route`.

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

/** An HTML element; an attribute that is a function is added as a listener of the event with its name. */
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
export function tableLink(name) {
  return h("a", { href: route("tables", name) }, name);
}

/** Columns of other tables: [{table, column, kind}]. */
export function originList(origins) {
  return origins.map((it) =>
    h(
      "p",
      { class: "origin" },
      h("code", null, `${it.table}.${it.column}`),
      " ",
      h("span", { class: "about" }, it.kind.toLowerCase()),
    ),
  );
}

/** Replace the children of an element. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}
