"""docs/kinds-of-load.md: its examples are written as they stand there, and run from a production database."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from local_redshift.storage import embedded_postgres
from redshift_etl.contracts import contract as contracts
from redshift_etl.errors import SourceError
from redshift_etl.lineage import graph
from redshift_etl.operators.extract import PostgresToLakeOperator
from redshift_etl.operators.load import LoadToRedshiftOperator
from redshift_etl.operators.transform import TransformOperator
from tests.dags.world import World
from tests.integration.operations import DAG_BY_HAND

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^`(?P<path>include/[^`]+)`:\n\n```sql\n(?P<text>.*?)```", re.MULTILINE | re.DOTALL)
PAGE = (REPOSITORY / "docs/kinds-of-load.md").read_text(encoding="utf-8")
TABLES = sorted({Path(block["path"]).stem for block in BLOCK.finditer(PAGE)})


@pytest.fixture
def booking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redshift_server: Any, world: World
) -> Iterator[psycopg.Connection[Any]]:
    """The production database, with the page's SQL beside the repository's."""
    shutil.copytree(REPOSITORY / "include/sql", tmp_path / "include/sql")
    for block in BLOCK.finditer(PAGE):
        (tmp_path / block["path"]).write_text(block["text"], encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(tmp_path / "include/sql"))
    contracts.load.cache_clear()
    assert world.rows("SELECT 1")
    database = os.environ["AIRFLOW_CONN_AIRLINE_DB"].rsplit("/", 1)[1]
    with psycopg.connect(embedded_postgres.dsn(redshift_server.pg, database), autocommit=True) as connection:
        yield connection
    contracts.load.cache_clear()


def run(name: str, day: str, run_id: str = "page") -> dict[str, Any]:
    """The three tasks of the table's DAG for a day of the form."""
    table = f"core.{name}"
    sql = os.environ["AIRFLOW__REDSHIFT_ETL__SQL_DIR"]
    extract = PostgresToLakeOperator(
        task_id="extract",
        table=table,
        sql=Path(sql, "extract", f"{name}.sql").read_text(encoding="utf-8"),
        postgres_conn_id="airline_db",
    )
    transform = TransformOperator(task_id="transform", batch=extract.execute(context("extract", day, run_id)))
    load = LoadToRedshiftOperator(
        task_id="load", table=table, batch=transform.execute(context("transform", day, run_id))
    )
    return load.execute(context("load", day, run_id))


def context(task_id: str, day: str, run_id: str) -> Any:
    instance = SimpleNamespace(dag_id="page", run_id=run_id, task_id=task_id, try_number=1, map_index=-1)
    return {
        "ti": instance,
        "dag_run": SimpleNamespace(conf={}),
        "dag": DAG_BY_HAND,
        "params": {"start": day, "end": day},
    }


def source(connection: psycopg.Connection[Any], *statements: str) -> None:
    for statement in statements:
        connection.execute(statement)
    connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO airline_reader")


def test_the_page_has_an_example_of_each_kind_that_no_dag_has() -> None:
    assert TABLES == ["bookings_by_day", "clicks", "fares", "gates"]


@pytest.mark.usefixtures("booking")
@pytest.mark.parametrize("name", TABLES)
def test_each_example_has_its_lineage_by_columns(name: str) -> None:
    contract = contracts.load(f"core.{name}")
    fill = graph.fill_of(contract)
    assert fill
    lineage = graph.columns_of(fill, {})
    assert set(lineage.columns) == set(contract.staged.column_names)
    source = {"bookings_by_day": "bookings"}.get(name, name)
    assert {origin.table for origins in lineage.columns.values() for origin in origins} == {f"airline.public.{source}"}


def test_append_takes_the_window_as_it_settles(booking: psycopg.Connection[Any], world: World) -> None:
    source(
        booking,
        "CREATE TABLE clicks (clicked_at timestamp, page text)",
        "INSERT INTO clicks VALUES ('2013-01-01 23:50', 'before'), ('2013-01-02 10:00', 'in'), "
        "('2013-01-02 23:50', 'after')",
    )
    assert run("clicks", "2013-01-02")["inserted"] == 2
    run("clicks", "2013-01-02")
    assert world.rows("SELECT page FROM core.clicks ORDER BY clicked_at") == [("before",), ("in",)]
    run("clicks", "2013-01-03")
    assert world.rows("SELECT COUNT(*) FROM core.clicks") == [(3,)]


def test_partition_takes_the_days_of_the_window(booking: psycopg.Connection[Any], world: World) -> None:
    source(
        booking,
        "CREATE TABLE bookings (booking_id bigint, booked_on date, amount numeric)",
        "INSERT INTO bookings VALUES (1, '2013-01-02', 10), (2, '2013-01-02', 20), (3, '2013-01-03', 30)",
    )
    run("bookings_by_day", "2013-01-02")
    source(booking, "DELETE FROM bookings WHERE booking_id = 2", "UPDATE bookings SET amount = 5 WHERE booking_id = 1")
    run("bookings_by_day", "2013-01-02")
    rows = world.rows("SELECT booking_id, CAST(amount AS INTEGER) FROM core.bookings_by_day ORDER BY 1")
    assert rows == [(1, 5)]


def test_a_snapshot_from_changes_has_each_fare_and_when_it_was_one(
    booking: psycopg.Connection[Any], world: World
) -> None:
    source(
        booking,
        "CREATE TABLE fares (route text, fare numeric, changed_at timestamp)",
        "INSERT INTO fares VALUES ('JFK-LAX', 300, '2013-01-01 10:00'), ('JFK-LAX', 250, '2013-01-02 09:00')",
    )
    for day in ("2013-01-02", "2013-01-01", "2013-01-02"):
        run("fares", day)
    rows = world.rows("SELECT CAST(fare AS INTEGER), valid_to IS NULL, current FROM core.fares ORDER BY valid_from")
    assert rows == [(300, False, False), (250, True, True)]


def test_a_snapshot_from_copies_of_a_past_window_needs_its_copy_in_the_lake(
    booking: psycopg.Connection[Any], world: World
) -> None:
    from datetime import UTC, datetime, timedelta

    source(booking, "CREATE TABLE gates (gate text, carrier text)", "INSERT INTO gates VALUES ('A1', 'UA')")
    with pytest.raises(SourceError, match="present state only"):
        run("gates", "2013-01-01")
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    run("gates", yesterday)
    source(booking, "UPDATE gates SET carrier = 'B6'")
    run("gates", yesterday, "later")
    rows = world.rows("SELECT carrier, current FROM core.gates ORDER BY valid_from")
    assert rows == [("UA", False), ("B6", True)]
