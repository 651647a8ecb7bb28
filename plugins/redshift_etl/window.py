"""Which data window a run covers, by each way that Airflow starts it.

Airflow 3 starts runs by schedule and backfill (with a data interval), from an asset event or a bare trigger
(without one: logical_date, data_interval_* and ds are absent), by hand with a logical date (whose data_interval_* are
of another one), or with dates in the trigger form. One function serves all.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, overload

from redshift_etl.errors import ConfigError, FormError
from redshift_etl.run_conf import END, START, check_conf
from redshift_etl.schedule import Schedule, no_intervals

log = logging.getLogger(__name__)

MAX_DAYS = 366
"""The most days that a run which is started with dates loads: it is one batch, and one transaction."""
PRESENT = timedelta(hours=1)
"""How far the logical date that the trigger form fills in may be from the moment at which the run is created."""


@overload
def naive_utc(moment: datetime) -> datetime: ...
@overload
def naive_utc(moment: None) -> None: ...
def naive_utc(moment: datetime | None) -> datetime | None:
    """UTC without a zone, as a TIMESTAMP column stores it."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None


@overload
def aware_utc(moment: datetime) -> datetime: ...
@overload
def aware_utc(moment: None) -> None: ...
def aware_utc(moment: datetime | None) -> datetime | None:
    """The moment that a TIMESTAMP column stores, with its zone."""
    return moment.replace(tzinfo=UTC) if moment else None


def utc_now() -> datetime:
    """The present moment for a TIMESTAMP column: UTC without a zone."""
    return naive_utc(datetime.now(UTC))


def _plain(moment: datetime) -> datetime:
    """In UTC, as a value of the standard library: pendulum's loses the zone of it when a timedelta is subtracted."""
    return datetime.fromisoformat(moment.astimezone(UTC).isoformat())


