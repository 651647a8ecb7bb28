"""The local stack: starting, checking and stopping it.

One background process per state directory supervises the services (`supervise`, under `reaper.run`) and holds the
directory's lock as long as it runs. The commands read the states of its services (`status`).
"""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from local.stack import disk, ownership, records, services, state_dir, status
from local.stack.supervisor import Service, Supervisor, end_recorded, report
from local_redshift.storage import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

START_SECONDS = 300
STOP_SECONDS = 60
_TICK_SECONDS = 0.1


class StackError(Exception):
    """The stack did not start or stop; the message has the service, the reason and what to do."""


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.5) -> bool:
    """Poll a condition until it is true; returns False when it is not within `seconds`."""
    poll = Retrying(
        retry=retry_if_result(operator.not_),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(every),
        retry_error_callback=lambda _: False,
    )
    return bool(poll(condition))


def supervise(
    path: Path,
    choose: Callable[[state_dir.StateDir], Sequence[Service]] = services.full_stack,
    announce: Callable[[state_dir.StateDir], None] = lambda _: None,
) -> int:
    """Run the services in this process until SIGTERM, SIGINT or the parent's end.

    `announce` is called when all are ready, and again when they are on other ports. A service that does not come up
    before that ends the stack: the exit code is 1 and the end of its log is on stderr.
    """
    signals: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda number, _frame: signals.append(number))
    os.chdir(state_dir.REPOSITORY)
    os.umask(0o077)  # for all that the services write: data, logs, metadata
    with state_dir.lock(path):
        # Before ports are chosen: what a killed stack left behind must not have taken them.
        _end_leftovers(path)
        failed = _supervise(path, choose, announce, signals)
    if failed:
        log = path / "logs" / f"{failed}.log"
        end = tail(log)
        full = disk.problem(path, end)
        report(f"Service {failed} of the local stack does not start. {full or ''}\nThe end of its log ({log}):\n{end}")
    return 1 if failed else 0


def _supervise(
    path: Path,
    choose: Callable[[state_dir.StateDir], Sequence[Service]],
    announce: Callable[[state_dir.StateDir], None],
    signals: Sequence[int],
) -> str | None:
    """Supervise until a signal; returns the service that does not start, if that is why it ended."""
    stack = state_dir.create(path, new_ports=True)
    announced: state_dir.StateDir | None = None

    def move_port(service: str) -> Sequence[Service]:
        """All services, with another port for this one."""
        nonlocal stack
        name = ownership.PORTS[service]
        before, stack = stack.ports[name], state_dir.move_port(stack, name)
        report(f"Port {before} of {service} is taken by another program: {service} moves to port {stack.ports[name]}.")
        return choose(stack)

    supervisor = Supervisor(choose(stack), stack.logs, stack.run, move_port)
    parent, failed, is_written = os.getppid(), None, True
    while not signals and not failed and os.getppid() == parent:
        if supervisor.tick() or not is_written:
            is_written = status.write(path, supervisor, parent)
        if announced != stack and supervisor.is_ready():
            announced = stack
            announce(stack)
        if announced is None:
            failed = supervisor.failed_service()
        time.sleep(_TICK_SECONDS)
    supervisor.stop()
    status.delete(path)
    return failed


def _end_leftovers(path: Path) -> None:
    status.delete(path)
    end_recorded(path / "run")
    for server in state_dir.create(path).servers.values():
        embedded_postgres.stop(server)


def start(path: Path, progress: Callable[[dict[str, Any]], None]) -> state_dir.StateDir:
    """Start the stack unless it runs, and wait until every service is ready. Raises StackError.

    The caller must hold `state_dir.one_command`.
    """
    log = path / "logs" / "supervisor.log"
    daemon: subprocess.Popen[bytes] | None = None

    def ready() -> bool:
        """Whether all services are; reports those that are not."""
        nonlocal daemon
        # Asked each time: a command that only looks holds the lock for a moment, and a stack may be stopping.
        if daemon is None and not state_dir.is_locked(path):
            daemon = _spawn(path, log)
        if daemon is not None and daemon.poll() is not None:
            raise StackError(_with_disk(path, tail(log)))
        current = status.read(path)
        if current is None:
            return False
        if not status.not_ready(current):
            return True
        if hints := status.hints(path, current):
            raise StackError("\n".join(hints))
        progress(current)
        return False

    if wait_until(ready, seconds=START_SECONDS, every=0.2):
        return state_dir.create(path)
    current = status.read(path)
    missing = ", ".join(status.not_ready(current)) if current else "the supervisor"
    raise StackError(f"Not ready after {START_SECONDS} s: {missing}; see {log.parent}. `make stop`, then try again.")


def _with_disk(path: Path, message: str) -> str:
    full = disk.problem(path, message)
    return f"{full}\n{message}" if full and full not in message else message


def _spawn(path: Path, log: Path) -> subprocess.Popen[bytes]:
    if full := disk.problem(path):
        raise StackError(full)
    state_dir.create(path)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("wb") as output:
        return subprocess.Popen(
            (sys.executable, "-m", "local.cli", "supervise"),
            env=services.base_environment(path),
            cwd=state_dir.REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


def stop(path: Path) -> bool:
    """Stop the stack; False if none ran. Raises StackError when it does not end in time."""
    current, running = status.read(path), state_dir.is_locked(path)
    reaper = records.find(current["reaper"]) if current else None
    if reaper is not None:
        reaper.send_signal(signal.SIGTERM)
        for process in (reaper, *reaper.children()):
            process.resume()  # a stopped process gets the signal when it continues
    # The reaper outlives the supervisor, which holds the lock, for as long as it has processes to end.
    if not wait_until(lambda: not state_dir.is_locked(path) and not _lives(reaper), seconds=STOP_SECONDS, every=0.1):
        log = path / "logs" / "supervisor.log"
        raise StackError(f"The local stack in {path} did not stop in {STOP_SECONDS} s; see {log}.")
    if (path / "secrets.json").exists():
        _end_leftovers(path)
    return running


def _lives(process: psutil.Process | None) -> bool:
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
