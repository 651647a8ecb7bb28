"""Supervision: start services in the order of their dependencies, restart one that exits, stop them all.

A service is a program with a probe for its readiness; one that runs `once` is ready when it has exited with code 0.
Each service leads a process group of its own, so that its children are ended with it, and gets SIGTERM if this process
dies. One thread, no signal handlers: the caller must call `tick()` periodically and decides when to `stop()`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from local.stack import reaper, records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

READY_STATES = ("ready", "done")
STEADY_SECONDS = 60.0
MAX_FAILED_STARTS = 3
PROBE_SECONDS = 0.3
BACK_OFF_SECONDS = (0.2, 1, 2, 5, 10, 30)
_LOG_BYTES = 20_000_000


@dataclass(frozen=True)
class Service:
    """One program of the stack, and the services that must be ready before it starts."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], bool] = lambda: True
    after: Sequence[str] = ()
    once: bool = False
    # Whether another program has the port that the service needs.
    port_is_taken: Callable[[], bool] = lambda: False
    # Seconds that a clean stop may take.
    grace: float = reaper.GRACE_SECONDS


@dataclass
class ServiceStatus:
    """A service that is `waiting`, `starting`, `ready` or `down` (to be restarted); with `once`, `done` or `failed`."""

    service: Service
    state: str = "waiting"
    process: subprocess.Popen[bytes] | None = None
    # The settings that the process was started with.
    started_with: Service | None = None
    started: float = 0.0
    restarts: int = 0
    failures: int = 0
    next_try: float = 0.0
    seconds: float = 0.0

    def is_outdated(self) -> bool:
        """Whether the process was started with other settings than those of now."""
        before, now = self.started_with, self.service
        return before is not None and (before.command, before.env) != (now.command, now.env)


