"""Every way Airflow starts a run comes to one half-open UTC window, or to an error."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshift_etl import window
from redshift_etl.errors import ConfigError
from redshift_etl.window import Window

JAN1, JAN2, JAN3 = (datetime(2013, 1, day, tzinfo=UTC) for day in (1, 2, 3))
SECONDS = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)).map(lambda m: m.replace(microsecond=0, tzinfo=UTC))
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())


def context(
    start: datetime | None = None,
    end: datetime | None = None,
    logical: datetime | None = None,
    params: dict[str, Any] | None = None,
) -> dict[str, Any]:
    run = SimpleNamespace(
        run_id="run",
        data_interval_start=start,
        data_interval_end=end,
        logical_date=logical,
        run_after=datetime(2013, 1, 3, 5, tzinfo=UTC),
    )
    return {"dag_run": run, "params": params or {}}


def test_a_scheduled_or_backfill_run_covers_its_data_interval() -> None:
    assert window.resolve(context(JAN1, JAN2, JAN1)) == Window(JAN1, JAN2)


def test_a_manual_run_with_a_logical_date_covers_that_day() -> None:
    assert window.resolve(context(logical=datetime(2013, 1, 2, 17, tzinfo=UTC))) == Window(JAN2, JAN3)


def test_a_zero_length_interval_is_not_an_interval() -> None:
    assert window.resolve(context(JAN2, JAN2, JAN2)) == Window(JAN2, JAN3)


def test_a_run_without_dates_covers_the_last_complete_day_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert window.resolve(context()) == Window(JAN2, JAN3)
    assert "last complete day" in caplog.text


def test_the_forms_dates_are_inclusive_and_go_before_the_interval() -> None:
    params = {"start": "2013-01-01", "end": "2013-01-02"}
    assert window.resolve(context(JAN2, JAN3, params=params)) == Window(JAN1, JAN3)


def test_the_forms_moments_are_taken_as_they_are() -> None:
    params = {"start": "2013-01-01T01:00:00+01:00", "end": "2013-01-02T00:00:00"}
    assert window.resolve(context(params=params)) == Window(JAN1, JAN2)


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
        window.resolve(context(JAN1, JAN2, params=params))


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
