"""How often a request is repeated, and how long a client waits between."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from redshift_etl.extract.retry import RequestFailed, Retry, seconds

NOW = datetime(2013, 1, 1, 12, tzinfo=UTC)
QUICK = Retry(attempts=4, first_wait=0.001, longest_wait=60)


class Service:
    """Fails as often as it has failures, then returns "done"."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.requests = 0

    def __call__(self) -> str:
        self.requests += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def test_a_request_is_repeated_until_it_succeeds() -> None:
    service = Service(RequestFailed("busy"), RequestFailed("busy", "0"))
    assert (QUICK.call(service), service.requests) == ("done", 3)


def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    service = Service(*(RequestFailed(f"busy {n}") for n in range(9)))
    with pytest.raises(RequestFailed, match="busy 3"):
        QUICK.call(service)
    assert service.requests == QUICK.attempts


def test_another_error_is_not_repeated() -> None:
    service = Service(ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        QUICK.call(service)
    assert service.requests == 1


@pytest.mark.parametrize("retry_after", ["3600", "Fri, 02 Jan 2299 12:00:00 GMT"])
def test_a_service_that_asks_for_a_long_wait_is_not_waited_for(retry_after: str) -> None:
    service = Service(RequestFailed("busy", retry_after))
    with pytest.raises(RequestFailed):
        QUICK.call(service)
    assert service.requests == 1


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("0", 0),
        ("7", 7),
        ("Tue, 01 Jan 2013 12:00:30 GMT", 30),
        ("Tue, 01 Jan 2013 11:00:00 GMT", 0),
        ("soon", None),
        (" 7 ", 7),
        ("²", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(retry_after: str, wait: float | None) -> None:
    assert seconds(retry_after, NOW) == wait
