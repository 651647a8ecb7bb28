"""The content of the pages, from the contracts and a hand-written state of the warehouse; and the static site."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from redshift_etl.catalog import pages, queries, static_site
from redshift_etl.catalog.model import CheckResult, Freshness, Load, Snapshot, freshness
from redshift_etl.catalog.repository import Reader, Repository
from redshift_etl.incidents.model import Incident
from redshift_etl.warehouse.freshness import Reach
from redshift_etl.warehouse.statement import Statement

NOW = datetime(2013, 1, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLIGHTS = "core.flights"


def load(hours_ago: float, **changes: object) -> Load:
    """A load of core.flights so long before NOW."""
    plain = Load(
        FLIGHTS, "incremental", NOW - hours_ago * HOUR, 2.5, None, None, "flights", "run", 10, 2, 1, 3, 0, 0, 842
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def incident(resolved: bool = False, name: str = "i") -> Incident:
    return Incident(
        incident_id=name, cause="c", kind="failure", table_name=FLIGHTS, dag_id="d", run_id="r", task_id="t",
        error_class="SourceError", who_acts="owner", summary="text", report="incidents/i.md", opened_at=NOW,
        last_seen_at=NOW, resolved_at=NOW if resolved else None, tables=(FLIGHTS,),
    )  # fmt: skip


@pytest.fixture(scope="module")
def repository() -> Repository:
    return Reader().read()


@pytest.mark.parametrize(
    ("within", "last", "expected"),
    [
        (26 * HOUR, load(1), Freshness.FRESH),
        (26 * HOUR, load(26), Freshness.FRESH),
        (26 * HOUR, load(26.1), Freshness.LATE),
        (26 * HOUR, None, Freshness.NEVER),
        (None, load(9999), Freshness.UNMONITORED),
        (None, None, Freshness.UNMONITORED),
    ],
    ids=["fresh", "just fresh", "late", "never", "no limit", "no limit, never"],
)
def test_freshness_is_the_age_of_the_last_load(
    within: timedelta | None, last: Load | None, expected: Freshness
) -> None:
    reaches = {FLIGHTS: Reach(last.at)} if last else {}
    assert freshness(FLIGHTS, within, Snapshot(NOW, reaches=reaches), NOW) is expected


def test_a_mart_with_stale_days_is_not_fresh_and_needs_a_look(repository: Repository) -> None:
    mart, reaches = "mart.carrier_day", {"mart.carrier_day": Reach(NOW, data_until=NOW)}
    row = pages.table_row(repository, Snapshot(NOW, reaches=reaches, stale_days={mart: 3}), mart, NOW)
    assert (row["state"], row["stale_days"], row["data_until"]) == ("stale", 3, NOW.isoformat())


def test_days_that_the_last_comparison_found_missing_are_shown(repository: Repository) -> None:
    found = CheckResult(FLIGHTS, "reconciled", "warn", "warned", 2, NOW)
    row = pages.table_row(repository, Snapshot(NOW, checks={FLIGHTS: (found,)}), FLIGHTS, NOW)
    assert row["missing_days"] == 2


def test_an_incident_is_shown_at_each_table_that_is_late_because_of_it(repository: Repository) -> None:
    late = replace(incident(), source="airline_db: public.flights", tables=(FLIGHTS, "core.gone"))
    snapshot = Snapshot(NOW, incidents=(late,))
    assert pages.table_row(repository, snapshot, FLIGHTS, NOW)["incidents"] == 1
    (shown,) = pages.overview(repository, snapshot, NOW)["incidents"]
    assert (shown["tables"], shown["source"]) == ([FLIGHTS], "airline_db: public.flights")


def test_without_a_snapshot_of_the_warehouse_a_row_has_no_state(repository: Repository) -> None:
    row = pages.table_row(repository, None, FLIGHTS, NOW)
    assert (row["state"], row["rows"], row["last"], row["spark"]) == ("unknown", None, None, [])


def test_an_incident_of_the_lake_is_shown_at_its_table_where_the_warehouse_was_never_read(
    repository: Repository,
) -> None:
    assert pages.table_row(repository, None, FLIGHTS, NOW, [incident()])["incidents"] == 1
    assert len(pages.table_page(repository, None, FLIGHTS, NOW, [incident()])["open_incidents"]) == 1
    rows = pages.overview(repository, None, NOW, [incident()])["tables"]
    assert [row["name"] for row in rows if row["incidents"]] == [FLIGHTS]


def test_a_row_shows_the_newest_load_and_the_last_ones_oldest_first(repository: Repository) -> None:
    loads = (load(1), load(25, inserted=100))
    row = pages.table_row(
        repository, Snapshot(NOW, loads={FLIGHTS: loads}, reaches={FLIGHTS: Reach(NOW)}), FLIGHTS, NOW
    )
    assert (row["state"], row["rows"], row["spark"]) == ("fresh", 842, [105, 15])
    assert row["last"]["inserted"] == 10


def test_the_count_of_the_last_load_is_preferred_to_the_system_views() -> None:
    snapshot = Snapshot(NOW, loads={FLIGHTS: (load(1),)}, rows={FLIGHTS: 7, "core.planes": 8})
    assert snapshot.row_count(FLIGHTS) == 842
    assert snapshot.row_count("core.planes") == 8
    assert snapshot.row_count("core.airports") is None


def test_only_open_incidents_and_last_outcomes_count_against_a_table(repository: Repository) -> None:
    check = CheckResult(FLIGHTS, "key_unique", "fail", "failed", 3, NOW)
    snapshot = Snapshot(NOW, checks={FLIGHTS: (check,)}, incidents=(incident(), incident(resolved=True, name="j")))
    row = pages.table_row(repository, snapshot, FLIGHTS, NOW)
    assert row["incidents"] == 1
    assert row["checks"] == {"failed": 1, "warned": 0, "passed": 0}


def test_an_incident_of_the_lake_alone_is_shown_once(repository: Repository) -> None:
    shown = pages.overview(
        repository, Snapshot(NOW, incidents=(incident(),)), NOW, [incident(), replace(incident(), incident_id="j")]
    )
    assert sorted(it["id"] for it in shown["incidents"]) == ["i", "j"]


def test_a_column_has_its_key_references_values_and_origin(repository: Repository) -> None:
    columns = {it["name"]: it for it in pages.table_page(repository, None, FLIGHTS, NOW)["columns"]}
    assert columns["flight_id"]["key"]
    assert columns["carrier"]["references"] == {"table": "core.airlines", "column": "carrier"}
    assert columns["origin"]["accepted"] == ["EWR", "JFK", "LGA"]
    assert columns["departure_delay_min"]["from"] == [
        {"table": "airline.public.flights", "column": "dep_delay", "kind": "IDENTITY"}
    ]


HOSTILE = "core.t'; DROP TABLE core.flights; --"
MOMENT = datetime(2013, 1, 1)


@pytest.mark.parametrize("of_table", [queries.loads_of, queries.builds_of, queries.checks_of, queries.failures_of])
def test_the_name_of_a_table_is_bound_to_a_query_and_no_part_of_it(of_table: Callable[[str], Statement]) -> None:
    statement = of_table(HOSTILE)
    assert statement.sql == of_table(FLIGHTS).sql
    assert statement.values == (HOSTILE,)


@pytest.mark.parametrize(
    "statement",
    [queries.last_loads(), queries.last_builds(), queries.incidents(MOMENT), queries.last_checks(MOMENT)]
    + [of(FLIGHTS) for of in (queries.loads_of, queries.builds_of, queries.checks_of, queries.failures_of)],
    ids=lambda statement: statement.purpose,
)
def test_a_query_of_the_page_returns_a_bounded_number_of_rows_a_table(statement: Statement) -> None:
    assert re.search(r"LIMIT \d+$|WHERE position <?= \d+ ", statement.sql)


def test_the_graph_has_sources_and_no_bookkeeping(repository: Repository) -> None:
    graph = pages.lineage_graph(repository, None, NOW)
    kinds = {node["name"]: node["kind"] for node in graph["nodes"]}
    assert kinds["airline.public.flights"] == "source"
    assert kinds["mart.carrier_day"] == "mart"
    assert not any(name.startswith("etl.") for name in kinds)
    named = {(graph["nodes"][low]["name"], graph["nodes"][high]["name"]) for low, high in graph["edges"]}
    assert ("core.weather", "mart.weather_delay_day") in named


@pytest.fixture
def sql_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository's SQL that a test may change."""
    folder = shutil.copytree(Path(__file__).parents[2] / "include" / "sql", tmp_path / "include" / "sql")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(folder))
    return folder


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("tables/core/flights.sql", "/* nonsense"),
        ("tables/core/flights.sql", "/*\nowner: [\n*/ CREATE TABLE core.flights (a INT)"),
        ("transform/flights.sql", "/*\ncolumns: [a]\n*/ SELECT FROM WHERE raw"),
        ("marts/carrier_day.sql", "/*\ninputs: [core.flights]\n*/ SELECT FROM WHERE"),
    ],
    ids=["contract", "front matter", "transform", "mart"],
)
def test_a_file_that_cannot_be_read_is_a_problem_of_its_table_alone(sql_copy: Path, file: str, text: str) -> None:
    (sql_copy / file).write_text(text)
    repository = Reader().read()
    table = "mart.carrier_day" if file.startswith("marts") else FLIGHTS
    page = pages.table_page(repository, None, table, NOW)
    assert page["problem"] or page["lineage_problem"]
    assert set(repository.problems) <= {table}
    assert pages.table_page(repository, None, "core.planes", NOW)["columns"]


