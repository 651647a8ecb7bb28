"""The page's routes: who may see them, what they carry, and what they say when things are broken."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_redshift.storage.processes import free_port
from redshift_etl.ui import app as web
from tests.ui import world as worlds
from tests.ui.conftest import Page, page_over, running

ROUTES = [route.path for route in web.create().routes]  # type: ignore[attr-defined]
CORE = "core.orders_000"


def settled(page: Page, path: str, ready: str = "read_at") -> dict[str, Any]:
    """The answer once the warehouse has been read (or has failed)."""
    while True:
        answer = page.get(path)
        if answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            if found["warehouse"][ready]:
                return found
        assert answer.status_code in (200, 503), answer.text
        time.sleep(0.05)


def filled(path: str) -> str:
    """A route's path with something for each parameter."""
    values = {"table": CORE, "name": CORE, "version": "1", "incident_id": "20130102T031500-core-orders-1a2b3c4d"}
    return re.sub(r"{(\w+)}", lambda match: values[match[1]], path)


def test_these_are_all_routes() -> None:
    assert sorted(ROUTES) == [
        "/",
        "/api/incidents/{incident_id}",
        "/api/lineage",
        "/api/lineage/{name}",
        "/api/overview",
        "/api/tables/{table}",
        "/api/tables/{table}/history",
        "/static/{version}/{name}",
    ]


@pytest.mark.parametrize("path", ROUTES)
def test_nobody_sees_a_route_without_a_login_or_with_one_that_may_nothing(page: Page, path: str) -> None:
    assert page.get(filled(path), token="").status_code == 401
    assert page.get(filled(path), token="not.a.token").status_code == 403
    assert page.get(filled(path), token=page.nobody).status_code == 403


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_the_pages_that_fastapi_adds_by_itself_are_off(page: Page, path: str) -> None:
    assert page.get(path, token="").status_code == 404


@pytest.mark.parametrize("path", [*ROUTES, "/nowhere"])
def test_every_answer_carries_the_policy(page: Page, path: str) -> None:
    for token in (page.viewer, ""):
        headers = page.get(filled(path), token=token).headers
        assert headers["content-security-policy"] == web.POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert "private" in headers["cache-control"]


def test_the_policy_allows_no_inline_script_or_style_and_nothing_from_elsewhere() -> None:
    assert "default-src 'none'" in web.POLICY
    assert "unsafe" not in web.POLICY
    assert "http" not in web.POLICY
    text = (web.STATIC / "index.html").read_text()
    assert re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=|https?:", text) is None


def test_files_are_kept_by_the_browser_until_they_change(page: Page) -> None:
    address = re.search(r'src="(static/[^"]+/main.js)"', page.get("/").text)
    assert address
    assert "immutable" in page.get(f"/{address[1]}").headers["cache-control"]
    assert "no-cache" in page.get("/static/0/main.js").headers["cache-control"]


@pytest.mark.parametrize("name", ["../app.py", "..%2Fapp.py", "%2e%2e%2fapp.py", "nothing.js", "/etc/passwd"])
def test_only_the_page_s_own_files_can_be_asked_for(page: Page, name: str) -> None:
    assert page.get(f"/static/1/{name}").status_code in (404, 307)
    assert "FastAPI" not in page.get(f"/static/1/{name}").text


def test_the_first_page_shows_freshness_rows_and_last_loads(page: Page) -> None:
    rows = {row["name"]: row for row in settled(page, "/api/overview")["tables"]}
    never, late, fresh = (rows[f"core.{name}"] for name in page.world.core[:3])
    mart = rows[f"mart.{page.world.marts[0]}"]
    assert [row["state"] for row in (never, late, fresh, mart)] == ["never", "late", "fresh", "fresh"]
    assert len(fresh["spark"]) == 30
    assert (
        fresh["last"]["changed"]
        == fresh["spark"][-1]
        == sum(fresh["last"][it] for it in ("inserted", "updated", "deleted"))
    )
    assert fresh["rows"] == fresh["last"]["rows_after"]
    assert mart["rows"] == sum(mart["spark"][-30:]) // 30 * 40  # every day has as many
    assert fresh["checks"] == {"failed": 0, "warned": 0, "passed": 4}
    assert rows["etl.load_history"]["kind"] == "bookkeeping"


def test_a_table_s_page_has_its_contract_lineage_and_sql(page: Page) -> None:
    mart = f"mart.{page.world.marts[-1]}"
    found = settled(page, f"/api/tables/{mart}")
    assert found["inputs"]
    assert set(found["inputs"]) <= set(found["upstream"])
    assert found["contract"]["key"] == ["day"]
    assert {it["table"] for it in found["columns"][1]["from"]} == set(found["inputs"])
    assert [part["title"] for part in found["sql"]] == ["Built by", "The table"]


