"""How long a client waits before it asks again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshift_etl.extract.retry import Retry

NOW = datetime(2013, 1, 1, 12, tzinfo=UTC)
RETRY = Retry(attempts=9, first_wait=1, longest_wait=60)


@given(st.integers(1, 50))
def test_waits_double_up_to_the_longest_and_at_most_half_is_random(attempt: int) -> None:
    full = min(60, 2 ** (attempt - 1))
    assert full / 2 <= (RETRY.wait(attempt, None, NOW) or 0) <= full


@pytest.mark.parametrize(
    ("asked", "wait"),
    [("0", 0), ("7", 7), ("Tue, 01 Jan 2013 12:00:30 GMT", 30), ("Tue, 01 Jan 2013 11:00:00 GMT", 0)],
)
def test_retry_after_goes_before_the_back_off(asked: str, wait: float) -> None:
    assert RETRY.wait(1, asked, NOW) == wait


@pytest.mark.parametrize("asked", ["3600", "Wed, 02 Jan 2013 12:00:00 GMT"])
def test_a_service_that_asks_for_long_is_not_waited_for(asked: str) -> None:
    assert RETRY.wait(1, asked, NOW) is None


def test_a_retry_after_that_cannot_be_read_is_no_answer() -> None:
    assert 0.5 <= (RETRY.wait(1, "soon", NOW) or 0) <= 1
