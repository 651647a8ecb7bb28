"""The catalogue as static pages: the same contracts and lineage as the Warehouse page, without warehouse or server."""

from __future__ import annotations

import html
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redshift_etl.catalog import pages
from redshift_etl.catalog.pages import Json
from redshift_etl.catalog.repository import Repository

STYLES = Path(__file__).parents[1] / "ui" / "static"
LOADS = {
    "full_refresh": "full refresh: the whole table each time",
    "incremental": "incremental: the newest version of each key wins",
    "partition": "by day: the days that are stale are built again",
    "append": "append only",
}
NOW = datetime.fromtimestamp(0, UTC)  # without a snapshot no page depends on it


class Markup(str):
    """HTML that is made already; any other text is escaped where it is put in."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: str) -> Markup:
    """An element; ``class_`` is its class."""
    held = "".join(f' {key.rstrip("_")}="{html.escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{held}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Markup:
    """Children one after the other, text escaped, None left out."""
    parts = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(str(child))
        elif isinstance(child, list | tuple):
            parts.append(join(child))
        elif child is not None:
            parts.append(html.escape(str(child)))
    return Markup("".join(parts))


def build(repository: Repository, folder: Path) -> list[Path]:
    """Write the site; returns its pages. Pages that an earlier build left behind are removed first."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.html"):
        old.unlink()
    for name in ("page.css", "parts.css"):
        shutil.copy(STYLES / name, folder / name)
    tables = {name: pages.table_page(repository, None, name, NOW) for name in repository.tables}
    files = {folder / "index.html": _index(tables)}
    files |= {folder / f"{name}.html": _page(page, tables) for name, page in tables.items()}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def _document(title: str, *body: object) -> str:
    head = (
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<link rel="stylesheet" href="page.css"><link rel="stylesheet" href="parts.css">'),
        tag("title", title),
    )
    top = tag("header", tag("h1", tag("a", "Warehouse catalogue", href="index.html")), class_="top")
    return f'<!doctype html>\n<html lang="en">{tag("head", head)}{tag("body", top, tag("main", body))}</html>\n'


def _index(tables: Mapping[str, Json]) -> str:
    schemas = sorted({name.split(".", 1)[0] for name in tables})
    order = sorted(schemas, key=lambda schema: (schema == pages.BOOKKEEPING, schema))
    return _document("Warehouse catalogue", [_schema(schema, tables) for schema in order])


def _schema(schema: str, tables: Mapping[str, Json]) -> Markup:
    rows = [
        (_link(name), page["description"] or page["problem"], page["owner"], page["load"].replace("_", " "))
        for name, page in tables.items()
        if name.startswith(f"{schema}.")
    ]
    return join([tag("h2", schema), _table(("Table", "What a row is", "Owner", "Loaded"), rows)])


def _link(name: str) -> Markup:
    return tag("a", name, href=f"{name}.html")


def _names(names: Iterable[str], tables: Mapping[str, Json]) -> Markup:
    """Tables as links, sources as text."""
    linked = [_link(name) if name in tables else tag("span", name) for name in names]
    return Markup(", ".join(linked)) or tag("span", "nothing", class_="quiet")


def _table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> Markup:
    head = tag("tr", [tag("th", text, scope="col") for text in headings])
    body = [tag("tr", [tag("td", cell) for cell in row]) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", body)), class_="scroll")


def _page(page: Json, tables: Mapping[str, Json]) -> str:
    parts: list[object] = [tag("h2", page["name"]), tag("p", page["description"], class_="lead")]
    if page["problem"]:
        parts.append(tag("p", page["problem"], class_="failure"))
    if "contract" in page:
        parts += [_facts(page, tables), tag("h3", "Columns"), _columns(page, tables), tag("h3", "SQL"), _sql(page)]
    return _document(f"{page['name']} · Warehouse catalogue", parts)


def _facts(page: Json, tables: Mapping[str, Json]) -> Markup:
    contract, within = page["contract"], page["fresh_within_s"]
    facts: dict[str, Any] = {
        "Owner": page["owner"],
        "Loaded": LOADS[page["load"]],
        "Key": ", ".join(contract["key"]) or "none",
        "Newest wins by": contract["version"],
        "Deleted when set": contract["deleted"],
        "Its day": contract["day"],
        "Fresh": f"within {within / 3600:g} hours" if within else "no promise",
        "Kept": contract["retention"],
        "Filled from": _names(page["inputs"], tables),
        "Feeds": _names(page["outputs"], tables),
        "Contract": contract["file"],
    }
    shown = [tag("div", tag("dt", term), tag("dd", value)) for term, value in facts.items() if value]
    return tag("dl", shown, class_="facts")


def _columns(page: Json, tables: Mapping[str, Json]) -> Markup:
    rows = [
        (
            (tag("code", column["name"]), tag("span", "key", class_="badge") if column["key"] else None),
            (tag("code", column["type"]), None if column["nullable"] else tag("p", "never NULL", class_="about")),
            (column["comment"], _more(column, tables)),
            [_origin(origin, tables) for origin in column["from"]],
        )
        for column in page["columns"]
    ]
    return _table(("Column", "Type", "What it is", "Comes from"), rows)


def _more(column: Json, tables: Mapping[str, Json]) -> list[Markup]:
    reference, accepted = column["references"], column["accepted"]
    texts = [f"one of {', '.join(accepted)}"] if accepted else []
    found = [tag("p", text, class_="about") for text in texts]
    if reference:
        found.append(
            tag("p", "refers to ", _names([reference["table"]], tables), f".{reference['column']}", class_="about")
        )
    return found


def _origin(origin: Json, tables: Mapping[str, Json]) -> Markup:
    how = tag("span", origin["kind"].lower(), class_="about")
    return tag("p", _names([origin["table"]], tables), ".", tag("code", origin["column"]), " ", how, class_="origin")


def _sql(page: Json) -> list[Markup]:
    return [
        tag(
            "details",
            tag("summary", f"{part['title']} ", tag("code", part["file"])),
            tag("pre", tag("code", part["text"])),
        )
        for part in page["sql"]
    ]
