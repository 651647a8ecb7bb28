"""Which part of a source is read for a window, by kind of load."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import timezone

from redshift_etl.contracts import contract as contracts
from redshift_etl.extract import bounds
from redshift_etl.extract.unversioned import count_without_window
from redshift_etl.window import Window

FLIGHTS = contracts.load("core.flights")
HOUR = Window(datetime(2013, 1, 1, 23, tzinfo=UTC), datetime(2013, 1, 2, 0, tzinfo=UTC))
QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("lookback", "default", "start"),
    [(None, QUARTER, "22:45"), (None, timedelta(0), "23:00"), (timedelta(hours=2), QUARTER, "21:00"),
     (timedelta(0), QUARTER, "23:00")],
)  # fmt: skip
def test_an_incremental_load_reads_from_before_its_window_and_is_recorded_for_it(
    lookback: timedelta | None, default: timedelta, start: str
) -> None:
    contract = replace(FLIGHTS, lookback=lookback)
    recorded = bounds.recorded(contract, HOUR)
    assert recorded == HOUR
    assert f"{bounds.read(contract, recorded, default).start:%H:%M}" == start
    assert bounds.read(contract, recorded, default).end == HOUR.end


def test_a_window_of_airflows_own_moments_can_be_read_from_before_it() -> None:
    moments = [timezone.coerce_datetime(moment) for moment in (HOUR.start, HOUR.end)]
    assert bounds.read(FLIGHTS, Window(*moments), QUARTER).start == HOUR.start - QUARTER


def test_windows_of_an_append_that_settles_follow_each_other_without_a_gap() -> None:
    contract = replace(FLIGHTS, load="append", settle=QUARTER)
    following = Window(HOUR.end, HOUR.end + timedelta(hours=1))
    first, second = (bounds.recorded(contract, window) for window in (HOUR, following))
    assert f"{first.end:%H:%M}" == "23:45"
    assert first.end == second.start
    assert bounds.read(contract, first, QUARTER) == first


def test_the_window_of_a_partition_is_whole_days() -> None:
    contract = replace(FLIGHTS, load="partition")
    recorded = bounds.recorded(contract, HOUR)
    assert str(recorded) == "[2013-01-01T00:00:00Z, 2013-01-02T00:00:00Z)"
    assert bounds.read(contract, recorded, QUARTER) == recorded


@pytest.mark.parametrize(
    ("where", "remains"),
    [
        ("m >= %(start)s AND m < %(end)s", "m IS NULL"),
        ("x LIKE 'a%%' AND (m >= %(start)s AND m < %(end)s)", "x LIKE 'a%' AND m IS NULL"),
        ("a BETWEEN %(start)s AND %(end)s OR b >= %(start)s", "a IS NULL AND b IS NULL"),
        ("%(start)s <= CAST(m AS DATE)", "CAST(m AS DATE) IS NULL"),
        ("m >= %(start)s - INTERVAL '1 day'", "m IS NULL"),
    ],
)
def test_rows_without_a_time_are_those_whose_compared_columns_are_null(where: str, remains: str) -> None:
    text = count_without_window(f"SELECT id FROM t WHERE {where}")
    assert text
    assert " ".join(text.split()) == f"SELECT COUNT(*) FROM ( SELECT id FROM t WHERE {remains} ) AS without_window"


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "SELECT * FROM f(%(start)s)", "SELECT FROM WHERE", "SELECT %(start)s FROM t"]
)
def test_an_extract_that_compares_no_column_with_its_window_has_no_such_count(sql: str) -> None:
    assert count_without_window(sql) is None
