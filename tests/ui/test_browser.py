"""The page in Chromium; skipped where it is not installed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, sync_playwright
from playwright.sync_api import Page as Tab

from redshift_etl import __version__
from tests.ui import sample_warehouse
from tests.ui.conftest import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def browser_context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        folder = tmp_path_factory.mktemp("chromium")
        context = playwright.chromium.launch_persistent_context(
            str(folder), executable_path=CHROMIUM, headless=True, args=FLAGS, viewport={"width": 1360, "height": 860}
        )
        yield context
        context.close()


@pytest.fixture
def tab(browser_context: BrowserContext, page: Page) -> Iterator[Tab]:
    """A tab of a user who is logged in; fails the test when the page has an error of its own."""
    browser_context.add_cookies([{"name": "_token", "value": page.viewer, "url": page.url}])
    opened = browser_context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda it: errors.append(it.text) if "Content Security" in it.text else None)
    opened.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    yield opened
    opened.close()
    assert errors == []


def go(tab: Tab, page: Page, route: str, selector: str) -> None:
    tab.goto(f"{page.url}/#/{route}")
    tab.wait_for_selector(selector)


def test_tables_can_be_searched_sorted_and_narrowed(tab: Tab, page: Page) -> None:
    go(tab, page, "", ".state.fresh")
    assert tab.locator("tbody tr").count() == 12
    tab.get_by_label("Search tables").fill(f"core {page.sample.core[2]}")
    assert tab.locator("tbody th a").all_inner_texts() == [f"core.{page.sample.core[2]}"]
    tab.get_by_label("Search tables").fill("")
    tab.get_by_role("button", name="Late").click()
    assert tab.locator("tbody th a").all_inner_texts() == [f"core.{page.sample.core[1]}"]
    tab.get_by_role("button", name="Late").click()
    tab.get_by_role("button", name="Table", exact=True).click()
    names = tab.locator("tbody th a").all_inner_texts()
    assert len(names) == 12
    assert names == sorted(names)
    assert tab.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    tab.get_by_text("Show the pipelines' own tables").click()
    assert tab.locator("tbody tr").count() > 12


def test_a_paused_monitor_is_named_with_a_link_to_its_dag(tab: Tab, page: Page) -> None:
    go(tab, page, "", "tbody tr")
    note = tab.locator(".note", has_text="is paused")  # beside it may stand the note of a part that is still being read
    note.wait_for()
    assert note.inner_text().startswith("freshness is paused: nobody is told that a table is late")
    assert (note.locator("a").get_attribute("href") or "").endswith("/dags/freshness")


def test_markup_in_comments_and_errors_is_shown_and_never_run(tab: Tab, page: Page) -> None:
    sample_warehouse.insert_incident(page.dsn, "core.orders_000", sample_warehouse.MARKUP)
    while not page.get("/api/overview").json().get("incidents"):  # the page in the browser requests it again after 15 s
        time.sleep(0.1)
    for route, selector in (("incidents", ".incidents a"), ("", ".state"), ("tables/core.orders_000", ".lead")):
        go(tab, page, route, selector)
        tab.wait_for_function("text => document.body.innerText.includes(text)", arg=sample_warehouse.MARKUP)
        assert tab.locator("main img, main script").count() == 0
    assert tab.evaluate("window.hacked") is None


def test_a_table_is_found_by_keyboard_alone_and_its_history_read_out(tab: Tab, page: Page) -> None:
    go(tab, page, "", ".state.fresh")
    tab.locator("tbody a", has_text=page.sample.core[2]).focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("svg.history")
    tab.locator("svg.history").focus()
    tab.keyboard.press("End")
    assert "inserted" in tab.locator(".readout").inner_text()
    last = tab.locator(".readout").inner_text()
    tab.keyboard.press("ArrowLeft")
    assert tab.locator(".readout").inner_text() != last


def test_the_graph_can_be_searched_and_navigated_by_keyboard(tab: Tab, page: Page) -> None:
    go(tab, page, "lineage", "svg.graph")
    names = [node["name"] for node in page.get("/api/lineage").json()["nodes"]]
    assert len(names) > 12
    labels = tab.evaluate("[...document.querySelectorAll('.node[role=button]')].map((it) => it.ariaLabel)")
    assert [label.split(",")[0] for label in labels] == names
    assert tab.locator('.node[tabindex="0"]').count() == 1
    name = f"core.{page.sample.core[2]}"
    tab.get_by_label("Find in the graph").fill(name)
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".side h3")
    assert tab.locator(".side h3").inner_text() == name
    assert tab.evaluate("document.activeElement.ariaLabel").startswith(name)
    tab.keyboard.press("ArrowLeft")
    assert tab.locator(".side h3").inner_text().startswith("shop.public.")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".lead")
    assert "#/tables/core." in tab.url


def test_show_all_undoes_zoom(tab: Tab, page: Page) -> None:
    go(tab, page, "lineage", "svg.graph")
    before = tab.locator("svg.graph > g").get_attribute("transform")
    tab.get_by_role("button", name="Zoom in").click()
    assert tab.locator("svg.graph > g").get_attribute("transform") != before
    tab.get_by_role("button", name="Show all").click()
    assert tab.locator("svg.graph > g").get_attribute("transform") == before


def test_no_two_nodes_have_the_same_position(tab: Tab, page: Page) -> None:
    go(tab, page, "lineage", "svg.graph")
    positions = tab.evaluate("[...document.querySelectorAll('.node')].map((node) => node.getAttribute('transform'))")
    assert len(positions) > 12
    assert len(set(positions)) == len(positions)


def test_columns_show_where_they_come_from(tab: Tab, page: Page) -> None:
    go(tab, page, f"columns/core.{page.sample.core[2]}/amount", "svg.columns")
    assert tab.locator(".edges path.bright").count() >= 1
    assert tab.locator(".port.bright", has_text="cents").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("route", ["", "tables/core.orders_000", "lineage", "incidents"])
def test_both_themes_have_enough_contrast(tab: Tab, page: Page, route: str, theme: Literal["light", "dark"]) -> None:
    tab.emulate_media(color_scheme=theme)
    go(tab, page, route, "#main > *")
    measured = tab.evaluate(CONTRAST)
    assert measured["texts"] > 5
    assert measured["contrast"] >= 4.5  # WCAG 2.2, 1.4.3 AA


def test_the_version_of_the_product_is_on_the_page(tab: Tab, page: Page) -> None:
    go(tab, page, "", ".state.fresh")
    assert tab.locator("footer").inner_text() == f"redshift-airflow {__version__}"


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d");
  const luminance = (color) => {
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  const texts = [...document.querySelectorAll("main *, header *, footer")].filter((it) =>
    it instanceof HTMLElement && [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const contrasts = texts.map((it) => {
    const ink = luminance(getComputedStyle(it).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  });
  return {texts: contrasts.length, contrast: Math.min(...contrasts)};
}"""
