"""Values read in the background: requests wait for a limited time, and a failure is reported with its start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import pytest

from redshift_etl.errors import TransientError
from redshift_etl.ui.background_value import BackgroundCache, BackgroundValue, Reading
from redshift_etl.ui.workers import BusyError, Workers

T = TypeVar("T")

ALWAYS_DUE, NEVER_DUE_AGAIN = timedelta(0), timedelta(hours=1)
LONG = 10.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """An event that blocks a reader until it is set; set at the end in any case."""
    event = threading.Event()
    yield event
    event.set()


def until(get: Callable[[], Reading[T]], condition: Callable[[Reading[T]], bool]) -> Reading[T]:
    """Get the reading until it meets the condition; the test's own time-out ends it otherwise."""
    while not condition(reading := get()):
        time.sleep(0.01)
    return reading


def test_the_first_request_waits_for_a_value_but_not_longer_than_its_limit(gate: threading.Event) -> None:
    def read() -> int:
        gate.wait(LONG)
        return 7

    value = BackgroundValue("it", read, NEVER_DUE_AGAIN)
    started = time.monotonic()
    assert value.get(0.01) == Reading(refreshing=True)
    assert time.monotonic() - started < LONG / 2
    gate.set()
    assert value.get(LONG).value == 7


def test_while_it_is_read_again_the_last_value_is_returned_and_one_reader_runs(gate: threading.Event) -> None:
    calls: list[int] = []

    def read() -> int:
        calls.append(1)
        if len(calls) > 1:
            gate.wait(LONG)
        return len(calls)

    value = BackgroundValue("it", read, ALWAYS_DUE)
    assert value.get(LONG).value == 1
    until(lambda: value.get(LONG), lambda _: len(calls) == 2)
    assert [value.get(LONG).value for _ in range(20)] == [1] * 20
    assert len(calls) == 2
    gate.set()
    until(value.get, lambda reading: reading.value != 1)


def test_a_value_is_not_read_again_before_it_is_due() -> None:
    calls: list[int] = []
    value = BackgroundValue("it", lambda: calls.append(1), NEVER_DUE_AGAIN)
    for _ in range(5):
        value.get(LONG)
    assert len(calls) == 1


def test_after_a_failure_the_last_value_is_returned_with_the_error_and_its_start() -> None:
    results = iter([1])

    def read() -> int:
        for result in results:
            return result
        raise TransientError("The warehouse cannot be reached: refused.", fix="wait")

    value = BackgroundValue("it", read, ALWAYS_DUE)
    first = value.get(LONG)
    failed = until(value.get, lambda reading: reading.error is not None)
    assert (failed.value, failed.read_at) == (1, first.read_at)
    assert failed.error == "The warehouse cannot be reached: refused."
    again = until(value.get, lambda reading: reading is not failed)
    assert again.failing_since == failed.failing_since


def test_an_unexpected_error_is_named_without_its_text() -> None:
    def read() -> int:
        raise RuntimeError("password=hunter2")

    value = BackgroundValue("it", read, NEVER_DUE_AGAIN)
    reading = until(lambda: value.get(LONG), lambda reading: reading.error is not None)
    assert reading.error == "RuntimeError; details are in the log of the API server."


def test_a_value_clears_the_failure_before_it(gate: threading.Event) -> None:
    failures = [TransientError("down", fix="wait")]

    def read() -> int:
        if failures:
            raise failures.pop()
        gate.wait(LONG)
        return 5

    value = BackgroundValue("it", read, ALWAYS_DUE)
    assert until(value.get, lambda reading: reading.error is not None).value is None
    gate.set()
    reading = until(value.get, lambda reading: reading.value == 5)
    assert (reading.error, reading.failing_since) == (None, None)


def test_a_warehouse_that_hangs_is_reported_as_not_responding(gate: threading.Event) -> None:
    value = BackgroundValue("it", lambda: gate.wait(LONG), NEVER_DUE_AGAIN, no_response_after=timedelta(0))
    value.get()
    reading = until(value.get, lambda reading: reading.error is not None)
    assert reading.error == "It does not respond."
    assert reading.failing_since is not None


def test_a_value_past_twice_its_age_is_old_until_it_has_been_read_again(gate: threading.Event) -> None:
    calls: list[int] = []

    def read() -> None:
        calls.append(1)
        if len(calls) > 1:
            gate.wait(LONG)

    value = BackgroundValue("it", read, timedelta(seconds=0.2))
    first = value.get(LONG)
    assert (first.refreshing, first.old) == (False, False)
    old = until(value.get, lambda reading: reading.old)
    assert (old.refreshing, old.read_at, old.error) == (True, first.read_at, None)
    gate.set()
    new = until(value.get, lambda reading: not reading.old)
    assert new.read_at
    assert first.read_at
    assert new.read_at > first.read_at


def test_a_cache_drops_the_least_recently_requested_value() -> None:
    calls: list[str] = []
    cache: BackgroundCache[None] = BackgroundCache(NEVER_DUE_AGAIN, 2, Workers(1, 8))

    def get(name: str) -> None:
        cache.get(name, lambda: calls.append(name), LONG)

    for name in ("a", "b", "a", "c", "a", "b"):
        get(name)
    assert calls == ["a", "b", "c", "b"]


def test_many_names_at_once_take_a_few_threads_and_the_rest_is_refused(gate: threading.Event) -> None:
    cache: BackgroundCache[str] = BackgroundCache(ALWAYS_DUE, 500, Workers(4, 32))
    values = ["old"]
    assert cache.get("before", lambda: values[0], LONG).value == "old"
    values[0] = "new"
    before, refused = threading.active_count(), 0
    for number in range(400):
        try:
            cache.get(str(number), lambda: str(gate.wait(LONG)))
        except BusyError:
            refused += 1
    assert threading.active_count() - before <= 3
    assert 400 - 37 <= refused <= 400 - 32
    assert cache.get("before", lambda: values[0]).value == "old", "what has been read is shown meanwhile"
    gate.set()
    until(lambda: cache.get("before", lambda: values[0]), lambda reading: reading.value == "new")
