"""What the page says in Chromium before it has data, and when the data of one of its parts is old or cannot be read."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from local_redshift.storage import embedded_postgres
from local_redshift.testing.pytest_plugin import RedshiftServer
from tests.ui import sample_warehouse, slow_warehouse
from tests.ui.conftest import Page, login, page_of, running
from tests.ui.slow_warehouse import SlowWarehouse
from tests.ui.test_browser import browser_context, pytestmark

__all__ = ["browser_context", "pytestmark"]

MART = "mart.orders_day_000"
ROUTES = ("", f"tables/{MART}", "lineage", "incidents")
INCIDENT = "20130102T031500-core-orders-1a2b3c4d"

# What a person sees in each frame, and when (ms after the navigation), and whether a table without rows is among it.
WATCH = """
window.frames_ = [];
const look = () => {
  const shown = (it) => it.checkVisibility({ visibilityProperty: true });
  const empty = [...document.querySelectorAll("table")].some((it) => shown(it) && !it.querySelector("tbody tr"));
  if (document.body) window.frames_.push([performance.now(), document.body.innerText, empty]);
  requestAnimationFrame(look);
};
look();
"""


@contextlib.contextmanager
def slow_page(
    server: RedshiftServer, folder: Path, max_age: float | None = None
) -> Iterator[tuple[Page, SlowWarehouse]]:
    """A page that has just started, over a warehouse that does not respond until its gate is opened."""
    sample = sample_warehouse.build(folder / "sql", 6)
    database = server.connection(server.new_database())
    sample_warehouse.create_bookkeeping(database.connect)
    dsn = embedded_postgres.dsn(server.pg, database.database)
    sample_warehouse.insert_history(dsn, sample, 5)
    with slow_warehouse.in_front_of(database.host, database.port) as relay:
        connection = {**login(database), "host": "127.0.0.1", "port": relay.port}
        with running(folder, sample.sql, connection, max_age) as served:
            yield page_of(served, sample, dsn), relay


@contextlib.contextmanager
def opened(context: BrowserContext, page: Page, route: str) -> Iterator[Tab]:
    """A tab that records what it shows from the first frame on."""
    context.add_cookies([{"name": "_token", "value": page.viewer, "url": page.url}])
    tab = context.new_page()
    tab.add_init_script(WATCH)
    tab.goto(f"{page.url}/#/{route}")
    yield tab
    tab.close()


def frames(tab: Tab) -> list[tuple[float, str, bool]]:
    """What was seen until now."""
    return [(moment, text, empty) for moment, text, empty in tab.evaluate("window.frames_")]


def head(tab: Tab) -> str:
    """What the page says of the warehouse."""
    return tab.locator("#health").inner_text()


def test_the_first_visit_says_within_a_second_that_it_reads_and_counts_nothing_until_it_has(
    redshift_server: RedshiftServer, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with slow_page(redshift_server, tmp_path) as (page, relay), contextlib.ExitStack() as stack:
        tabs = {route: stack.enter_context(opened(browser_context, page, route)) for route in ROUTES}
        for tab in tabs.values():
            tab.wait_for_function("() => document.getElementById('health').innerText === 'Reading the warehouse…'")
        assert tabs[""].locator("tbody tr").count() == 6, "the contracts are known before the warehouse is"
        assert set(tabs[""].locator(".tile b").all_inner_texts()) == {"–"}
        assert "The incidents have not been read yet." in tabs["incidents"].locator("main").inner_text()
        assert "The history of this table is being read…" in tabs[ROUTES[1]].locator("main").inner_text()
        relay.gate.set()
        for tab in tabs.values():
            tab.wait_for_function("() => document.getElementById('health').innerText.startsWith('As of')")
        tabs[""].wait_for_selector(".state.fresh")
        for route, tab in tabs.items():
            first, said = frames(tab)[0][0], [moment for moment, text, _ in frames(tab) if "Reading" in text]
            assert said, route
            assert said[0] - first < 1000, route  # not since the navigation: a busy machine starts a tab late
            before = [text for _, text, _ in frames(tab) if "As of" not in text]
            for wrong in ("\n0\n", "0\nFresh", "No incident is open", "Last load\nnever", "not been loaded"):
                assert not [text for text in before if wrong in text], (route, wrong)
            assert not [text for _, text, empty in frames(tab) if empty], route
        assert int(tabs[""].locator(".tile.fresh b").inner_text()) > 0


def test_while_the_contracts_are_read_the_page_says_so(page: Page, browser_context: BrowserContext) -> None:
    browser_context.add_cookies([{"name": "_token", "value": page.viewer, "url": page.url}])
    tab = browser_context.new_page()
    tab.add_init_script(WATCH)
    held: list[Any] = []
    tab.route("**/api/overview", lambda route: held.append(route))  # noqa: PLW0108 — playwright marks it
    tab.goto(f"{page.url}/")
    tab.wait_for_function("() => document.querySelector('main').innerText.startsWith('Reading the contracts')")
    tab.wait_for_timeout(300)
    assert tab.locator("main").inner_text() == "Reading the contracts and the warehouse…"
    held[0].fulfill(status=500, json={"detail": "It is broken."})
    tab.wait_for_selector(".failure")
    assert tab.locator("main").inner_text() == "It is broken."
    assert not [text for _, text, empty in frames(tab) if empty or "Fresh" in text]
    tab.close()


def test_what_is_old_says_how_old_each_part_by_itself(
    redshift_server: RedshiftServer, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with slow_page(redshift_server, tmp_path, max_age=1) as (page, relay):
        relay.gate.set()
        with opened(browser_context, page, ROUTES[1]) as tab:
            tab.wait_for_selector("svg.history")
        time.sleep(3)
        with opened(browser_context, page, "lineage") as tab:  # the warehouse is read again, and the history is not
            tab.wait_for_function("() => document.getElementById('health').innerText.endsWith('UTC')")
        relay.gate.clear()
        with opened(browser_context, page, ROUTES[1]) as tab:
            note = tab.wait_for_selector(".note")
            assert note
            assert note.inner_text().startswith("The history of this table was read ")
            assert note.inner_text().endswith("; it is being read again…")
            assert "ago, at 20" in note.inner_text()
            time.sleep(2.5)
        with opened(browser_context, page, "") as tab:
            tab.wait_for_function(
                "() => document.getElementById('health').innerText.includes(' ago); it is being read')"
            )
            relay.gate.set()
            tab.wait_for_function("() => document.getElementById('health').innerText.endsWith('UTC')")
            assert tab.locator(".note").all_inner_texts() == [
                "freshness is paused: nobody is told that a table is late, and no incident is resolved."
            ]
        with opened(browser_context, page, ROUTES[1]) as tab:
            tab.wait_for_function("() => document.querySelector('svg.history') && !document.querySelector('.note')")


def test_a_part_that_cannot_be_read_says_so_and_the_others_are_shown(
    redshift_server: RedshiftServer, tmp_path: Path, browser_context: BrowserContext
) -> None:
    with slow_page(redshift_server, tmp_path, max_age=1) as (page, relay):
        relay.gate.set()
        sample_warehouse.insert_incident(page.dsn, "core.orders_001", "Failed.", INCIDENT)
        with contextlib.closing(sqlite3.connect(tmp_path / "airflow/airflow.db", timeout=30)) as database:
            database.execute("ALTER TABLE dag RENAME COLUMN is_paused TO was_paused")
        with opened(browser_context, page, "") as tab:
            note = tab.wait_for_selector(".note:has-text('paused')", timeout=60_000)
            assert note
            assert "The list of paused DAGs cannot be read since" in note.inner_text()
            tab.wait_for_function("() => document.getElementById('health').innerText.startsWith('As of')")
            assert int(tab.locator(".tile.fresh b").inner_text()) > 0
        with opened(browser_context, page, f"incidents/{INCIDENT}") as tab:  # no lake is configured
            note = tab.wait_for_selector(".note:has-text('cannot be read since')", timeout=60_000)
            assert note
            assert note.inner_text().startswith("The report cannot be read since")
            assert head(tab) == "", "the warehouse has nothing to do with it"
            assert "There is no such incident" not in tab.locator("main").inner_text()
