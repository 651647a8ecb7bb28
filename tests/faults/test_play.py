"""How a history is played: what the runner itself must not do."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.faults.plan import Run
from tests.faults.play import Attempt, end_stopped


@pytest.mark.timeout(20)
def test_a_stopped_process_that_waits_for_another_stopped_one_ends_too(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = _stopped_with(lock)
    waiter = _stopped_before(lock)
    attempt = Attempt(Run(1, "load", 0), done=True, stopped=[waiter, holder])
    assert end_stopped(cast(Any, None), [attempt]) == []
    assert attempt.stopped == []


def _stopped_with(lock: Path) -> int:
    return _fork(lambda: _take(lock), _stop)


def _stopped_before(lock: Path) -> int:
    return _fork(_stop, lambda: _take(lock))


def _fork(*steps: Callable[[], None]) -> int:
    if pid := os.fork():
        os.waitpid(pid, os.WUNTRACED)
        return pid
    try:
        for step in steps:
            step()
    finally:
        os._exit(0)


def _take(lock: Path) -> None:
    fcntl.flock(os.open(lock, os.O_WRONLY | os.O_CREAT), fcntl.LOCK_EX)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
