"""A late table is one incident with one alert, resolved once; what the warehouse missed is written when it is back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.incidents import lake_store, monitor, table_store
from redshift_etl.incidents import model as incidents
from redshift_etl.incidents import on_failure as failure
from redshift_etl.warehouse import freshness
from redshift_etl.warehouse.model import Run
from redshift_etl.warehouse.session import open_session
from redshift_etl.window import Window
from tests.integration.batches import INCREMENTAL, LoadTarget
from tests.integration.operations import connect_airflow, repository
from tests.integration.test_incidents import context, failure_now, refused, reports, webhook

pytestmark = pytest.mark.slow

__all__ = ["webhook"]

SMALL = """/*
description: A small table.
owner: us
load: full_refresh
fresh_within: 1 day
retention: never
*/
CREATE TABLE core.small (id INTEGER NOT NULL, name VARCHAR(10), PRIMARY KEY (id));
COMMENT ON COLUMN core.small.id IS 'x';"""


@pytest.fixture
def watch(target: LoadTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[monitor.Monitor]:
    """A repository with one table beside the bookkeeping, and a monitor of it."""
    lake = connect_airflow(target, monkeypatch)
    repository(tmp_path / "sql", monkeypatch, {"tables/core/small.sql": SMALL})
    target.create(contracts.load("core.small"))
    yield monitor.Monitor(target.connect, lake, "freshness", "run", "watch")
    contracts.load.cache_clear()


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def rows(target: LoadTarget) -> list[tuple[object, ...]]:
    return target.rows("SELECT kind, table_name, occurrences, resolution FROM etl.incidents ORDER BY opened_at")


def test_a_late_table_is_said_once_and_resolved_once(target: LoadTarget, watch: monitor.Monitor) -> None:
    small = contracts.load("core.small")
    assert monitor.run(watch, in_days(0)) == {"late": [], "opened": [], "resolved": []}, "never loaded is not late"
    target.load(small, [(1, "a")], window=None)
    assert monitor.run(watch, in_days(0))["late"] == []
    assert len(monitor.run(watch, in_days(2))["opened"]) == 1
    assert monitor.run(watch, in_days(2.1)) == {"late": ["core.small"], "opened": [], "resolved": []}
    assert monitor.run(watch, in_days(9))["opened"] == []
    assert rows(target) == [("late", "core.small", 1, None)]
    assert len(monitor.run(watch, in_days(0))["resolved"]) == 1
    assert monitor.run(watch, in_days(0))["resolved"] == []
    assert rows(target) == [("late", "core.small", 1, "the table is fresh again")]
    assert len(monitor.run(watch, in_days(2))["opened"]) == 1, "late again is a new incident"


def test_a_run_that_finds_its_tables_does_not_read_the_catalogue(
    target: LoadTarget, watch: monitor.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    target.load(contracts.load("core.small"), [(1, "a")], window=None)
    monitor.run(watch, in_days(0))
    caplog.clear()
    with caplog.at_level(logging.INFO):
        monitor.run(watch, in_days(0))
    assert [record.getMessage() for record in caplog.records if "columns" in record.getMessage()] == []


def test_the_first_run_makes_the_tables_that_it_reads(redshift: Any, redshift_server: Any, lake: Any) -> None:
    empty = LoadTarget(redshift_server, redshift, redshift_server.s3)
    first = monitor.Monitor(empty.connect, lake, "freshness", "run", "watch")
    assert monitor.run(first, in_days(0)) == {"late": [], "opened": [], "resolved": []}
    assert rows(empty) == []


def test_the_first_run_after_an_upgrade_adds_the_columns_that_it_and_the_page_read(
    target: LoadTarget, watch: monitor.Monitor
) -> None:
    failure.on_failure(context(refused()))
    for table, column in (("incidents", "source"), ("incidents", "tables"), ("load_history", "marked_deleted")):
        target.run(f"ALTER TABLE etl.{table} DROP COLUMN {column}")
    assert monitor.run(watch, in_days(0))["resolved"] == []
    assert target.rows("SELECT source, tables FROM etl.incidents") == [(None, None)]
    assert target.rows("SELECT SUM(marked_deleted) FROM etl.load_history") == [(None,)]


def window(first: int, last: int) -> dict[str, Any]:
    days = (datetime(2013, 1, day, tzinfo=UTC) for day in (first, last))
    return {"window": Window(*days), "extracted_at": datetime(2013, 1, last, tzinfo=UTC)}


def test_how_far_a_table_is_comes_from_its_windows(target: LoadTarget, watch: monitor.Monitor) -> None:
    target.create(INCREMENTAL)
    target.load(INCREMENTAL, [(1, "2013-01-01 10:00:00", "2013-01-01", "a", None)], **window(1, 2))
    target.load(INCREMENTAL, [], **window(2, 3))
    target.run("UPDATE etl.load_history SET committed_at = '2013-01-05' WHERE window_start = '2013-01-01'")
    target.run("UPDATE etl.load_history SET committed_at = '2013-01-09' WHERE window_start = '2013-01-02'")
    with open_session(watch.connect, "test") as session:
        reach = freshness.read_reaches(session)["core.things"]
    assert [moment and moment.day for moment in vars(reach).values()] == [9, 3, 2, None], "both are of a backfill"
    target.run("UPDATE etl.load_history SET committed_at = '2013-01-02 00:05' WHERE window_start = '2013-01-01'")
    with open_session(watch.connect, "test") as session:
        reach = freshness.read_reaches(session)["core.things"]
    assert [moment and moment.day for moment in vars(reach).values()] == [9, 3, 2, 2]


def test_a_copy_has_data_until_it_was_read(target: LoadTarget, watch: monitor.Monitor) -> None:
    target.load(contracts.load("core.small"), [(1, "a")], window=None)
    with open_session(watch.connect, "test") as session:
        reach = freshness.read_reaches(session)["core.small"]
    assert reach.data_until == reach.read_until == datetime(2013, 1, 2, tzinfo=UTC)


def test_the_report_of_a_failure_says_which_table_is_late_by_now(target: LoadTarget, watch: monitor.Monitor) -> None:
    target.load(contracts.load("core.small"), [(1, "a")], window=None)
    target.run("UPDATE etl.load_history SET committed_at = '2013-01-01 06:00'")
    failure.on_failure(context(SourceError("The file is empty.", fix="send it", table="core.small")))
    (text,) = reports(watch.lake)
    assert "- `core.small` is late: last loaded 2013-01-01 06:00 UTC" in text


@pytest.mark.parametrize(
    ("plan", "dag"), [("/*\ndag: small\n*/", "small"), (None, "backfill_table"), ("no front matter", "backfill_table")]
)
def test_the_report_of_a_late_table_names_its_own_dag_and_not_the_one_that_swapped_its_rows(
    target: LoadTarget, watch: monitor.Monitor, tmp_path: Path, plan: str | None, dag: str
) -> None:
    if plan:
        (tmp_path / "sql" / "reconcile" / "core").mkdir(parents=True)
        (tmp_path / "sql" / "reconcile" / "core" / "small.sql").write_text(plan)
    target.load(
        contracts.load("core.small"), [(1, "a")], window=None,
        run=Run("backfill_table", "manual", "finish", 1),
    )  # fmt: skip
    monitor.run(watch, in_days(2))
    (text,) = reports(watch.lake)
    assert f"airflow dags unpause {dag}\n" in text
    assert f"airflow dags trigger {dag}\n" in text


def test_a_failure_is_resolved_by_the_load_that_followed_it(target: LoadTarget, watch: monitor.Monitor) -> None:
    failure.on_failure(context(refused()))
    assert monitor.run(watch, in_days(0))["resolved"] == []
    (incident,) = lake_store.all_open(watch.lake)
    assert incident.table_name == "core.things"
    target.run(
        "INSERT INTO etl.mart_builds VALUES ('b', 'core.things', '2013-01-01', 'd', 'r', 1, '{}', "
        f"'{in_days(1):%Y-%m-%d %H:%M:%S}', 1)"
    )
    assert len(monitor.run(watch, in_days(1))["resolved"]) == 1
    assert rows(target)[0][3] == "load b of core.things was committed"


def test_what_was_reported_while_the_warehouse_was_down_is_written_when_it_is_back(
    target: LoadTarget, watch: monitor.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as down:
        down.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", '{"conn_type": "redshift", "host": "127.0.0.1", "port": 1}')
        failure.on_failure(context(refused()))
    monitor.run(watch, in_days(0))
    assert rows(target) == [("failure", "core.things", 1, None)]


def test_a_person_resolves_an_incident_by_its_id(target: LoadTarget, watch: monitor.Monitor) -> None:
    failure.on_failure(context(refused()))
    (incident,) = lake_store.all_open(watch.lake)
    for other in (f"{incident.incident_id}\n", "x' OR '1'='1", "%"):
        with pytest.raises(ConfigError, match="no such open incident"):
            monitor.close_by_hand(watch, other, in_days(0))
    monitor.close_by_hand(watch, incident.incident_id, in_days(0))
    assert rows(target)[0][3] == "a person resolved it"
    with pytest.raises(ConfigError, match="no such open incident"):
        monitor.close_by_hand(watch, incident.incident_id, in_days(0))


def test_an_incident_that_went_quiet_ends_when_its_cause_opens_another(
    target: LoadTarget, watch: monitor.Monitor
) -> None:
    old = incidents.new_incident(replace(failure_now(refused()), failed_at=in_days(-3)))
    lake_store.open_or_count(watch.lake, old)
    table_store.record(target.connect, old, "its report")
    failure.on_failure(context(refused()))
    (standing,) = lake_store.all_open(watch.lake)
    assert monitor.run(watch, in_days(0))["resolved"] == []
    assert [row[3] for row in rows(target)] == [f"succeeded by {standing.incident_id}", None]


def without_a_lake(target: LoadTarget, monkeypatch: pytest.MonkeyPatch) -> str:
    """A failure while the lake is down; returns its incident's id."""
    with monkeypatch.context() as down:
        down.setenv("AIRFLOW__REDSHIFT_ETL__LAKE", "s3://there-is-no-such-bucket/lake")
        failure.on_failure(context(refused()))
    return str(target.rows("SELECT incident_id FROM etl.incidents")[0][0])


