"""The page's routes: who may request them, what they return, and what they report when a source is broken."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_redshift.storage.processes import free_port
from local_redshift.testing.pytest_plugin import RedshiftServer
from redshift_etl import __version__
from redshift_etl.ui import app as web
from tests.ui import sample_warehouse
from tests.ui.auth import HIDDEN_TABLE
from tests.ui.conftest import Page, page_of, page_over, running

ROUTES = [route.path for route in web.create().routes]  # type: ignore[attr-defined]
CORE = "core.orders_000"


def settled(page: Page, path: str, ready: str = "read_at") -> dict[str, Any]:
    """The response once the warehouse has been read; with ``failing_since``, once reading has failed."""
    while True:
        response = page.get(path)
        assert response.status_code in (200, 503), response.text
        if response.status_code == 200:
            content: dict[str, Any] = response.json()
            if content["warehouse"][ready]:
                return content
        time.sleep(0.05)


def with_values(path: str) -> str:
    """A route's path with a value for each parameter."""
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
def test_every_route_requires_a_login_with_the_right_to_see_the_website(page: Page, path: str) -> None:
    assert page.get(with_values(path), token="").status_code == 401
    assert page.get(with_values(path), token="not.a.token").status_code == 403
    assert page.get(with_values(path), token=page.no_role).status_code == 403


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_the_pages_that_fastapi_adds_by_default_are_off(page: Page, path: str) -> None:
    for token in (page.viewer, ""):
        assert page.get(path, token=token).status_code == 404


@pytest.mark.parametrize("path", [*ROUTES, "/nowhere"])
def test_every_response_has_the_security_headers(page: Page, path: str) -> None:
    for token in (page.viewer, ""):
        headers = page.get(with_values(path), token=token).headers
        assert headers["content-security-policy"] == web.POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "private" in headers["cache-control"]


def test_the_policy_allows_no_inline_script_or_style_and_no_other_host() -> None:
    assert web.POLICY.startswith("default-src 'none'; ")
    assert "frame-ancestors 'self'" in web.POLICY
    assert "unsafe" not in web.POLICY
    assert "http" not in web.POLICY
    text = (web.STATIC / "index.html").read_text()
    assert re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=|https?:", text) is None


def test_files_are_cached_by_the_browser_until_they_change(page: Page) -> None:
    address = re.search(r'src="(static/[^"]+/main.js)"', page.get("/").text)
    assert address
    assert "immutable" in page.get(f"/{address[1]}").headers["cache-control"]
    assert "no-cache" in page.get("/static/0/main.js").headers["cache-control"]


@pytest.mark.parametrize("name", ["../app.py", "..%2Fapp.py", "%2e%2e%2fapp.py", "nothing.js", "/etc/passwd"])
def test_only_the_page_s_own_files_are_served(page: Page, name: str) -> None:
    assert page.get(f"/static/1/{name}").status_code in (404, 307)
    assert "FastAPI" not in page.get(f"/static/1/{name}").text