def test_files_are_read_again_when_they_change_and_only_then(sql_copy: Path) -> None:
    reader = Reader()
    before = reader.read()
    assert reader.read().contracts[FLIGHTS] is before.contracts[FLIGHTS]
    path = sql_copy / "tables/core/flights.sql"
    path.write_text(path.read_text().replace("owner: flight-operations", "owner: somebody-else"))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    after = reader.read()
    assert after.contracts[FLIGHTS].owner == "somebody-else"
    assert after.contracts["core.planes"] is before.contracts["core.planes"]


def test_the_site_has_a_page_a_table_and_no_dead_link(repository: Repository, tmp_path: Path) -> None:
    written = {path.name for path in static_site.build(repository, tmp_path)}
    assert written == {"index.html", *(f"{table}.html" for table in repository.tables)}
    for name in written:
        for target in re.findall(r'href="([^"]+)"', (tmp_path / name).read_text()):
            assert (tmp_path / target).is_file(), f"{name} → {target}"


def test_the_site_shows_the_contract_and_loads_nothing_from_another_host(
    repository: Repository, tmp_path: Path
) -> None:
    static_site.build(repository, tmp_path)
    text = (tmp_path / f"{FLIGHTS}.html").read_text()
    for part in ("flight-operations", "within 26 hours", "20 years on scheduled_departure", "tailnum", "flight_id"):
        assert part in text
    assert "<script" not in text
    assert "http" not in text


def test_the_page_of_a_removed_table_is_deleted_and_no_other_file_is(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "core.gone.html").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    static_site.build(repository, tmp_path)
    assert not (tmp_path / "core.gone.html").exists()
    assert (tmp_path / "notes.txt").exists()


def test_markup_in_a_contract_becomes_text_on_the_site(sql_copy: Path) -> None:
    contract = sql_copy / "tables/core/flights.sql"
    hostile = "<script>alert(1)</script>"
    text = contract.read_text().replace("owner: flight-operations", f"owner: '{hostile}'")
    contract.write_text(text.replace("IS '", f'IS \'<b onload="x">{hostile}'))
    site = static_site.render(Reader().read())
    page = site[f"{FLIGHTS}.html"]
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 2
    assert "&lt;b onload=&#34;x&#34;&gt;" in page
    assert all("<script" not in text and "<b " not in text for text in site.values())


def test_the_documentation_command_writes_the_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from redshift_etl.catalog.__main__ import main

    assert main([str(tmp_path / "catalog")]) == 0
    assert "index.html" in capsys.readouterr().out
    assert main([]) == 2
