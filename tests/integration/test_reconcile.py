"""A source and a warehouse that differ, and the report and runs that repair it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import reconcile_spec
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.lake.storage import Lake
from redshift_etl.operators.reconcile import ReconcileOperator
from redshift_etl.reconcile.source_counts import count_by_day, file_changed
from redshift_etl.window import Window
from tests.integration.batches import LoadTarget
from tests.integration.conftest import Source
from tests.integration.operations import DAG_BY_HAND, connect_airflow, instance, repository

pytestmark = pytest.mark.slow

THINGS = """/*
description: Things.
owner: us
load: incremental
version: version
retention: never
*/
CREATE TABLE core.things (id BIGINT NOT NULL, version TIMESTAMP NOT NULL, PRIMARY KEY (id));"""
SMALL = """/*
description: A small table.
owner: us
load: full_refresh
retention: never
*/
CREATE TABLE core.small (id INTEGER NOT NULL, PRIMARY KEY (id));"""
COUNT = """/*
dag: things
connection: airline_db
*/
SELECT CAST(version AS DATE), COUNT(*) FROM things WHERE version >= %(start)s AND version < %(end)s GROUP BY 1"""


@pytest.fixture
def lake(target: LoadTarget, source: Source, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lake]:
    repository(
        tmp_path / "sql",
        monkeypatch,
        {
            "tables/core/things.sql": THINGS,
            "tables/core/small.sql": SMALL,
            "reconcile/core/things.sql": COUNT,
            "reconcile/core/small.sql": "/*\ndag: small\nlanding: small.csv\n*/",
        },
    )
    lake = connect_airflow(target, monkeypatch)
    source.run("CREATE TABLE things (id int, version timestamp)")
    for number in range(1, 4):
        source.run(f"INSERT INTO things SELECT n, '2013-01-0{number} 12:00' FROM generate_series(1, 5) n")
    target.s3.put_object(Bucket=target.server.bucket, Key=f"{lake.location.prefix}/landing/small.csv", Body=b"id\n1\n")
    yield lake
    contracts.load.cache_clear()


def load(target: LoadTarget, day: int, rows: int) -> None:
    things = contracts.load("core.things")
    target.load(
        things,
        [(day * 100 + n, f"2013-01-0{day} 12:00:00") for n in range(rows)],
        window=Window(datetime(2013, 1, day, tzinfo=UTC), datetime(2013, 1, day + 1, tzinfo=UTC)),
    )


def compare(params: dict[str, object], run_type: str = "scheduled") -> list[dict[str, object]]:
    operator, run = ReconcileOperator(task_id="compare"), SimpleNamespace(run_type=run_type)
    return operator.execute(
        {"ti": instance(dag="reconcile", run="run 1"), "dag_run": run, "dag": DAG_BY_HAND, "params": params}
    )


def report(lake: Lake) -> str:
    (listed,) = lake.list_objects("reconcile")
    return lake.read(listed.key).decode()


def test_missing_and_short_days_are_found_by_counting_and_only_said(target: LoadTarget, lake: Lake) -> None:
    target.create(contracts.load("core.things"))
    load(target, 1, 5)
    load(target, 2, 3)
    assert compare({}) == []
    text = report(lake)
    assert "| core.things | 2013-01-02 | short | 5 | 3 |" in text
    assert "| core.things | 2013-01-03 | missing | 5 | 0 |" in text
    assert "| core.small | whole file | missing |" in text
    assert "2013-01-01 |" not in text
    assert """airflow dags trigger things --conf '{"start": "2013-01-02", "end": "2013-01-03"}'""" in text


@pytest.mark.usefixtures("lake")
def test_the_days_missing_are_recorded_until_the_next_comparison_finds_none(target: LoadTarget) -> None:
    target.create(contracts.load("core.things"))
    load(target, 1, 5)
    load(target, 2, 3)
    compare({})
    for day in (2, 3):
        load(target, day, 5)
    compare({})
    found = "SELECT outcome, failing_rows FROM etl.check_results WHERE check_name = 'reconciled' AND table_name = '{}'"
    assert target.rows(f"{found.format('core.things')} ORDER BY checked_at") == [("warned", 2), ("passed", 0)]


def test_an_empty_form_compares_what_was_loaded_and_not_the_weeks_before_today(target: LoadTarget, lake: Lake) -> None:
    things, now = contracts.load("core.things"), datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    target.create(things)
    load(target, 1, 5)
    load(target, 2, 3)
    target.load(things, [], window=Window(now - timedelta(days=2), now - timedelta(days=1)))
    compare({}, run_type="manual")
    yesterday = (now - timedelta(days=1)).date()
    text = report(lake)
    spans = f"2013-01-01 to 2013-01-02, {yesterday - timedelta(days=1)} to {yesterday}"
    assert f"`core.things`: {spans}, 10 rows in the source, 8 here; 1 days differ" in text
    assert "| core.things | 2013-01-02 | short | 5 | 3 |" in text
    assert "2013-01-03" not in text, "it was never loaded: the days of the form, or the schedule, find it"


def test_the_schedule_compares_the_weeks_before_the_newest_load(target: LoadTarget, lake: Lake) -> None:
    things, now = contracts.load("core.things"), datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    target.create(things)
    load(target, 2, 3)
    target.load(things, [], window=Window(now - timedelta(days=2), now - timedelta(days=1)))
    compare({})
    first, yesterday = (now - timedelta(days=36)).date(), (now - timedelta(days=1)).date()
    assert f"`core.things`: {first} to {yesterday}, 0 rows in the source, 0 here; 0 days differ" in report(lake)


@pytest.mark.usefixtures("lake")
def test_mend_returns_the_runs_to_start(target: LoadTarget) -> None:
    target.create(contracts.load("core.things"))
    load(target, 1, 5)
    assert compare({"repair": True, "start": "2013-01-01", "end": "2013-01-03"}) == [
        {"trigger_dag_id": "small", "conf": {}},
        {"trigger_dag_id": "things", "conf": {"start": "2013-01-02", "end": "2013-01-03"}},
    ]


@pytest.mark.parametrize("dead", ["connection", "file", "both"])
def test_a_source_that_cannot_be_counted_is_named_after_the_others_are_compared(
    target: LoadTarget, lake: Lake, monkeypatch: pytest.MonkeyPatch, dead: str
) -> None:
    target.create(contracts.load("core.things"))
    load(target, 1, 5)
    if dead != "file":
        monkeypatch.setenv("AIRFLOW_CONN_AIRLINE_DB", "postgresql://reader:secret@127.0.0.1:1/airline")
    if dead != "connection":
        target.s3.delete_object(Bucket=target.server.bucket, Key=f"{lake.location.prefix}/landing/small.csv")
    with pytest.raises(SourceError if dead == "file" else TransientError):
        compare({"repair": True})
    text = report(lake)
    assert ("`core.things`: **not compared**: " in text) == (dead != "file")
    assert ("`core.small`: **not compared**: There is no such S3 object." in text) == (dead != "connection")
    assert ("| core.small | whole file | missing |" in text) == (dead == "connection")
    assert ("| core.things | 2013-01-02 | missing | 5 | 0 |" in text) == (dead == "file")
    assert ("The others agree; 2 could not be compared." in text) == (dead == "both")
    assert "secret" not in text


def test_a_source_without_the_column_or_the_connection_is_a_clear_error(lake: Lake) -> None:
    start, end = datetime(2013, 1, 1), datetime(2013, 1, 2)
    with pytest.raises(ConfigError, match="nowhere_db"):
        count_by_day("nowhere_db", "SELECT 1", start, end)
    with pytest.raises(SourceError, match="modified_at"):
        count_by_day("airline_db", "SELECT modified_at, 1 FROM things WHERE version > %(start)s", start, end)
    with pytest.raises(SourceError, match="no such S3 object"):
        file_changed(lake)("absent.csv")


@pytest.mark.usefixtures("lake")
def test_the_counts_of_a_source_are_by_day_of_the_window() -> None:
    sql = reconcile_spec.read(contracts.load("core.things"))
    assert sql
    counted = count_by_day("airline_db", sql.sql, datetime(2013, 1, 2), datetime(2013, 1, 4))
    assert counted == {date(2013, 1, 2): 5, date(2013, 1, 3): 5}
