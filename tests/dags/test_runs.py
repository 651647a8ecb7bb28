"""The pipelines as Airflow runs them, once, on real data: `dag.test()` in one process, in the order of a first day."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from redshift_etl.contracts import contract
from redshift_etl.warehouse.statement import columns
from tests.dags.world import DAYS, World, run

pytestmark = pytest.mark.slow

XCOM_BYTES = 4096


def test_the_reference_tables_hold_every_row_of_their_files(world: World) -> None:
    counts = {
        name: world.rows(f"SELECT COUNT(*) FROM core.{name}")[0][0] for name in ("airlines", "airports", "planes")
    }
    assert counts == {"airlines": 16, "airports": 1458, "planes": 3322}


def test_every_flight_of_the_source_is_in_the_warehouse_once(world: World) -> None:
    loads = "FROM etl.load_history WHERE table_name = 'core.flights' AND load_kind = 'incremental'"
    assert world.rows(f"SELECT SUM(extracted - rejected) = MAX(rows_after) {loads}") == [(True,)]
    assert world.rows("SELECT COUNT(*) = COUNT(DISTINCT flight_id) FROM core.flights") == [(True,)]


def test_the_marts_count_every_flight_whatever_is_missing_beside_it(world: World) -> None:
    flights = world.rows("SELECT COUNT(*) FROM core.flights WHERE flight_date <= '2013-01-02'")[0][0]
    for mart in ("carrier_day", "route_day", "weather_delay_day"):
        assert world.rows(f"SELECT SUM(flights) FROM mart.{mart} WHERE flight_date <= '2013-01-02'") == [(flights,)]


def test_a_second_run_of_everything_changes_no_row(dag_bag: Any, world: World) -> None:
    tables = [f"core.{name}" for name in ("airlines", "airports", "planes", "flights", "weather")]
    tables += [f"mart.{name}" for name in ("carrier_day", "route_day", "weather_delay_day")]

    def rows() -> dict[str, list[Any]]:
        """By table, in every column of its contract: the time of the last read is another one."""
        selects = {table: f"SELECT {columns(contract.load(table).column_names)} FROM {table}" for table in tables}
        return {table: sorted(world.rows(select), key=repr) for table, select in selects.items()}

    before = rows()
    run(dag_bag, "reference_tables")
    for dag_id in ("flights", "weather"):
        run(dag_bag, dag_id, **DAYS)
    run(dag_bag, "daily_performance")
    assert rows() == before


def test_running_one_input_again_for_one_day_builds_that_day_and_no_other(dag_bag: Any, world: World) -> None:
    run(dag_bag, "daily_performance")
    before = world.rows("SELECT COUNT(*) FROM etl.mart_builds")[0][0]
    run(dag_bag, "weather", start="2013-01-02", end="2013-01-02")
    run(dag_bag, "daily_performance")
    built = world.rows("SELECT mart_name, CAST(day AS VARCHAR) FROM etl.mart_builds ORDER BY built_at DESC")
    assert built[: len(built) - before] == [("mart.weather_delay_day", "2013-01-02")]


def test_tasks_hand_each_other_less_than_four_kilobytes(world: World) -> None:
    assert world
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        sizes = {(x.dag_id, x.task_id): len(json.dumps(x.value)) for x in session.query(XComModel).all()}
    assert sizes
    assert {task: size for task, size in sizes.items() if size > XCOM_BYTES} == {}


def test_no_secret_is_in_what_tasks_hand_each_other_or_in_their_rendered_fields(world: World) -> None:
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    connections = [value for name, value in world.environment.items() if name.startswith("AIRFLOW_CONN_")]
    secrets = {json.loads(value)["password"] for value in connections if '"password"' in value}
    secrets |= {urlsplit(value).password for value in connections if "://" in value.split('"')[0]}
    assert len(secrets) == 3  # of the warehouse, of S3 and of the airline
    with create_session() as session:
        texts = [json.dumps(it.value) for it in session.query(XComModel).all()]
        texts += [str(it.rendered_fields) for it in session.query(RenderedTaskInstanceFields).all()]
    assert texts
    assert [text for text in texts if any(secret in text for secret in secrets)] == []
