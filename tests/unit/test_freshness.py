"""When a table is late, and when an incident is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from redshift_etl import freshness, incidents, monitor
from redshift_etl.incident_report import LastLoad

NOW = datetime(2013, 1, 3, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("within", "loaded_at", "status"),
    [
        (DAY, NOW - DAY, "fresh"),
        (DAY, NOW - DAY - timedelta(seconds=1), "late"),
        (DAY, None, "never"),
        (None, NOW - 900 * DAY, "fresh"),
        (None, None, "never"),
    ],
)
def test_a_table_is_late_only_past_its_limit_and_only_once_it_has_been_loaded(within, loaded_at, status):
    assert freshness.status(within, loaded_at, NOW) == status


def test_the_sentence_says_how_late():
    state = freshness.Freshness("core.t", "us", DAY, NOW - 2 * DAY, "late")
    assert state.sentence(NOW) == (
        "`core.t` is late: last loaded 2013-01-01 00:00 UTC, 2 days, 0:00:00 ago; its contract allows 1 day, 0:00:00."
    )


FAILED = incidents.Incident(
    *("i", "c", "failure", "core.t", "flights", "r", "load", "SourceError", "us", "s", "incidents/x.md"), NOW, NOW
)


def load(table: str, at: datetime, dag: str = "flights") -> dict[str, LastLoad]:
    return {table: LastLoad(table, "id", at, dag, "run")}


@pytest.mark.parametrize(
    ("incident", "loads", "over"),
    [
        (FAILED, load("core.t", NOW + DAY), True),
        (FAILED, load("core.t", NOW - DAY), False),
        (FAILED, load("core.other", NOW + DAY), False),
        (FAILED, {}, False),
        (replace(FAILED, table_name=""), load("core.other", NOW + DAY), True),
        (replace(FAILED, table_name=""), load("core.other", NOW + DAY, dag="weather"), False),
        (replace(FAILED, table_name="", dag_id="freshness"), {}, True),
    ],
)
def test_a_failure_is_over_when_what_failed_was_loaded_since(incident, loads, over):
    assert bool(monitor.over(incident, {}, loads, "freshness")) is over


@pytest.mark.parametrize(("status", "over"), [("late", False), ("fresh", True)])
def test_a_late_table_is_over_when_it_is_fresh(status, over):
    states = {"core.t": freshness.Freshness("core.t", "us", DAY, NOW, status)}
    assert bool(monitor.over(replace(FAILED, kind="late"), states, {}, "freshness")) is over
