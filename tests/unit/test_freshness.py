"""When a table is late, and when an incident is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redshift_etl.incidents import model, monitor
from redshift_etl.warehouse import freshness
from redshift_etl.warehouse.freshness import Reach
from redshift_etl.warehouse.history import LoadRecord

NOW = datetime(2013, 1, 3, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("within", "reach", "status"),
    [
        (DAY, Reach(NOW - DAY), "fresh"),
        (DAY, Reach(NOW - DAY - timedelta(seconds=1)), "late"),
        (DAY, None, "never"),
        (None, Reach(NOW - 900 * DAY), "fresh"),
        (None, None, "never"),
    ],
)
def test_a_table_is_late_only_past_its_limit_and_only_once_it_has_been_loaded(
    within: timedelta | None, reach: Reach | None, status: str
) -> None:
    assert freshness.status(within, reach, NOW) == status


def test_a_table_that_was_loaded_as_its_windows_ended_is_late_when_old_windows_alone_are_loaded() -> None:
    old = Reach(NOW, read_until=NOW - 3 * DAY, data_until=NOW - 3 * DAY)
    assert freshness.status(DAY, old, NOW) == "fresh", "a backfill of old days has data as old as they are"
    assert freshness.status(DAY, replace(old, live_until=NOW - 3 * DAY), NOW) == "late"
    assert freshness.status(DAY, replace(old, live_until=NOW - 3 * DAY, read_until=NOW - DAY), NOW) == "fresh"


def test_the_sentence_says_how_late() -> None:
    state = freshness.Freshness("core.t", "us", DAY, Reach(NOW - 2 * DAY, data_until=NOW - 3 * DAY), "late")
    assert state.sentence(NOW) == (
        "`core.t` is late: last loaded 2013-01-01 00:00 UTC, 2 days, 0:00:00 ago; its data is until "
        "2012-12-31 00:00 UTC; its contract allows 1 day, 0:00:00."
    )


def part(run: str, day: int) -> model.FailedRun:
    return model.FailedRun(run, datetime(2013, 1, day, tzinfo=UTC), datetime(2013, 1, day + 1, tzinfo=UTC))


FAILED = replace(
    model.Incident(
        *("i", "c", "failure", "core.t", "flights", "r1", "load", "SourceError", "us", "s", "incidents/x.md"), NOW, NOW
    ),
    failed_runs=(part("r1", 1), part("r2", 2)),
)


def load(run: str, first: int | None = None, last: int | None = None, **other: Any) -> LoadRecord:
    start, end = (datetime(2013, 1, day, tzinfo=UTC) if day else None for day in (first, last))
    return replace(LoadRecord("core.t", "id", "flights", run, NOW + DAY, start, end), **other)


@pytest.mark.parametrize(
    ("loads", "over"),
    [
        ([load("r1", 1, 2), load("r2", 2, 3)], True),
        ([load("again", 1, 3)], True),
        ([load("whole table")], True),
        ([load("r1", 1, 2)], False),
        ([load("tomorrow's", 3, 4)], False),
        ([load("r1", 1, 2), load("half of r2", 2, 2)], False),
        ([load("again", 1, 3, committed_at=NOW - DAY)], False),
        ([load("again", 1, 3, table="core.other")], False),
        ([], False),
    ],
)
def test_a_failure_is_over_when_every_part_that_failed_was_loaded_since(loads: list[LoadRecord], over: bool) -> None:
    assert bool(monitor.resolution(FAILED, {}, loads, "freshness")) is over


def test_a_failure_without_a_table_is_over_when_its_dag_loads_again_and_the_monitors_own_when_it_runs() -> None:
    unknown = replace(FAILED, table_name="")
    assert monitor.resolution(unknown, {}, [load("again", 1, 3, table="core.x")], "freshness")
    assert not monitor.resolution(unknown, {}, [load("again", 1, 3, dag_id="weather")], "freshness")
    assert monitor.resolution(replace(unknown, dag_id="freshness"), {}, [], "freshness")


@pytest.mark.parametrize("dag_id", ["retention", "reconcile"])
def test_a_load_does_not_make_good_what_no_load_has_done(dag_id: str) -> None:
    assert monitor.resolution(replace(FAILED, dag_id=dag_id), {}, [load("whole table")], "freshness") is None


@pytest.mark.parametrize(("failed", "done", "over"), [
    ("flights", "hard_deletes", False), ("hard_deletes", "flights", False), ("hard_deletes", "hard_deletes", True),
])  # fmt: skip
def test_a_comparison_of_keys_makes_no_load_good_and_no_load_a_comparison(failed: str, done: str, over: bool) -> None:
    incident = replace(FAILED, dag_id=failed)
    assert bool(monitor.resolution(incident, {}, [load("again", dag_id=done)], "freshness")) is over


@pytest.mark.parametrize(("status", "over"), [("late", False), ("fresh", True)])
def test_a_late_table_is_over_when_it_is_fresh(status: str, over: bool) -> None:
    states = {"core.t": freshness.Freshness("core.t", "us", DAY, Reach(NOW), status)}
    assert bool(monitor.resolution(replace(FAILED, kind="late"), states, [], "freshness")) is over


def test_a_failure_of_several_dags_and_tables_is_over_when_each_of_them_is_loaded() -> None:
    failed_runs = (
        replace(part("r1", 1), dag_id="flights", table="core.t"),
        replace(part("w1", 1), dag_id="weather", table="core.w"),
        model.FailedRun("x", dag_id="reconcile"),
    )
    down = replace(FAILED, tables=("core.t", "core.w"), failed_runs=failed_runs)
    flights, weather = load("r1", 1, 2), load("w1", 1, 2, dag_id="weather", table="core.w")
    assert not monitor.resolution(down, {}, [flights], "freshness")
    assert monitor.resolution(down, {}, [flights, weather], "freshness")
    in_the_table_alone = replace(down, failed_runs=())
    assert not monitor.resolution(in_the_table_alone, {}, [flights], "freshness")
    assert monitor.resolution(in_the_table_alone, {}, [flights, weather], "freshness")
