"""How fast the Warehouse page is with 500 tables and a year of daily loads, in headless Chromium.

    python -m bench.page [FOLDER]

Prints the median and the worst of nine visits, from the click to what is drawn, and leaves pictures in FOLDER. Needs
Chromium, and `plugins` in PYTHONPATH.
"""

from __future__ import annotations

import logging
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from local_redshift.testing import pytest_plugin
from tests.ui import sample_warehouse
from tests.ui.conftest import Page, page_over

TABLES, DAYS, VISITS = 500, 365, 9
TABLE = "core.crew_003"
VIEWS = {
    "tables": ("", "tables drawn", 300),
    "table": (f"tables/{TABLE}", "table drawn", 300),
    "lineage": ("lineage", "graph drawn", 1000),
}
PICTURES = {
    "warehouse-tables": ("", ".state.fresh", "light"),
    "warehouse-table": (f"tables/{TABLE}", "svg.history", "dark"),
    "warehouse-lineage": (f"lineage/{TABLE}", ".side h3", "light"),
    "warehouse-columns": (f"columns/{TABLE}", "svg.columns", "dark"),
    "warehouse-incidents": ("incidents", ".incidents a", "light"),
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
REACHED = "(mark) => performance.getEntriesByName(mark).map((it) => it.startTime + it.duration)[0]"


def visit(context: Any, page: Page, place: str, mark: str) -> float:
    """Milliseconds from the navigation to the mark that the page sets when the view is drawn."""
    tab = context.new_page()
    tab.goto(f"{page.url}/#/{place}")
    tab.wait_for_function(REACHED, arg=mark)
    taken = float(tab.evaluate(REACHED, mark))
    tab.close()
    return taken


def measure(context: Any, page: Page) -> None:
    """Print a line a view."""
    for name, (place, mark, limit) in VIEWS.items():
        visit(context, page, place, mark)
        taken = [visit(context, page, place, mark) for _ in range(VISITS)]
        print(
            f"{name:8} median {statistics.median(taken):4.0f} ms, worst {max(taken):4.0f} ms (limit {limit})",
            flush=True,
        )


def picture(context: Any, page: Page, folder: Path) -> None:
    """A picture a view."""
    for name, (place, wanted, theme) in PICTURES.items():
        tab = context.new_page()
        tab.emulate_media(color_scheme=theme)
        tab.goto(f"{page.url}/#/{place}")
        tab.wait_for_selector(wanted, timeout=60_000)
        tab.wait_for_timeout(500)
        tab.screenshot(path=str(folder / f"{name}.png"))
        tab.close()


def main(arguments: list[str]) -> None:
    """Build the sample warehouse, measure its pages, remove it."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("The page is not measured: there is no `chromium` in PATH.")
    logging.getLogger("redshift_etl").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as made, sync_playwright() as started:
        folder = Path(made)
        for name in ("redshift", "page", "chromium"):
            (folder / name).mkdir()
        with (
            pytest_plugin.running(folder / "redshift") as server,
            page_over(server, folder / "page", TABLES, DAYS) as page,
        ):
            sample_warehouse.insert_incident(
                page.dsn, f"core.{page.sample.core[0]}", "The batch has the same key more than once."
            )
            context = started.chromium.launch_persistent_context(
                str(folder / "chromium"), executable_path=chromium, args=FLAGS, color_scheme="light",
                viewport={"width": 1360, "height": 860},
            )  # fmt: skip
            context.add_cookies([{"name": "_token", "value": page.viewer, "url": page.url}])
            tab = context.new_page()
            tab.goto(page.url + "/")
            tab.wait_for_selector(".state.fresh", timeout=120_000)
            measure(context, page)
            if arguments:
                picture(context, page, Path(arguments[0]))
                server.process.terminate()
                tab.wait_for_selector("#health.down", timeout=120_000)
                tab.screenshot(path=str(Path(arguments[0]) / "warehouse-down.png"))
            context.close()


if __name__ == "__main__":
    main(sys.argv[1:])