class Supervisor:
    """The services of one stack; logs go to `<logs>/<service>.log`, process ids to `<run>/<service>.json`.

    `move_port` chooses another port for the service that it is given, and returns all services with their new settings.
    """

    def __init__(
        self,
        services: Sequence[Service],
        logs: Path,
        run: Path,
        move_port: Callable[[str], Sequence[Service]] | None = None,
    ) -> None:
        self.services = {service.name: ServiceStatus(service) for service in services}
        self.logs, self.run, self._move_port = logs, run, move_port
        for folder in (logs, run):
            folder.mkdir(parents=True, exist_ok=True)

    def tick(self) -> bool:
        """Start what can start and update every state; True if one changed."""
        before = self.states()
        for status in self.services.values():
            self._update(status)
        return before != self.states()

    def states(self) -> dict[str, tuple[str, int]]:
        """State and number of restarts by service."""
        return {name: (status.state, status.restarts) for name, status in self.services.items()}

    def is_ready(self) -> bool:
        """Whether every service is ready or done."""
        return all(map(self._satisfied, self.services))

    def failed_service(self) -> str | None:
        """A service that will not come up: it runs once and failed, or has exited more than MAX_FAILED_STARTS times."""
        for name, status in self.services.items():
            if status.state == "failed" or status.failures > MAX_FAILED_STARTS:
                return name
        return None

    def stop(self) -> None:
        """End the services in the reverse order of their dependencies."""
        self._end(set(self.services))

    def _end(self, names: set[str]) -> None:
        while last := self._without_dependents(names):
            processes = [self.services[name].process for name in last]
            for process in processes:
                _signal_group(process, signal.SIGTERM)
                _signal_group(process, signal.SIGCONT)  # a stopped process does not get SIGTERM before it continues
            deadline = time.monotonic() + max(self.services[name].service.grace for name in last)
            for process in filter(None, processes):
                with suppress(subprocess.TimeoutExpired):  # then it is killed
                    process.wait(max(0.05, deadline - time.monotonic()))
                _signal_group(process, signal.SIGKILL)
                process.wait()
            for name in last:
                self.services[name].process = None
                records.file(self.run, name).unlink(missing_ok=True)

    def _without_dependents(self, names: set[str]) -> list[str]:
        alive = {name for name in names if self.services[name].process is not None}
        needed = {dependency for name in alive for dependency in self._dependencies(name)}
        return sorted(alive - needed)

    def _dependencies(self, name: str) -> set[str]:
        direct = set(self.services[name].service.after)
        return direct.union(*map(self._dependencies, direct))

    def _update(self, status: ServiceStatus) -> None:
        process, now = status.process, time.monotonic()
        if status.state == "waiting":
            if all(map(self._satisfied, status.service.after)):
                self._start(status)
        elif status.state == "down":
            if now >= status.next_try:
                self._start(status)
        elif process is not None and (code := process.poll()) is not None:
            self._exited(status, code)
        elif status.state == "starting" and not status.service.once and now >= status.next_try:
            status.next_try = now + PROBE_SECONDS
            if status.service.ready():
                status.state, status.seconds = "ready", now - status.started
        elif status.state == "ready" and now - status.started > STEADY_SECONDS:
            status.failures = 0

    def _satisfied(self, name: str) -> bool:
        return self.services[name].state in READY_STATES

    def _start(self, status: ServiceStatus) -> None:
        if self._move_port is not None and status.service.port_is_taken():
            status.failures = 0
            self._adopt(self._move_port(status.service.name))
            return  # the next tick starts it, with the new port
        status.restarts += status.state == "down"
        status.state, status.started, status.started_with = "starting", time.monotonic(), status.service
        try:
            status.process = self._spawn(status.service)
            records.write(self.run, status.service.name, status.process.pid)
        except OSError as error:  # a full disk, for one: tried again like a service that exits
            report(f"Service {status.service.name} could not be started: {error}")
            _signal_group(status.process, signal.SIGKILL)
            self._exited(status, status.process.wait() if status.process else 1)

    def _spawn(self, service: Service) -> subprocess.Popen[bytes]:
        path = self.logs / f"{service.name}.log"
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            return subprocess.Popen(
                list(service.command),
                env=dict(service.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=reaper.die_with_parent,  # noqa: PLW1509 this process has one thread
            )

    def _adopt(self, services: Sequence[Service]) -> None:
        """Take the services' new settings; those that run with other ones are started again.

        One that runs once is left to end, a migration for instance, and is started again only if it fails.
        """
        for service in services:
            self.services[service.name].service = service
        outdated = {
            name
            for name, status in self.services.items()
            if status.process is not None and status.is_outdated() and not status.service.once
        }
        self._end(outdated)
        for name in outdated:
            self.services[name].state = "waiting"

    def _exited(self, status: ServiceStatus, code: int) -> None:
        _signal_group(status.process, signal.SIGKILL)  # children that outlived it
        status.process, status.seconds = None, time.monotonic() - status.started
        records.file(self.run, status.service.name).unlink(missing_ok=True)
        if status.service.once:
            status.state = "done" if not code else "waiting" if status.is_outdated() else "failed"
            return
        status.state = "down"
        status.next_try = time.monotonic() + BACK_OFF_SECONDS[min(status.failures, len(BACK_OFF_SECONDS) - 1)]
        status.failures += 1


def end_recorded(run: Path) -> None:
    """End the processes that a stack recorded and, killed, could not end itself."""
    leftovers: list[psutil.Process] = []
    for record in run.glob("*.json"):
        if process := records.find(json.loads(record.read_text())):
            with suppress(psutil.NoSuchProcess):
                leftovers += [process, *process.children(recursive=True)]
        record.unlink(missing_ok=True)
    reaper.end_all(leftovers)


def report(message: str) -> None:
    """Write a line to the supervisor's log."""
    with suppress(OSError):  # the disk may be full
        print(message, file=sys.stderr, flush=True)


def _signal_group(process: subprocess.Popen[bytes] | None, signum: int) -> None:
    if process is not None:
        with suppress(ProcessLookupError, PermissionError):  # ended; macOS forbids where Linux finds no process
            os.killpg(process.pid, signum)
