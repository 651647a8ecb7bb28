"""Plays a history: the source changes, runs start together as processes, fail as planned, and are tried again."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redshift_etl.lake.storage import Lake
from tests.faults import worker
from tests.faults.plan import WINDOWS, History, Run
from tests.faults.source import Source
from tests.faults.tables import KINDS, Kind

STOPPED_SECONDS = 0.3
RUN_SECONDS = 300  # of a second or two: also beside other work, what is only slow ends before it
MOST_TRIES = 8


@dataclass
class Stage:
    """What a history is played on: its folder and source, how to reach the server, and where landing files go."""

    kind: Kind
    folder: Path
    source: Source
    admin: str
    lake: Lake
    landing: Any


@dataclass
class Attempt:
    """A run that is under way: its process, when it began, whether it is stopped, and how often it was tried."""

    run: Run
    tries: int = 0
    pid: int = 0
    due: float = 0.0
    began: float = 0.0
    stopped: list[int] = field(default_factory=list)
    done: bool = False


def play(history: History, stage: Stage) -> list[str]:
    """Play it to its end. Returns what did not end as it must."""
    wrong: list[str] = []
    for group in history.groups:
        stage.source.apply(group.window, group.changes)
        _land(stage)
        with ExitStack() as transactions:
            if group.late:
                transactions.enter_context(stage.source.open_while(group.window, group.late))
            runs = group.runs
            if group.window == WINDOWS:  # the last ones follow each other
                for run in runs:
                    wrong += [] if wrong else _run(stage, (run,))
            else:
                wrong += _run(stage, runs)
        if wrong:
            break
        stage.source.apply(group.window, group.after)
    return wrong


def _land(stage: Stage) -> None:
    if stage.kind.name == "full_refresh":
        stage.landing(stage.source.as_csv())


def _run(stage: Stage, runs: tuple[Run, ...]) -> list[str]:
    """The runs together, each until it has succeeded."""
    now = time.monotonic()
    attempts = [Attempt(run, due=now + run.delay) for run in runs]
    while not all(attempt.done for attempt in attempts):
        for attempt in attempts:
            _advance(stage, attempt)
        late = [it for it in attempts if it.pid and time.monotonic() - it.began > RUN_SECONDS]
        if late or any(it.tries > MOST_TRIES for it in attempts):
            return [_give_up(stage, attempts)]
        time.sleep(0.003)
    return end_stopped(stage, attempts)


def _give_up(stage: Stage, attempts: Sequence[Attempt]) -> str:
    waiting = [it for it in attempts if not it.done or it.stopped]
    open_runs = [f"{it.run.action} {it.run.number}, try {it.tries}" for it in waiting]
    for attempt in attempts:
        for pid in [attempt.pid, *attempt.stopped]:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    errors = stage.folder / "errors.jsonl"
    last = errors.read_text().splitlines()[-1:] if errors.exists() else []
    return f"a run did not end: {', '.join(open_runs)}; the last error: {json.loads(last[0]) if last else 'none'}"


def _advance(stage: Stage, attempt: Attempt) -> None:
    """Start it, or look at its process."""
    _wake(attempt)
    if attempt.done or (not attempt.pid and time.monotonic() < attempt.due):
        return
    if not attempt.pid:
        _start(stage, attempt)
        return
    pid, status = os.waitpid(attempt.pid, os.WNOHANG | os.WUNTRACED)
    if not pid:
        return
    if os.WIFSTOPPED(status):  # as a worker that Airflow has lost sight of, and that comes back
        attempt.stopped.append(attempt.pid)
        attempt.due = time.monotonic()
        attempt.pid = 0
        attempt.began = time.monotonic()
    else:
        attempt.pid = 0
        attempt.done = os.WIFEXITED(status) and os.WEXITSTATUS(status) == worker.DONE
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == worker.FROM_THE_START:
            _forget(stage, attempt.run)


def _forget(stage: Stage, run: Run) -> None:
    """As a person who clears the extract: the run begins anew. What a shadow has stays."""
    for path in stage.folder.glob(f"run-{run.number}.*.json"):
        if path.name.split(".")[1].endswith(("extract", "transform", "keys")):
            path.unlink(missing_ok=True)


def _wake(attempt: Attempt) -> None:
    """Let the stopped processes go on after a while. They stay on the list until they have ended."""
    if attempt.stopped and time.monotonic() - attempt.began >= STOPPED_SECONDS:
        attempt.stopped = [pid for pid in attempt.stopped if not _go_on(pid)]


def end_stopped(stage: Stage, attempts: Sequence[Attempt]) -> list[str]:
    """Let all stopped processes go on until they have ended: together, for one may wait for another's lock."""
    began = time.monotonic()
    while any(attempt.stopped for attempt in attempts):
        for attempt in attempts:
            attempt.stopped = [pid for pid in attempt.stopped if not _go_on(pid)]
        if time.monotonic() - began > RUN_SECONDS:
            return [_give_up(stage, attempts)]
        time.sleep(0.01)
    return []


def _go_on(pid: int) -> bool:
    """Whether the process, which may have stopped a second time, has ended."""
    os.kill(pid, signal.SIGCONT)
    return bool(os.waitpid(pid, os.WNOHANG)[0])


def _start(stage: Stage, attempt: Attempt) -> None:
    """A try in a process of its own."""
    planned = attempt.run.tries
    faults = planned[attempt.tries] if attempt.tries < len(planned) else ()
    attempt.tries += 1
    attempt.began = time.monotonic()
    it = worker.Try(stage.kind, attempt.run, attempt.tries, faults, stage.folder, stage.admin, stage.lake)
    attempt.pid = os.fork()
    if attempt.pid == 0:
        code = worker.AGAIN
        try:
            log = os.open(stage.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            code = worker.perform(it)
        finally:
            os._exit(code)


def kind_of(history: History) -> Kind:
    """The table that it loads."""
    return KINDS[history.kind]
