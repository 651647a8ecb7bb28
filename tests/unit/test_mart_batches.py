"""Stale days on their way from the task that finds them to the tasks that build them."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from redshift_etl.errors import ConfigError
from redshift_etl.operators.marts import DAYS_A_TASK, MAX_TASKS, batches, batches_of_form, days_of

FIRST = date(2013, 1, 1)
YEARS = [FIRST + timedelta(days=number) for number in range(DAYS_A_TASK * MAX_TASKS)]
XCOM_BYTES = 4096


def test_days_in_a_row_are_named_by_the_first_and_the_last() -> None:
    days = [date(2013, 1, day) for day in (1, 2, 3, 5, 8, 9)]
    assert batches(days) == [["2013-01-01/2013-01-03", "2013-01-05", "2013-01-08/2013-01-09"]]


@pytest.mark.parametrize("days", [[], YEARS, YEARS[::2][:80], YEARS[:3] + YEARS[40:41] + YEARS[50:90]])
def test_each_task_gets_a_bounded_part_of_the_days_and_all_get_all_of_them(days: list[date]) -> None:
    parts = [days_of(batch) for batch in batches(days)]
    assert [day for part in parts for day in part] == days
    assert all(len(part) <= DAYS_A_TASK for part in parts)


@pytest.mark.parametrize("days", [YEARS, YEARS[::2], YEARS[:700:3]], ids=["in a row", "every other", "every third"])
def test_however_many_days_are_stale_what_is_handed_on_is_under_four_kilobytes(days: list[date]) -> None:
    found = batches(days)
    assert len(json.dumps(found)) < XCOM_BYTES
    built = [day for batch in found for day in days_of(batch)]
    assert built == days[: len(built)], "what is left over is the newest, and stale at the next wake-up"
    assert len(built) >= 5 * DAYS_A_TASK


def test_days_that_the_form_names_are_all_built_or_refused() -> None:
    assert [day for batch in batches_of_form(YEARS) for day in days_of(batch)] == YEARS
    with pytest.raises(ConfigError, match=r"names 1985 days, and a run builds 1984 at most\. .*2018-06-08"):
        batches_of_form([*YEARS, YEARS[-1] + timedelta(days=1)])
