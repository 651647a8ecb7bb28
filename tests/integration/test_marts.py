"""Marts follow the state of their inputs: stale days are built, and only those."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.mart import Mart, parse_mart
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.marts import build as marts
from redshift_etl.warehouse.model import Run
from tests.integration.batches import DAY, INCREMENTAL, LoadTarget

MART = contracts.parse("""/*
description: Things a day.
owner: us
load: partition
day: day
retention: never
*/
CREATE TABLE mart.things_a_day (day DATE NOT NULL, things INTEGER NOT NULL, PRIMARY KEY (day));""")
SELECT = """/*
inputs: [core.things, core.other]
*/
SELECT day, COUNT(*) FROM core.things WHERE deleted_at IS NULL AND day IN (:days) GROUP BY day"""
RUN = Run("daily", "run", "build", 1)
D1, D2, D3 = (date(2013, 1, day) for day in (1, 2, 3))


def mart(select: str = SELECT) -> Mart:
    return parse_mart(MART, select, Path("things_a_day.sql"))


@pytest.fixture
def warehouse(target: LoadTarget) -> LoadTarget:
    target.create(INCREMENTAL)
    target.create(MART)
    return target


def touch(target: LoadTarget, table: str, *days: date) -> None:
    for day in days:
        target.run(f"INSERT INTO etl.touched_days VALUES ('{table}', '{day}', 'load-{target.history()}')")


def stale(target: LoadTarget) -> list[date]:
    return marts.find_stale(target.connect, mart())


def test_a_day_is_stale_once_every_input_has_it(warehouse: LoadTarget) -> None:
    touch(warehouse, "core.things", D1, D2)
    touch(warehouse, "core.other", D2, D3)
    assert stale(warehouse) == [D2]


def test_a_built_day_is_stale_again_when_one_input_touches_it_and_no_other_day_is(warehouse: LoadTarget) -> None:
    for table in ("core.things", "core.other"):
        touch(warehouse, table, D1, D2)
    marts.build(warehouse.connect, mart(), [D1, D2], RUN)
    assert stale(warehouse) == []
    touch(warehouse, "core.other", D2)
    assert stale(warehouse) == [D2]


def test_a_load_after_midnight_makes_the_day_before_stale(warehouse: LoadTarget) -> None:
    warehouse.load(INCREMENTAL, [(1, "2013-01-01", D1, "a", None)])
    touch(warehouse, "core.other", D1, D2)
    marts.build(warehouse.connect, mart(), [D1], RUN)
    warehouse.load(
        INCREMENTAL,
        [(2, "2013-01-02", D1, "late", None)],
        window=replace(DAY, start=DAY.end, end=DAY.end + timedelta(days=1)),
    )
    assert stale(warehouse) == [D1, D2]
    marts.build(warehouse.connect, mart(), stale(warehouse), RUN)
    assert warehouse.rows("SELECT day, things FROM mart.things_a_day") == [(D1, 2)]


def test_building_replaces_only_its_days_and_repeating_it_changes_nothing(warehouse: LoadTarget) -> None:
    warehouse.run(f"INSERT INTO mart.things_a_day VALUES ('{D3}', 7)")
    warehouse.load(INCREMENTAL, [(1, "2013-01-01", D1, "a", None), (2, "2013-01-01", D1, "b", None)])
    for _ in range(2):
        assert marts.build(warehouse.connect, mart(), [D1, D2], RUN) == {"2013-01-01": 1, "2013-01-02": 0}
        assert sorted(map(tuple, warehouse.rows("SELECT * FROM mart.things_a_day"))) == [(D1, 2), (D3, 7)]


def test_a_mart_whose_select_repeats_a_key_publishes_nothing(warehouse: LoadTarget) -> None:
    warehouse.load(INCREMENTAL, [(1, "2013-01-01", D1, "a", None), (2, "2013-01-01", D1, "b", None)])
    broken = mart(SELECT.replace("COUNT(*)", "1").replace("GROUP BY day", ""))
    with pytest.raises(SourceError, match="same key more than once"):
        marts.build(warehouse.connect, broken, [D1], RUN)
    assert warehouse.rows("SELECT COUNT(*) FROM mart.things_a_day")[0][0] == 0
    assert warehouse.rows("SELECT COUNT(*) FROM etl.mart_builds")[0][0] == 0


def test_sql_that_the_warehouse_refuses_names_the_file(warehouse: LoadTarget) -> None:
    with pytest.raises(ConfigError, match=r"include/sql/marts/things_a_day\.sql"):
        marts.build(warehouse.connect, mart(SELECT.replace("core.things WHERE", "core.nothing WHERE")), [D1], RUN)


@pytest.mark.parametrize(
    "text", ["SELECT 1", "/*\ninputs: []\n*/\nSELECT 1 IN (:days)", "/*\ninputs: [core.t]\n*/\nSELECT 1"]
)
def test_a_mart_without_inputs_or_days_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"things_a_day\.sql"):
        mart(text)