@dataclass(frozen=True)
class Window:
    """A half-open span of time ``[start, end)``, zone-aware, in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("end", self.end)):
            if value.tzinfo is None:
                raise ConfigError(
                    "A window needs a time zone.", fix=f"write {name} with an offset, e.g. +00:00", value=value
                )
        if self.end <= self.start:
            raise ConfigError(
                "The window ends before it starts.", fix="choose a start before the end", start=self.start, end=self.end
            )
        object.__setattr__(self, "start", _plain(self.start))
        object.__setattr__(self, "end", _plain(self.end))

    def __str__(self) -> str:
        return f"[{self.start:%Y-%m-%dT%H:%M:%SZ}, {self.end:%Y-%m-%dT%H:%M:%SZ})"

    @property
    def slug(self) -> str:
        """The window as a part of an S3 key."""
        return f"{self.start:%Y%m%dT%H%M%S}-{self.end:%Y%m%dT%H%M%S}"

    @property
    def whole_days(self) -> Window:
        """The UTC days that the window touches, as a window."""
        return Window(_midnight(self.start), _midnight(self.end - timedelta(microseconds=1)) + timedelta(days=1))

    @property
    def days(self) -> tuple[date, ...]:
        """The UTC days that the window touches."""
        last = (self.end - timedelta(microseconds=1)).date()
        return tuple(self.start.date() + timedelta(days=n) for n in range((last - self.start.date()).days + 1))

    def as_dict(self) -> dict[str, str]:
        """For XCom."""
        return {START: self.start.isoformat(), END: self.end.isoformat()}

    @classmethod
    def from_dict(cls, value: Mapping[str, str]) -> Window:
        """Back from XCom."""
        return cls(datetime.fromisoformat(value[START]), datetime.fromisoformat(value[END]))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def resolve(context: Mapping[str, Any]) -> Window:
    """The window of this run.

    In order: the dates of the trigger form (``start`` inclusive, ``end`` inclusive when it is a date); the data
    interval that the DAG's timetable has for the run's logical date; with neither, the last complete interval (without
    a schedule: UTC day), which is logged. Never "now".
    Raises FormError for a conf that ``check_conf`` refuses, a date that is none or before the DAG's first day, an end
    before the start or after the present, too many days, and an interval that is not over or not the timetable's;
    ConfigError for a schedule without intervals.
    """
    check_conf(context)
    form = from_form(context.get("params") or {}, context["dag"])
    if form and form.end > datetime.now(UTC):
        raise FormError(
            "The last day of the form is not over (UTC): the window would be recorded as loaded.",
            fix="end yesterday at the latest",
            end=form.days[-1],
        )
    if form:
        _refuse_many_days(form)
        return form
    run = context["dag_run"]
    if run.logical_date is None:
        return _last_complete(run, Schedule(context["dag"]))
    start, end = run.data_interval_start, run.data_interval_end
    if run.run_type == "scheduled" or (run.run_type == "backfill" and start == run.logical_date):
        if start is None or start == end:
            raise no_intervals(context["dag"].dag_id)
        return Window(start, end)
    _refuse_before_first_day(context["dag"], "logical_date", run.logical_date)
    return _by_hand(run, Schedule(context["dag"]))


def _by_hand(run: Any, schedule: Schedule) -> Window:
    """A run started by hand with a logical date, or one that a backfill ran again: it kept the interval it had."""
    window = _interval_of(schedule, run.logical_date)
    if run.run_type == "manual":
        _refuse_own_interval(run, schedule, window)
    now = datetime.now(UTC)
    # `airflow tasks test` has a run_after before the logical date.
    if window.end <= (run.run_after if run.run_after > run.logical_date else now):
        return window
    # The trigger form's logical date and that of `airflow dags test` is the present unless somebody changes it.
    if window.start != run.logical_date and abs(run.run_after - run.logical_date) < PRESENT:
        return _last_complete(run, schedule)
    if window.end <= now:
        return window
    raise FormError(
        f"The data interval of the run's logical date, {window}, is not over.",
        fix="leave the logical date out for the last complete interval, or start the run when it is over",
        logical_date=run.logical_date.isoformat(),
    )


def _interval_of(schedule: Schedule, moment: datetime) -> Window:
    return Window(*schedule.interval_of(moment)) if schedule.periodic else _day_of(moment)


def _refuse_own_interval(run: Any, schedule: Schedule, window: Window) -> None:
    """An interval that neither Airflow nor the timetable makes was typed into the trigger form, or sent to the API."""
    own = run.data_interval_start, run.data_interval_end
    inferred = (schedule.inferred(moment) for moment in (run.logical_date, run.run_after))
    if None in own or own[0] == own[1] or own in ((window.start, window.end), *inferred):
        return
    raise FormError(
        f"The run has a data interval of its own, and its logical date has {window}.",
        fix="name the days in the conf, as `start` and `end`, and leave the data interval out",
        data_interval=f"{own[0]} to {own[1]}",
    )


def _last_complete(run: Any, schedule: Schedule) -> Window:
    if schedule.periodic:
        window = Window(*schedule.last_complete(run.run_after))
    else:
        window = _day_of(run.run_after - timedelta(days=1))
    log.info("The run %s was started without dates: it covers the last complete interval %s", run.run_id, window)
    return window


def _day_of(moment: datetime) -> Window:
    start = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(start, start + timedelta(days=1))


def from_form(params: Mapping[str, Any], dag: Any) -> Window | None:
    """The dates of the trigger form, if it was filled in; ``end`` is inclusive when it is a date without a time.

    Raises FormError for dates that cannot be read, begin before the DAG's first day or after the present, or end before
    they start.
    """
    if not (params.get(START) or params.get(END)):
        return None
    if not (params.get(START) and params.get(END)):
        raise FormError(
            "The form has one date only.",
            fix="fill in both, or neither",
            start=params.get(START),
            end=params.get(END),
        )
    start, _ = _moment(START, str(params[START]))
    end, is_date = _moment(END, str(params[END]))
    if start > datetime.now(UTC):
        raise FormError("The dates of the form are in the future.", fix="choose days that are over", start=start)
    end += timedelta(days=1 if is_date else 0)
    if end <= start:
        raise FormError("The window ends before it starts.", fix="choose a start before the end", start=start, end=end)
    _refuse_before_first_day(dag, START, start)
    return Window(start, end)


def _refuse_many_days(form: Window) -> None:
    number = (form.whole_days.end - form.whole_days.start).days
    if number > MAX_DAYS:
        raise FormError(
            f"The form has {number} days, and a run loads at most {MAX_DAYS}.",
            fix="load them in parts: `airflow dags backfill`, or `backfill_table` with its days a run",
            form=form,
        )


def _refuse_before_first_day(dag: Any, field: str, moment: datetime) -> None:
    first = dag.start_date
    if first and moment.date() < first.astimezone(UTC).date():
        raise FormError(
            "The run is of days before the DAG's first day.",
            fix=f"start on {first:%Y-%m-%d}, or give the DAG an earlier start_date",
            **{field: moment.isoformat()},
        )


def _moment(name: str, text: str) -> tuple[datetime, bool]:
    """The moment (UTC unless it has an offset), and whether the text was a date without a time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FormError("The date cannot be read.", fix="write e.g. 2013-01-31", field=name, value=text) from error
    is_date = len(text) <= len("2013-01-31")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)), is_date
