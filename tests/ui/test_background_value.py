"""A page never waits for the warehouse longer than it wants to, and says how old and how sure its values are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from redshift_etl.errors import TransientError
from redshift_etl.ui.background_value import Refreshing, View

NOW, LATER = timedelta(0), timedelta(hours=1)
LONG = 10.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds a reader back until it is opened; opened at the end in any case."""
    event = threading.Event()
    yield event
    event.set()


def until(look: Callable[[], View[Any]], wanted: Callable[[View[Any]], bool]) -> View[Any]:
    """Look until the view is as wanted; the test's own time-out ends it otherwise."""
    while not wanted(view := look()):
        threading.Event().wait(0.01)
    return view


def test_the_first_look_waits_for_a_value_but_no_longer_than_asked(gate: threading.Event) -> None:
    def read() -> int:
        gate.wait(LONG)
        return 7

    held = Refreshing("it", read, LATER)
    assert held.look(0.01) == View()
    gate.set()
    assert held.look(LONG).value == 7


def test_while_it_is_read_again_the_last_value_is_shown_and_one_reader_is_at_work(gate: threading.Event) -> None:
    started: list[int] = []

    def read() -> int:
        started.append(1)
        if len(started) > 1:
            gate.wait(LONG)
        return len(started)

    held = Refreshing("it", read, NOW)
    assert held.look(LONG).value == 1
    until(lambda: held.look(LONG), lambda _: len(started) == 2)
    assert [held.look(LONG).value for _ in range(20)] == [1] * 20
    assert len(started) == 2
    gate.set()
    until(held.look, lambda view: view.value != 1)


def test_a_value_is_not_read_again_before_its_time() -> None:
    started: list[int] = []
    held = Refreshing("it", lambda: started.append(1), LATER)
    held.look(LONG)
    for _ in range(5):
        held.look(LONG)
    assert len(started) == 1


def test_a_failure_keeps_the_last_value_and_says_what_and_since_when() -> None:
    answers = iter([1])

    def read() -> int:
        for answer in answers:
            return answer
        raise TransientError("The warehouse cannot be reached: refused.", fix="wait")

    held = Refreshing("it", read, NOW)
    first = held.look(LONG)
    failed = until(held.look, lambda view: view.error is not None)
    assert (failed.value, failed.read_at) == (1, first.read_at)
    assert failed.error == "The warehouse cannot be reached: refused."
    again = until(held.look, lambda view: view is not failed)
    assert again.failing_since == failed.failing_since


def test_an_error_that_nobody_foresaw_is_named_without_its_text() -> None:
    def read() -> int:
        raise RuntimeError("password=hunter2")

    view = Refreshing("it", read, LATER).look(LONG)
    view = view if view.error else until(Refreshing("it", read, LATER).look, lambda found: found.error is not None)
    assert view.error == "RuntimeError; the log of the API server says more."


def test_after_a_failure_a_value_clears_it() -> None:
    answers: Iterator[Exception | int] = iter([TransientError("down", fix="wait"), 5])

    def read() -> int:
        answer = next(answers, 5)
        if isinstance(answer, Exception):
            raise answer
        return answer

    held = Refreshing("it", read, NOW)
    view = until(held.look, lambda found: found.value == 5)
    assert (view.error, view.failing_since) == (None, None)


def test_a_warehouse_that_does_not_answer_is_said_to_be_silent(gate: threading.Event) -> None:
    held = Refreshing("it", lambda: gate.wait(LONG), LATER, silent_after=NOW)
    held.look()
    view = until(held.look, lambda found: found.error is not None)
    assert view.error == "It does not answer."
    assert view.failing_since is not None