def test_a_table_s_history_has_all_loads_and_checks(page: Page) -> None:
    found = settled(page, f"/api/tables/core.{page.world.core[2]}/history")
    assert len(found["loads"]) == 40
    assert [check["check"] for check in found["checks"]] == ["key_unique", "not_null", "references", "row_count"]
    assert found["missing"] == {}
    assert settled(page, f"/api/tables/mart.{page.world.marts[0]}/history")["loads"][0]["days"] == 1


def test_a_column_is_linked_with_those_it_comes_from_and_goes_into(page: Page) -> None:
    graph = settled(page, "/api/lineage")
    names = [node["name"] for node in graph["nodes"]]
    used = next(
        names[low] for low, high in graph["edges"] if names[low].startswith("core.") and names[high].startswith("mart.")
    )
    found = page.get(f"/api/lineage/{used}").json()
    amount = next(column for column in found["columns"] if column["name"] == "amount")
    assert [it["column"] for it in amount["from"]] == ["cents"]
    assert {it["column"] for it in amount["into"]} == {"amount"}


@pytest.mark.parametrize(
    "path", ["/api/tables/core.nowhere", "/api/tables/core.nowhere/history", "/api/lineage/nowhere"]
)
def test_what_is_not_there_is_said(page: Page, path: str) -> None:
    settled(page, "/api/overview")
    answer = page.get(path)
    assert answer.status_code == 404
    assert "nowhere" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["..%2F..%2Fsecret", "20130102T031500-core-x-1", "'; DROP TABLE x; --"])
def test_a_report_is_asked_for_by_an_incident_s_id_only(page: Page, name: str) -> None:
    answer = page.get(f"/api/incidents/{name}")
    assert answer.status_code in (200, 404)
    assert not answer.json().get("report")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page whose warehouse nobody listens for."""
    folder = tmp_path_factory.mktemp("alone")
    world = worlds.build(folder / "sql", 6)
    nothing = {"host": "127.0.0.1", "port": free_port(), "login": "a", "password": "hunter2", "schema": "b"}
    with running(folder, world.sql, nothing, every=1) as found:
        yield Page(f"http://127.0.0.1:{found['port']}/warehouse", found["viewer"], found["nobody"], world, "")


def test_without_a_warehouse_the_page_shows_what_the_files_say_and_since_when_it_is_down(alone: Page) -> None:
    found = settled(alone, "/api/overview", "failing_since")
    while "cannot be reached" not in found["warehouse"]["error"]:  # the first try may still be loading its driver
        found = settled(alone, "/api/overview", "failing_since")
    assert not found["warehouse"]["reachable"]
    assert "hunter2" not in json.dumps(found)
    assert {row["state"] for row in found["tables"]} == {"unknown"}
    assert settled(alone, f"/api/tables/{CORE}", "failing_since")["columns"]
    assert settled(alone, "/api/lineage", "failing_since")["edges"]


def test_a_warehouse_that_goes_away_while_the_page_is_open_leaves_its_last_values_and_is_said_to_be_gone(
    redshift_server: Any, tmp_path: Path
) -> None:
    with page_over(redshift_server, tmp_path, tables=6, days=3, every=1) as open_page:
        before = settled(open_page, "/api/overview")
        redshift_server.drop_database(open_page.dsn.rsplit("/", 1)[1].split("?")[0])
        found = settled(open_page, "/api/overview", "failing_since")
    assert not found["warehouse"]["reachable"]
    assert found["warehouse"]["read_at"] >= before["warehouse"]["read_at"]
    assert [row["rows"] for row in found["tables"]] == [row["rows"] for row in before["tables"]]
    assert any(row["rows"] for row in found["tables"])


def test_a_broken_file_is_shown_with_its_table_and_spoils_no_other(alone: Page, tmp_path: Path) -> None:
    path = alone.world.sql / "tables/core/broken.sql"
    path.write_text("/* owner: <b>nobody */ CREATE TABLE")
    try:
        found: dict[str, Any] = {}
        while "core.broken" not in found:
            found = {row["name"]: row for row in settled(alone, "/api/overview", "failing_since")["tables"]}
        assert "does not hold together" in found["core.broken"]["problem"]
        assert found[CORE]["problem"] is None
    finally:
        shutil.move(path, tmp_path)


def test_markup_travels_as_text(page: Page) -> None:
    answer = page.get(f"/api/tables/{CORE}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["description"] == worlds.MARKUP
    assert answer.json()["columns"][3]["comment"] == worlds.MARKUP


def test_a_cookie_is_enough_and_nothing_can_be_written(page: Page) -> None:
    cookies = {"_token": page.viewer}
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert httpx.request(method, f"{page.url}/api/overview", cookies=cookies).status_code == 405