def test_an_incident_that_only_the_warehouse_knows_is_resolved_by_a_load(
    target: LoadTarget, watch: monitor.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = without_a_lake(target, monkeypatch)
    assert monitor.run(watch, in_days(0))["resolved"] == []
    target.run(
        "INSERT INTO etl.mart_builds VALUES ('b', 'core.things', '2013-01-01', 'd', 'r', 1, '{}', "
        f"'{in_days(1):%Y-%m-%d %H:%M:%S}', 1)"
    )
    assert monitor.run(watch, in_days(1))["resolved"] == [name]
    assert rows(target)[0][3] == "load b of core.things was committed"


def test_an_incident_that_only_the_warehouse_knows_is_resolved_by_a_person(
    target: LoadTarget, watch: monitor.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor.close_by_hand(watch, without_a_lake(target, monkeypatch), in_days(0))
    assert rows(target)[0][3] == "a person resolved it"


def test_people_are_told_of_a_late_table_also_when_its_row_cannot_be_written(
    target: LoadTarget, watch: monitor.Monitor, webhook: list[Any]
) -> None:
    def until_it_is_open() -> Any:
        if lake_store.all_open(watch.lake):
            raise ConnectionResetError("the cluster is resizing")
        return target.connect()

    target.load(contracts.load("core.small"), [(1, "a")], window=None)
    with pytest.raises(TransientError):
        monitor.run(replace(watch, connect=until_it_is_open), in_days(2))
    assert [alert["subject"] for alert in webhook] == ["Late: core.small"]
    assert monitor.run(watch, in_days(2))["opened"] == []
    assert rows(target) == [("late", "core.small", 1, None)]
