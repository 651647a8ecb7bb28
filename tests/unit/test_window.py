"""Every way Airflow starts a run comes to one half-open UTC window, or to an error."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    Param,
)
from airflow.sdk.definitions.param import ParamsDict
from hypothesis import given
from hypothesis import strategies as st

from redshift_etl import window
from redshift_etl.errors import ConfigError, FormError
from redshift_etl.run_conf import check_conf
from redshift_etl.schedule import Schedule
from redshift_etl.window import Window

JAN1, JAN2, JAN3 = (datetime(2013, 1, day, tzinfo=UTC) for day in (1, 2, 3))
SECONDS = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)).map(lambda m: m.replace(microsecond=0, tzinfo=UTC))
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())
HOUR = timedelta(hours=1)
FORM = {name: Param(None, type=["null", "string"]) for name in ("start", "end", "shadow")}


def cron(expression: str, timezone: str = "UTC") -> CronDataIntervalTimetable:
    return CronDataIntervalTimetable(expression, timezone=timezone)


DAILY, HOURLY, WEEKLY = cron("0 0 * * *"), cron("0 * * * *"), cron("0 0 * * 1")
WORKDAYS = cron("30 4 * * 1-5")
NEW_YORK = cron("0 0 * * *", "America/New_York")
NEW_YORK_HOURLY = cron("0 * * * *", "America/New_York")
LONG = CronTriggerTimetable("0 0 * * *", timezone="UTC", interval=timedelta(days=3))


def context(
    schedule: Any = DAILY,
    *,
    run_type: str = "manual",
    interval: tuple[datetime, datetime] | tuple[None, None] = (None, None),
    logical: datetime | None = None,
    run_after: datetime = datetime(2013, 1, 3, 5, tzinfo=UTC),
    conf: dict[str, Any] | None = None,
) -> dict[str, Any]:
    run = SimpleNamespace(
        run_id="run",
        run_type=run_type,
        conf=conf,
        data_interval_start=interval[0],
        data_interval_end=interval[1],
        logical_date=logical,
        run_after=run_after,
    )
    with DAG("orders", schedule=schedule, start_date=datetime(2013, 1, 1, tzinfo=UTC), params=FORM) as dag:
        EmptyOperator(task_id="only")
    return {"dag": dag, "dag_run": run, "params": {**dict(dag.params), **(conf or {})}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spans(first: str, last: str) -> Window:
    return Window(at(first), at(last))


# The logical date, and the interval that a scheduled run of it has; where none has it, the interval that contains it.
LOGICAL_DATES = [
    (DAILY, "2013-02-05T00:00", spans("2013-02-05", "2013-02-06")),
    (DAILY, "2013-02-05T17:00", spans("2013-02-05", "2013-02-06")),
    (HOURLY, "2013-02-05T07:00", spans("2013-02-05T07:00", "2013-02-05T08:00")),
    (HOURLY, "2013-02-05T07:59", spans("2013-02-05T07:00", "2013-02-05T08:00")),
    (WEEKLY, "2013-02-04T00:00", spans("2013-02-04", "2013-02-11")),
    (WEEKLY, "2013-02-07T00:00", spans("2013-02-04", "2013-02-11")),
    (WORKDAYS, "2013-02-05T04:30", spans("2013-02-05T04:30", "2013-02-06T04:30")),
    (WORKDAYS, "2013-02-05T00:00", spans("2013-02-04T04:30", "2013-02-05T04:30")),
    (WORKDAYS, "2013-02-08T04:30", spans("2013-02-08T04:30", "2013-02-11T04:30")),
    (NEW_YORK, "2013-02-05T05:00", spans("2013-02-05T05:00", "2013-02-06T05:00")),
    (NEW_YORK, "2013-03-10T05:00", spans("2013-03-10T05:00", "2013-03-11T04:00")),
    (NEW_YORK, "2013-11-03T04:00", spans("2013-11-03T04:00", "2013-11-04T05:00")),
    (NEW_YORK_HOURLY, "2013-11-03T05:00", spans("2013-11-03T05:00", "2013-11-03T06:00")),
    (NEW_YORK_HOURLY, "2013-11-03T06:00", spans("2013-11-03T06:00", "2013-11-03T07:00")),
    (NEW_YORK_HOURLY, "2013-03-10T07:00", spans("2013-03-10T07:00", "2013-03-10T08:00")),
    (timedelta(hours=6), "2013-02-05T07:00", None),
    (DeltaDataIntervalTimetable(timedelta(hours=6)), "2013-02-05T07:00", spans("2013-02-05T07:00", "2013-02-05T13:00")),
    (LONG, "2013-02-05T00:00", spans("2013-02-05", "2013-02-08")),
    (AssetOrTimeSchedule(timetable=HOURLY, assets=Asset("a")), "2013-02-05T07:00",
     spans("2013-02-05T07:00", "2013-02-05T08:00")),
    (None, "2013-02-05T17:00", spans("2013-02-05", "2013-02-06")),
    ("0 5 * * *", "2013-02-05T05:00", None),
]  # fmt: skip
STARTED = ["dags trigger", "API", "dags test", "tasks test", "backfill of a run by hand"]


def by_hand(how: str, schedule: Any, logical: datetime, created: datetime) -> dict[str, Any]:
    """The run as Airflow 3.3 creates it: its interval is inferred from one moment or another."""
    inferred = Schedule(context(schedule)["dag"]).inferred
    if how == "tasks test":
        interval = inferred(logical)
        return context(schedule, interval=interval, logical=logical, run_after=interval[1])
    interval = inferred(created if how == "dags trigger" else logical)
    run_type = "backfill" if how.startswith("backfill") else "manual"
    return context(schedule, run_type=run_type, interval=interval, logical=logical, run_after=created)


@pytest.mark.parametrize("how", STARTED)
@pytest.mark.parametrize(("schedule", "logical", "expected"), LOGICAL_DATES)
def test_a_run_by_hand_covers_what_the_scheduled_run_of_its_logical_date_covers(
    how: str, schedule: Any, logical: str, expected: Window | None
) -> None:
    if schedule is None and how.startswith("backfill"):
        return  # Airflow backfills no DAG without a schedule
    run = by_hand(how, schedule, at(logical), datetime(2026, 11, 27, 10, 3, 20, 123, tzinfo=UTC))
    if expected:
        assert window.resolve(run) == expected
    else:
        with pytest.raises(ConfigError, match="CronDataIntervalTimetable"):
            window.resolve(run)


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_scheduled_or_backfill_run_covers_its_data_interval(run_type: str) -> None:
    run = context("0 0 * * *", run_type=run_type, interval=(JAN1, JAN2), logical=JAN1)
    assert window.resolve(run) == Window(JAN1, JAN2)


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_run_whose_data_interval_is_empty_is_refused(run_type: str) -> None:
    with pytest.raises(ConfigError, match="CronDataIntervalTimetable"):
        window.resolve(context("0 0 * * *", run_type=run_type, interval=(JAN2, JAN2), logical=JAN2))


@pytest.mark.parametrize("how", ["dags trigger", "API"])
@pytest.mark.parametrize("days", [0, 1, 400])
def test_a_logical_date_whose_interval_is_not_over_is_refused(how: str, days: int) -> None:
    now = datetime.now(UTC)
    named = (now + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    with pytest.raises(ConfigError, match="is not over"):
        window.resolve(by_hand(how, DAILY, named, now))


@pytest.mark.parametrize("schedule", [HOURLY, DAILY, WEEKLY])
@pytest.mark.parametrize("how", ["dags trigger", "API", "dags test"])
def test_the_present_that_the_form_fills_in_is_no_logical_date_that_somebody_named(how: str, schedule: Any) -> None:
    created = at("2013-02-06T10:35:00")
    run = by_hand(how, schedule, created - timedelta(minutes=2, microseconds=7), created)
    expected = Schedule(run["dag"]).last_complete(created)
    assert window.resolve(run) == Window(*expected)


def test_a_data_interval_typed_into_the_form_is_refused_unless_it_is_the_timetables() -> None:
    logical, created = at("2013-02-05"), at("2013-03-01T10:00")
    with pytest.raises(ConfigError, match="`start` and `end`"):
        window.resolve(context(interval=(logical, at("2013-02-09")), logical=logical, run_after=created))
    run = context(interval=(logical, at("2013-02-06")), logical=logical, run_after=created)
    assert window.resolve(run) == spans("2013-02-05", "2013-02-06")


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (DAILY, Window(JAN2, JAN3)),
        (HOURLY, spans("2013-01-03T04:00", "2013-01-03T05:00")),
        (WEEKLY, spans("2012-12-24", "2012-12-31")),
        (NEW_YORK, spans("2013-01-02T05:00", "2013-01-03T05:00")),
        (None, Window(JAN2, JAN3)),
        ([Asset("a")], Window(JAN2, JAN3)),
    ],
)
@pytest.mark.parametrize("run_type", ["manual", "asset_triggered"])
def test_a_run_without_dates_covers_the_last_complete_interval_and_says_so(
    caplog: pytest.LogCaptureFixture, run_type: str, schedule: Any, expected: Window
) -> None:
    with caplog.at_level(logging.INFO):
        assert window.resolve(context(schedule, run_type=run_type)) == expected
    assert "last complete interval" in caplog.text


@pytest.mark.parametrize("name", ["date", "start_date", "end_date", "START", "shadow "])
def test_a_key_of_the_conf_that_the_dag_does_not_know_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}.* Fix: use end, shadow, start"):
        window.resolve(context(interval=(JAN1, JAN2), logical=JAN1, conf={name: "2013-01-02"}))


def test_what_airflow_adds_to_the_conf_of_a_run_that_a_task_starts_is_no_key_of_a_person() -> None:
    conf = {"start": "2013-01-01", "end": "2013-01-01", "openlineage": {"parentJobName": "backfill_table.load"}}
    assert window.resolve(context(run_type="operator_triggered", conf=conf)) == Window(JAN1, JAN2)
    with DAG("plain", schedule=None) as dag:
        EmptyOperator(task_id="only")
    check_conf({"dag": dag, "dag_run": SimpleNamespace(conf={"openlineage": {}}, run_type="operator_triggered")})


def test_a_dag_without_parameters_takes_no_conf() -> None:
    with DAG("plain", schedule=None) as dag:
        EmptyOperator(task_id="only")
    run = {"dag": dag, "dag_run": SimpleNamespace(conf={"start": "2013-01-01"})}
    with pytest.raises(ConfigError, match=r"start.*without a conf"):
        check_conf(run)


def test_a_parameter_of_one_task_is_a_key_of_the_conf() -> None:
    run = context(logical=JAN1)
    run["dag_run"].conf = {"own": 1}
    run["dag"].tasks[0].params = ParamsDict({"own": Param(2)})
    check_conf(run)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("1013-01-01", "1013-01-02", r"before the DAG's first day.*Fix: start on 2013-01-01.*start_date"),
        ("2012-12-31", "2013-01-02", r"before the DAG's first day"),
        ("2013-01-01", "2014-01-02", r"367 days, and a run loads at most 366.*`airflow dags backfill`"),
    ],
)
def test_the_forms_dates_begin_with_the_dag_and_are_no_more_than_a_run_can_load(
    start: str, end: str, message: str
) -> None:
    with pytest.raises(FormError, match=message):
        window.resolve(context(logical=JAN1, conf={"start": start, "end": end}))


def test_a_run_loads_a_leap_year() -> None:
    assert len(window.resolve(context(logical=JAN1, conf={"start": "2016-01-01", "end": "2016-12-31"})).days) == 366


@pytest.mark.parametrize("schedule", [DAILY, NEW_YORK, WEEKLY, None])
@pytest.mark.parametrize("logical", ["0001-01-02", "1013-06-05", "2012-12-20"])
def test_a_logical_date_before_the_dag_s_first_day_is_refused(schedule: Any, logical: str) -> None:
    with pytest.raises(FormError, match="before the DAG's first day"):
        window.resolve(context(schedule, interval=(JAN1, JAN2), logical=at(logical)))


def test_the_forms_dates_are_inclusive_and_go_before_the_interval() -> None:
    run = context(interval=(JAN2, JAN3), logical=JAN2, conf={"start": "2013-01-01", "end": "2013-01-02"})
    assert window.resolve(run) == Window(JAN1, JAN3)


def test_the_forms_moments_are_taken_as_they_are() -> None:
    run = context(conf={"start": "2013-01-01T01:00:00+01:00", "end": "2013-01-02T00:00:00"})
    assert window.resolve(run) == Window(JAN1, JAN2)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"start": "2013-01-02", "end": "2013-01-01"}, "ends before"),
        ({"start": "2013-01-02T00:00", "end": "2013-01-02T00:00"}, "ends before"),
        ({"start": "2013-01-01"}, "one date only"),
        ({"end": "2013-01-01"}, "one date only"),
        ({"start": "2013-02-30", "end": "2013-03-01"}, "2013-02-30"),
        ({"start": "yesterday", "end": "2013-03-01"}, "yesterday"),
    ],
)
def test_a_form_that_makes_no_window_is_refused(params: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        window.resolve(context(interval=(JAN1, JAN2), logical=JAN1, conf=params))


def test_a_window_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ConfigError, match="time zone"):
        Window(datetime(2013, 1, 1), datetime(2013, 1, 2))


def test_days_are_those_that_the_window_touches() -> None:
    eastern = timezone(timedelta(hours=-5))
    assert Window(JAN1, JAN2).days == (date(2013, 1, 1),)
    assert Window(datetime(2013, 1, 1, tzinfo=eastern), datetime(2013, 1, 2, tzinfo=eastern)).days == (
        date(2013, 1, 1),
        date(2013, 1, 2),
    )


@given(MOMENTS, st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
def test_a_window_survives_xcom_whatever_its_zone(start: datetime, length: timedelta) -> None:
    given_window = Window(start, start.astimezone(UTC) + length)
    assert Window.from_dict(given_window.as_dict()) == given_window
    assert given_window.start.utcoffset() == timedelta(0)


@given(st.lists(SECONDS, min_size=3, max_size=3, unique=True))
def test_two_windows_never_share_a_slug(moments: list[datetime]) -> None:
    early, middle, late = sorted(moments)
    windows = [Window(early, middle), Window(middle, late), Window(early, late)]
    assert len({one.slug for one in windows}) == 3