HOSTILE = [
    "core.flights'--", "..%2f..%2fetc%2fpasswd", "..%2fapp.py", "%2e%2e", "%2e%2e%2fapp.py", "%00", "main.js%00",
    "<script>", "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "%0d%0aSet-Cookie:%20a=b", "x" * 5000, "{{7*7}}", "*",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("path", [path for path in ROUTES if "{" in path])
def test_a_hostile_name_is_not_found_and_the_answer_is_json(page: Page, path: str, name: str) -> None:
    settled(page, "/api/overview")
    response = page.get(re.sub(r"{\w+}", name, path.replace("{version}", "1")))
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"detail"}
    assert "set-cookie" not in response.headers


def test_the_first_page_shows_freshness_rows_and_last_loads(page: Page) -> None:
    rows = {row["name"]: row for row in settled(page, "/api/overview")["tables"]}
    never, late, fresh = (rows[f"core.{name}"] for name in page.sample.core[:3])
    mart = rows[f"mart.{page.sample.marts[0]}"]
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


def test_the_first_page_names_the_monitors_that_are_paused_and_what_that_costs(page: Page) -> None:
    while not (paused := settled(page, "/api/overview")["paused"]):
        time.sleep(0.05)
    assert paused == [{"dag": "freshness", "cost": "nobody is told that a table is late, and no incident is resolved"}]


def test_each_part_of_a_page_has_the_age_of_its_own_data(page: Page) -> None:
    settled(page, "/api/overview")
    parts = page.get("/api/overview").json()["parts"]
    assert set(parts) == {"contracts", "paused"}
    name = sample_warehouse.insert_incident(page.dsn, CORE, "Failed.", "20130102T031500-core-orders-00000001")
    report = known_report(page, name).json()
    assert "warehouse" not in report, "the report is in the lake"
    for part in (*parts.values(), report["lake"], settled(page, f"/api/tables/{CORE}/history")["warehouse"]):
        assert set(part) >= {"read_at", "error", "failing_since", "reading", "refreshing", "old"}


def known_report(page: Page, incident_id: str) -> httpx.Response:
    """The response once the page has read that there is the incident."""
    while (response := page.get(f"/api/incidents/{incident_id}")).status_code in (404, 503):
        time.sleep(0.05)
    return response


def test_who_may_not_read_the_dag_of_a_table_sees_neither_the_table_nor_its_incidents(page: Page) -> None:
    name = sample_warehouse.insert_incident(page.dsn, HIDDEN_TABLE, "Failed.", "20130102T031500-core-orders-00000002")
    assert known_report(page, name).status_code == 200
    below = page.sample.core[1]
    for token, seen in ((page.viewer, True), (page.partial, False)):
        found = page.get("/api/overview", token).json()
        assert (HIDDEN_TABLE in {row["name"] for row in found["tables"]}) == seen
        assert (name in {it["id"] for it in found["incidents"]}) == seen
        nodes = page.get("/api/lineage", token).json()["nodes"]
        assert (HIDDEN_TABLE in {node["name"] for node in nodes}) == seen
        of_table = (f"tables/{HIDDEN_TABLE}", f"tables/{HIDDEN_TABLE}/history", f"lineage/{HIDDEN_TABLE}")
        for path in (*of_table, f"incidents/{name}"):
            assert page.get(f"/api/{path}", token).status_code == (200 if seen else 404), path
        assert page.get(f"/api/tables/core.{below}", token).status_code == 200


@pytest.mark.slow
def test_ids_of_incidents_that_nobody_knows_are_answered_at_once_and_read_nothing(page: Page) -> None:
    settled(page, "/api/overview")
    with ThreadPoolExecutor(60) as pool:
        ids = [f"20130101T000000-x{number:05}" for number in range(400)]
        flood = [pool.submit(page.get, f"/api/incidents/{name}") for name in ids]
        others = [page.get("/api/overview").status_code for _ in range(5)]
        assert {it.result().status_code for it in flood} == {404}
    assert others == [200] * 5


def test_a_table_s_page_has_its_contract_lineage_and_sql(page: Page) -> None:
    mart = f"mart.{page.sample.marts[-1]}"
    found = settled(page, f"/api/tables/{mart}")
    assert found["inputs"]
    assert set(found["inputs"]) <= set(found["upstream"])
    assert found["contract"]["key"] == ["day"]
    assert {it["table"] for it in found["columns"][1]["from"]} == set(found["inputs"])
    assert [part["title"] for part in found["sql"]] == ["Built by", "The table"]


def test_a_table_s_history_has_all_loads_and_checks(page: Page) -> None:
    found = settled(page, f"/api/tables/core.{page.sample.core[2]}/history")
    assert len(found["loads"]) == 40
    assert [check["check"] for check in found["checks"]] == ["key_unique", "not_null", "references", "row_count"]
    assert found["missing"] == {}
    assert settled(page, f"/api/tables/mart.{page.sample.marts[0]}/history")["loads"][0]["days"] == 1


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
def test_an_unknown_name_is_not_found_and_named(page: Page, path: str) -> None:
    settled(page, "/api/overview")
    response = page.get(path)
    assert response.status_code == 404
    assert "nowhere" in response.json()["detail"]


@pytest.fixture(scope="module")
def page_without_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page whose warehouse's port is closed."""
    folder = tmp_path_factory.mktemp("alone")
    sample = sample_warehouse.build(folder / "sql", 6)
    closed = {"host": "127.0.0.1", "port": free_port(), "login": "a", "password": "hunter2", "schema": "b"}
    with running(folder, sample.sql, closed, max_age=1) as served:
        yield page_of(served, sample)


@pytest.mark.slow
def test_without_a_warehouse_the_page_shows_the_files_and_since_when_the_warehouse_is_down(
    page_without_warehouse: Page,
) -> None:
    found = settled(page_without_warehouse, "/api/overview", "failing_since")
    while "cannot be reached" not in found["warehouse"]["error"]:  # the first attempt may still be importing its driver
        found = settled(page_without_warehouse, "/api/overview", "failing_since")
    assert not found["warehouse"]["reachable"]
    assert "hunter2" not in json.dumps(found)
    assert {row["state"] for row in found["tables"]} == {"unknown"}
    assert settled(page_without_warehouse, f"/api/tables/{CORE}", "failing_since")["columns"]
    assert settled(page_without_warehouse, "/api/lineage", "failing_since")["edges"]


@pytest.mark.slow
def test_when_the_warehouse_goes_down_the_page_shows_its_last_values_and_reports_it(
    redshift_server: RedshiftServer, tmp_path: Path
) -> None:
    with page_over(redshift_server, tmp_path, tables=6, days=3, max_age=1) as open_page:
        before = settled(open_page, "/api/overview")
        redshift_server.drop_database(open_page.dsn.rsplit("/", 1)[1].split("?")[0])
        found = settled(open_page, "/api/overview", "failing_since")
    assert not found["warehouse"]["reachable"]
    assert found["warehouse"]["read_at"] >= before["warehouse"]["read_at"]
    assert [row["rows"] for row in found["tables"]] == [row["rows"] for row in before["tables"]]
    assert any(row["rows"] for row in found["tables"])


def test_a_broken_file_is_a_problem_of_its_table_alone(page_without_warehouse: Page, tmp_path: Path) -> None:
    path = page_without_warehouse.sample.sql / "tables/core/broken.sql"
    path.write_text("/* owner: <b>nobody */ CREATE TABLE")
    try:
        found: dict[str, Any] = {}
        while "core.broken" not in found:
            tables = settled(page_without_warehouse, "/api/overview", "failing_since")["tables"]
            found = {row["name"]: row for row in tables}
        assert "is not valid" in found["core.broken"]["problem"]
        assert found[CORE]["problem"] is None
    finally:
        shutil.move(path, tmp_path)


def test_markup_travels_as_text(page: Page) -> None:
    response = page.get(f"/api/tables/{CORE}")
    assert response.headers["content-type"] == "application/json"
    assert response.json()["description"] == sample_warehouse.MARKUP
    assert response.json()["columns"][3]["comment"] == sample_warehouse.MARKUP


@pytest.mark.parametrize(
    "path", ["/api/overview", f"/api/tables/{CORE}", f"/api/tables/{CORE}/history", "/api/lineage"]
)
def test_every_view_has_the_version_of_the_product(page: Page, path: str) -> None:
    assert settled(page, path)["warehouse"]["version"] == __version__


@pytest.mark.parametrize("path", ROUTES)
def test_no_route_changes_anything(page: Page, path: str) -> None:
    """So a page of elsewhere that a user visits has nothing to send in his name."""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        url, cookies = f"{page.url}{with_values(path)}", {"_token": page.viewer}
        assert httpx.request(method, url, cookies=cookies, verify=False).status_code == 405
