"""The local stack: starting, checking and stopping it.

One background process per home supervises the parts (`supervise`, under `guard.guarded`) and holds the home's lock as
long as it runs. It writes the state of the parts to `state.json`; everybody else reads that.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from local.stack import state_dir
from local.stack.services import base_environment, parts
from local.stack.supervisor import Part, Supervisor, sweep
from local_redshift.storage import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

START_SECONDS = 300
STOP_SECONDS = 60
_TURN_SECONDS = 0.1


class StackError(Exception):
    """The stack did not start or stop; the message says which part, why and what to do."""


def supervise(
    path: Path,
    choose: Callable[[state_dir.Home], Sequence[Part]] = parts,
    announce: Callable[[state_dir.Home], None] = lambda _: None,
) -> int:
    """Run the parts in this process until SIGTERM, SIGINT or the parent's end.

    `announce` is called once, when all are ready. A part that does not come up before that ends the whole with 1 and a
    report on stderr.
    """
    stopping: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda number, _frame: stopping.append(number))
    os.chdir(state_dir.REPOSITORY)
    parent, announced, trouble = os.getppid(), False, None
    with state_dir.lock(path):
        stack = _tidy(path)
        supervisor = Supervisor(choose(stack), stack.logs, path / "run")
        while not stopping and not trouble and os.getppid() == parent:
            if supervisor.tick():
                _write_state(path, supervisor, parent)
            if not announced and supervisor.is_ready():
                announced = True
                announce(stack)
            if not announced:
                trouble = supervisor.hopeless()
            time.sleep(_TURN_SECONDS)
        supervisor.stop()
        (path / "state.json").unlink(missing_ok=True)
    if trouble:
        log = stack.logs / f"{trouble}.log"
        print(
            f"Part {trouble} of the local stack does not start. The end of its log ({log}):\n{tail(log)}",
            file=sys.stderr,
            flush=True,
        )
    return 1 if trouble else 0


def _tidy(path: Path) -> state_dir.Home:
    """End what a killed stack left behind, then choose the ports: its own leftovers must not have taken them."""
    _end_leftovers(path)
    return state_dir.create(path, new_ports=True)


def _end_leftovers(path: Path) -> None:
    sweep(path / "run")
    embedded_postgres.stop(state_dir.create(path).postgres)


def _write_state(path: Path, supervisor: Supervisor, guard_pid: int) -> None:
    entries = {
        name: {
            "state": running.state,
            "restarts": running.restarts,
            "seconds": round(running.seconds, 1),
            "pid": running.process.pid if running.process else None,
        }
        for name, running in supervisor.parts.items()
    }
    state_dir.write_private(path / "state.json", json.dumps({"guard": guard_pid, "parts": entries}))


def state(path: Path) -> dict[str, Any] | None:
    """Guard's process id and the parts' states, or None when no stack runs in this home."""
    try:
        return dict(json.loads((path / "state.json").read_text())) if state_dir.is_locked(path) else None
    except FileNotFoundError:
        return None


def start(path: Path, progress: Callable[[dict[str, Any]], None]) -> state_dir.Home:
    """Start the stack unless it runs, and wait until every part is ready. Raises StackError."""
    log = state_dir.create(path).logs / "supervisor.log"
    daemon = None if state_dir.is_locked(path) else _spawn(path, log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if daemon is not None and daemon.poll() is not None:
            raise StackError(tail(log))
        if current := state(path):
            if all(entry["state"] in ("ready", "done") for entry in current["parts"].values()):
                return state_dir.create(path)
            progress(current)
        time.sleep(0.2)
    missing = [
        name
        for name, entry in (state(path) or {"parts": {}})["parts"].items()
        if entry["state"] not in ("ready", "done")
    ]
    raise StackError(
        f"Not ready after {START_SECONDS} s: {', '.join(missing) or 'the supervisor'}; see {log.parent}."
        " `make stop`, then try again."
    )


def _spawn(path: Path, log: Path) -> subprocess.Popen[bytes]:
    command, env = (sys.executable, "-m", "local", "supervise"), base_environment(path)
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=env,
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
    guard = _process(current["guard"]) if current else None
    if guard is not None:
        guard.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    # The guard outlives the supervisor, which holds the lock, for as long as it has processes to end.
    while state_dir.is_locked(path) or _lives(guard):
        if time.monotonic() > deadline:
            log = path / "logs" / "supervisor.log"
            raise StackError(f"The local stack in {path} did not stop in {STOP_SECONDS} s; see {log}.")
        time.sleep(0.1)
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
