"""What the dates on the command line are in the time of a DAG's timetable."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.cli import cli_parser
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow.timetables.simple import NullTimetable
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_dags_backfill.arguments import Request, UsageError, read
from airflow_dags_backfill.dates import whole_days

TICK = timedelta(microseconds=1)


def request_of(start: str, end: str) -> Request:
    return read(cli_parser.get_parser().parse_args(["dags", "backfill", "flights", "-s", start, "-e", end]))


def cron(expression: str, timezone: str = "UTC") -> CronDataIntervalTimetable:
    return CronDataIntervalTimetable(expression, timezone=timezone)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("timetable", "first", "after"),
    [
        (cron("0 0 * * *"), utc(2013, 3, 10), utc(2013, 3, 11)),
        (cron("0 * * * *"), utc(2013, 3, 10), utc(2013, 3, 11)),
        (cron("0 0 * * 1"), utc(2013, 3, 4), utc(2013, 3, 11)),
        (cron("30 4 * * *"), utc(2013, 3, 9, 4, 30), utc(2013, 3, 11)),
        (cron("0 0 * * *", "America/New_York"), utc(2013, 3, 10, 5), utc(2013, 3, 11, 4)),
        (cron("0 * * * *", "America/New_York"), utc(2013, 3, 10, 5), utc(2013, 3, 11, 4)),
        (cron("0 6 * * *", "Asia/Tokyo"), utc(2013, 3, 8, 21), utc(2013, 3, 10, 15)),
        (DeltaDataIntervalTimetable(timedelta(hours=6)), utc(2013, 3, 10), utc(2013, 3, 11)),
        (CronTriggerTimetable("0 5 * * *", timezone="UTC"), utc(2013, 3, 10), utc(2013, 3, 11)),
        (NullTimetable(), utc(2013, 3, 10), utc(2013, 3, 11)),
    ],
)
def test_a_date_without_a_time_is_a_whole_day_of_the_timetable(
    timetable: Any, first: datetime, after: datetime
) -> None:
    request = whole_days(request_of("2013-03-10", "2013-03-10"), timetable)
    assert (request.start, request.end) == (first, after - TICK)


def test_a_date_with_a_time_is_a_logical_date() -> None:
    moments = "2013-03-10T05:30:00+00:00", "2013-03-10T07:30:00+00:00"
    request = request_of(*moments)
    assert whole_days(request, cron("0 * * * *")) == request
    assert (request.start, request.end) == (utc(2013, 3, 10, 5, 30), utc(2013, 3, 10, 7, 30))


def test_a_day_may_end_what_a_moment_of_it_begins() -> None:
    request = whole_days(request_of("2013-03-10T05:00:00+00:00", "2013-03-10"), cron("0 * * * *"))
    assert (request.start, request.end) == (utc(2013, 3, 10, 5), utc(2013, 3, 11) - TICK)
    with pytest.raises(UsageError, match="is before the start"):
        request_of("2013-03-11T00:00:00+00:00", "2013-03-10")
