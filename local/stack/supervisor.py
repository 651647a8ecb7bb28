"""Supervision: start a set of parts in the order of their needs, bring back one that dies, stop them all.

A part is a program with a probe that says when it is ready; a part that runs `once` is ready when it has ended with
exit code 0. Each part leads a process group of its own, so that its children go with it, and gets SIGTERM if this
process dies. One thread, no signals handled here: the caller turns the loop with `tick` and decides when to `stop`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from local.stack.reaper import GRACE_SECONDS, die_with_parent, end_all
from local.stack.state_dir import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

STEADY_SECONDS = 60.0
HOPELESS_RESTARTS = 3
PROBE_SECONDS = 0.3
BACK_OFF_SECONDS = (0.2, 1, 2, 5, 10, 30)
_LOG_BYTES = 20_000_000


@dataclass(frozen=True)
class Part:
    """One program of the stack, and what it needs before it can start."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], bool] = lambda: True
    after: Sequence[str] = ()
    once: bool = False
    # Seconds that a clean stop may take.
    grace: float = GRACE_SECONDS


@dataclass
class Running:
    """A part that is `waiting`, `starting`, `ready` or `down` (coming back); with `once`, `done` or `failed`."""

    part: Part
    state: str = "waiting"
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    failures: int = 0
    next_try: float = 0.0
    seconds: float = field(default=0.0)


class Supervisor:
    """The parts of one stack; logs go to `<logs>/<part>.log`, process ids to `<run>/<part>.json`."""

    def __init__(self, parts: Sequence[Part], logs: Path, run: Path) -> None:
        self.parts = {part.name: Running(part) for part in parts}
        self.logs, self.run = logs, run
        for folder in (logs, run):
            folder.mkdir(parents=True, exist_ok=True)

    def tick(self) -> bool:
        """Start what can start, see who died or became ready; True if a state changed."""
        before = self.states()
        for running in self.parts.values():
            self._look_at(running)
        return before != self.states()

    def states(self) -> dict[str, tuple[str, int]]:
        """State and number of restarts by part."""
        return {name: (running.state, running.restarts) for name, running in self.parts.items()}

    def is_ready(self) -> bool:
        """Whether every part is ready or done."""
        return all(self._satisfied(name) for name in self.parts)

    def hopeless(self) -> str | None:
        """A part that will not come up by itself: it runs once and failed, or dies again and again."""
        for name, running in self.parts.items():
            if running.state == "failed" or running.failures > HOPELESS_RESTARTS:
                return name
        return None

    def stop(self) -> None:
        """End the parts in the reverse of their order: what needs another part goes first."""
        while names := self._without_dependents():
            processes = [self.parts[name].process for name in names]
            for process in processes:
                _signal_group(process, signal.SIGTERM)
            deadline = time.monotonic() + max(self.parts[name].part.grace for name in names)
            for process in filter(None, processes):
                with suppress(subprocess.TimeoutExpired):  # then it is killed
                    process.wait(max(0.05, deadline - time.monotonic()))
                _signal_group(process, signal.SIGKILL)
                process.wait()
            for name in names:
                self.parts[name].process = None
                (self.run / f"{name}.json").unlink(missing_ok=True)

    def _without_dependents(self) -> list[str]:
        alive = {name for name, running in self.parts.items() if running.process is not None}
        needed = {need for name in alive for need in self._needs(name)}
        return sorted(alive - needed)

    def _needs(self, name: str) -> set[str]:
        direct = set(self.parts[name].part.after)
        return direct.union(*(self._needs(need) for need in direct)) if direct else direct

    def _look_at(self, running: Running) -> None:
        process, now = running.process, time.monotonic()
        if running.state == "waiting":
            if all(self._satisfied(need) for need in running.part.after):
                self._start(running)
        elif running.state == "down":
            if now >= running.next_try:
                running.restarts += 1
                self._start(running)
        elif process is not None and (code := process.poll()) is not None:
            self._ended(running, code)
        elif running.state == "starting" and not running.part.once and now >= running.next_try:
            running.next_try = now + PROBE_SECONDS
            if running.part.ready():
                running.state, running.seconds = "ready", now - running.started
        elif running.state == "ready" and now - running.started > STEADY_SECONDS:
            running.failures = 0

    def _satisfied(self, name: str) -> bool:
        return self.parts[name].state in ("ready", "done")

    def _start(self, running: Running) -> None:
        part = running.part
        path = self.logs / f"{part.name}.log"
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            running.process = subprocess.Popen(
                list(part.command),
                env=dict(part.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_parent,  # noqa: PLW1509 this process has one thread
            )
        running.state, running.started = "starting", time.monotonic()
        record = {"pid": running.process.pid, "created": psutil.Process(running.process.pid).create_time()}
        write_private(self.run / f"{part.name}.json", json.dumps(record))

    def _ended(self, running: Running, code: int) -> None:
        _signal_group(running.process, signal.SIGKILL)  # children that outlived it
        running.process, running.seconds = None, time.monotonic() - running.started
        (self.run / f"{running.part.name}.json").unlink(missing_ok=True)
        if running.part.once:
            running.state = "failed" if code else "done"
            return
        running.state = "down"
        running.next_try = time.monotonic() + BACK_OFF_SECONDS[min(running.failures, len(BACK_OFF_SECONDS) - 1)]
        running.failures += 1


def sweep(run: Path) -> None:
    """End the processes that a stack recorded and, killed, could not end itself."""
    leftovers: list[psutil.Process] = []
    for record in run.glob("*.json"):
        entry = json.loads(record.read_text())
        with suppress(psutil.NoSuchProcess):  # nothing is left of it
            process = psutil.Process(entry["pid"])
            # A process id is used again; with the time of its creation it is not.
            if abs(process.create_time() - entry["created"]) < 1:
                leftovers += [process, *process.children(recursive=True)]
        record.unlink(missing_ok=True)
    end_all(leftovers)


def _signal_group(process: subprocess.Popen[bytes] | None, signum: int) -> None:
    if process is not None:
        with suppress(ProcessLookupError, PermissionError):  # ended; macOS forbids where Linux finds no process
            os.killpg(process.pid, signum)
