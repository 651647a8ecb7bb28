"""The catalogue as static pages: the same contracts and lineage as the Warehouse page, without warehouse or server."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from redshift_etl.catalog import pages
from redshift_etl.catalog.repository import Repository

STYLES = Path(__file__).parents[1] / "ui" / "static"
LOADS = {
    "full_refresh": "full refresh: the whole table each time",
    "incremental": "incremental: the newest version of each key wins",
    "partition": "by day: the days that are stale are built again",
    "append": "append only",
}
NOW = datetime.fromtimestamp(0, UTC)  # without a snapshot no page depends on it


def build(repository: Repository, folder: Path) -> list[Path]:
    """Write the site; returns its pages. Pages of an earlier build are removed first."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.html"):
        old.unlink()
    for name in ("page.css", "components.css"):
        shutil.copy(STYLES / name, folder / name)
    texts = render(repository)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def render(repository: Repository) -> dict[str, str]:
    """The pages as HTML, by file name. All values are escaped."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    tables = {name: pages.table_page(repository, None, name, NOW) for name in repository.tables}
    schemas = sorted({name.split(".", 1)[0] for name in tables}, key=lambda it: (it == pages.BOOKKEEPING, it))
    index = templates.get_template("index.html").render(schemas=schemas, tables=tables)
    table = templates.get_template("table.html")
    return {"index.html": index} | {
        f"{name}.html": table.render(page=page, tables=tables, LOADS=LOADS) for name, page in tables.items()
    }
