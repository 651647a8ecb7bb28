"""What the Warehouse page queries, and how often."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from redshift_etl.catalog.warehouse_reader import SizeCache, read_history, read_snapshot
from redshift_etl.contracts.mart import load_mart
from redshift_etl.warehouse import migrate
from tests.integration.batches import INCREMENTAL, LoadTarget

pytestmark = pytest.mark.slow

NOW = datetime(2013, 1, 2, 12, tzinfo=UTC)


def test_the_sizes_are_read_again_only_when_they_are_older_than_their_interval(
    target: LoadTarget, caplog: pytest.LogCaptureFixture
) -> None:
    target.create(INCREMENTAL)
    target.run("INSERT INTO core.things (id, version) VALUES (1, '2013-01-01')")
    sizes = SizeCache(timedelta(minutes=10))
    with caplog.at_level(logging.DEBUG, "redshift_etl"):
        for seconds in (0, 15, 599, 601):
            snapshot = read_snapshot(target.connect, NOW + timedelta(seconds=seconds), sizes)
            assert snapshot.size_mb == {"core.things": 1}
    assert sum("read the sizes" in record.getMessage() for record in caplog.records) == 2


def test_sizes_that_were_refused_are_missing_and_read_again_at_once(target: LoadTarget) -> None:
    sizes = SizeCache(timedelta(minutes=10))
    with psycopg.connect(target.server.config.admin(target.database.database)) as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.svv_table_info FROM pg_monitor")
    assert "sizes" in read_snapshot(target.connect, NOW, sizes).missing
    with psycopg.connect(target.server.config.admin(target.database.database)) as admin:
        admin.execute("GRANT SELECT ON pg_catalog.svv_table_info TO pg_monitor WITH GRANT OPTION")
    assert "sizes" not in read_snapshot(target.connect, NOW, sizes).missing


def test_the_rows_of_a_mart_are_those_that_its_builds_counted(target: LoadTarget) -> None:
    target.run("CREATE SCHEMA mart")
    target.run("CREATE TABLE mart.m (day DATE)")
    target.run("INSERT INTO mart.m VALUES ('2013-01-01'), ('2013-01-01')")
    target.run(
        "INSERT INTO etl.mart_builds (mart_name, build_id, day, rows_written, built_at, seconds, dag_id, run_id, "
        "inputs) VALUES ('mart.m', 'b', '2013-01-01', 1, '2013-01-02', 1, 'd', 'r', '{}')"
    )
    assert read_snapshot(target.connect, NOW, SizeCache(timedelta(minutes=10))).rows["mart.m"] == 1


def test_the_stale_days_of_each_mart_are_counted(target: LoadTarget) -> None:
    marts = [load_mart(f"mart.{name}") for name in ("carrier_day", "weather_delay_day")]
    migrate.ensure(target.connect, "mart.carrier_day")
    for load_id, table, day in (("a", "core.flights", 1), ("b", "core.flights", 2), ("c", "core.weather", 2)):
        target.run(f"INSERT INTO etl.touched_days VALUES ('{table}', '2013-01-0{day}', '{load_id}')")
    snapshot = read_snapshot(target.connect, NOW, SizeCache(timedelta(minutes=10)), marts)
    assert snapshot.missing == {}
    assert snapshot.stale_days == {"mart.carrier_day": 2, "mart.weather_delay_day": 1}


def test_the_history_of_a_table_and_of_a_mart_are_read_without_anything_missing(target: LoadTarget) -> None:
    target.create(INCREMENTAL)
    target.load(INCREMENTAL, [(1, "2013-01-01", "2013-01-01", "a", None)])
    table = read_history(target.connect, "core.things", None, NOW)
    mart = read_history(target.connect, "mart.carrier_day", load_mart("mart.carrier_day"), NOW)
    assert (len(table.loads), table.missing, mart.loads, mart.missing) == (1, {}, (), {})
