"""The local stack: starting, checking and stopping it.

One background process per state directory supervises the services (`supervise`, under `reaper.run`) and holds the
directory's lock as long as it runs. It writes the states of the services to `state.json`, which the commands read.
"""

from __future__ import annotations

import json
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

from local.stack import services, state_dir
from local.stack.supervisor import READY_STATES, Service, Supervisor, end_recorded
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

    `announce` is called once, when all are ready. A service that does not come up before that ends the stack: the exit
    code is 1 and the end of its log is on stderr.
    """
    signals: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda number, _frame: signals.append(number))
    os.chdir(state_dir.REPOSITORY)
    parent, announced, failed = os.getppid(), False, None
    with state_dir.lock(path):
        # Before ports are chosen: what a killed stack left behind must not have taken them.
        _end_leftovers(path)
        stack = state_dir.create(path, new_ports=True)
        supervisor = Supervisor(choose(stack), stack.logs, path / "run")
        while not signals and not failed and os.getppid() == parent:
            if supervisor.tick():
                _write_state(path, supervisor, parent)
            if not announced and supervisor.is_ready():
                announced = True
                announce(stack)
            if not announced:
                failed = supervisor.failed_service()
            time.sleep(_TICK_SECONDS)
        supervisor.stop()
        (path / "state.json").unlink(missing_ok=True)
    if failed:
        log = stack.logs / f"{failed}.log"
        message = f"Service {failed} of the local stack does not start. The end of its log ({log}):\n{tail(log)}"
        print(message, file=sys.stderr, flush=True)
    return 1 if failed else 0


def _end_leftovers(path: Path) -> None:
    end_recorded(path / "run")
    embedded_postgres.stop(state_dir.create(path).postgres)


def _write_state(path: Path, supervisor: Supervisor, reaper_pid: int) -> None:
    entries = {
        name: {
            "state": status.state,
            "restarts": status.restarts,
            "seconds": round(status.seconds, 1),
            "pid": status.process.pid if status.process else None,
        }
        for name, status in supervisor.services.items()
    }
    state_dir.write_private(path / "state.json", json.dumps({"reaper": reaper_pid, "services": entries}))


def state(path: Path) -> dict[str, Any] | None:
    """The reaper's process id and the services' states, or None when no stack runs in this state directory."""
    try:
        return dict(json.loads((path / "state.json").read_text())) if state_dir.is_locked(path) else None
    except FileNotFoundError:
        return None


def not_ready(state: dict[str, Any]) -> list[str]:
    """Names of the services that are neither ready nor done."""
    return [name for name, entry in state["services"].items() if entry["state"] not in READY_STATES]


def start(path: Path, progress: Callable[[dict[str, Any]], None]) -> state_dir.StateDir:
    """Start the stack unless it runs, and wait until every service is ready. Raises StackError."""
    log = state_dir.create(path).logs / "supervisor.log"
    daemon = None if state_dir.is_locked(path) else _spawn(path, log)

    def ready() -> bool:
        """Whether all services are; reports those that are not."""
        if daemon is not None and daemon.poll() is not None:
            raise StackError(tail(log))
        current = state(path)
        if current and not_ready(current):
            progress(current)
        return current is not None and not not_ready(current)

    if wait_until(ready, seconds=START_SECONDS, every=0.2):
        return state_dir.create(path)
    current = state(path)
    raise StackError(
        f"Not ready after {START_SECONDS} s: {', '.join(not_ready(current)) if current else 'the supervisor'};"
        f" see {log.parent}. `make stop`, then try again."
    )


def _spawn(path: Path, log: Path) -> subprocess.Popen[bytes]:
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
    current, running = state(path), state_dir.is_locked(path)
    reaper = _process(current["reaper"]) if current else None
    if reaper is not None:
        reaper.send_signal(signal.SIGTERM)
    # The reaper outlives the supervisor, which holds the lock, for as long as it has processes to end.
    if not wait_until(lambda: not state_dir.is_locked(path) and not _lives(reaper), seconds=STOP_SECONDS, every=0.1):
        log = path / "logs" / "supervisor.log"
        raise StackError(f"The local stack in {path} did not stop in {STOP_SECONDS} s; see {log}.")
    if (path / "secrets.json").exists():
        _end_leftovers(path)
    return running


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _lives(process: psutil.Process | None) -> bool:
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
