"""The states of a stack's services: written by its supervisor to `state.json`, read and checked by the commands.

A state is what the supervisor last saw. The reader checks it against the processes, because the supervisor may be
stopped, or its disk too full for another state.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from local.stack import disk, ownership, records, state_dir
from local.stack.supervisor import READY_STATES, Supervisor

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, supervisor: Supervisor, reaper_pid: int) -> bool:
    """Record the states; False when the disk is full."""
    entries = {
        name: {
            "state": status.state,
            "restarts": status.restarts,
            "seconds": round(status.seconds, 1),
            "pid": status.process.pid if status.process else None,
        }
        for name, status in supervisor.services.items()
    }
    try:
        processes = {"reaper": records.of(reaper_pid), "supervisor": records.of(os.getpid())}
        state_dir.write_private(_file(path), json.dumps({**processes, "services": entries}))
    except OSError as error:
        if not disk.is_full(error):
            raise
        return False
    return True


def delete(path: Path) -> None:
    """Delete what a supervisor recorded."""
    _file(path).unlink(missing_ok=True)


def _file(path: Path) -> Path:
    return path / "state.json"


def read(path: Path) -> dict[str, Any] | None:
    """The records of reaper and supervisor and the services' states, or None when no stack runs in this directory.

    A service is `stopped` when one of its processes is, and `down` when it was ready and its process has ended.
    """
    try:
        state = dict(json.loads(_file(path).read_text()))
    except FileNotFoundError:
        return None
    supervisor = records.find(state["supervisor"])
    if supervisor is None or not state_dir.is_locked(path):
        return None
    stack = state_dir.create(path)
    for name, entry in state["services"].items():
        _check(stack, name, entry)
    reaper = records.find(state["reaper"])
    for process in (reaper, supervisor):
        if process is not None and ownership.is_stopped(process):
            state["services"]["supervisor"] = {
                "state": "stopped",
                "restarts": 0,
                "seconds": 0.0,
                "pid": process.pid,
                "stopped": process.pid,
            }
    return state


def _check(stack: state_dir.StateDir, service: str, entry: dict[str, Any]) -> None:
    if stopped := ownership.stopped(stack, service):
        entry |= {"state": "stopped", "stopped": stopped.pid}
    elif entry["state"] == "ready" and records.read(stack.run, service) is None:
        entry["state"] = "down"


def not_ready(state: dict[str, Any]) -> list[str]:
    """Names of the services that are neither ready nor done."""
    return [name for name, entry in state["services"].items() if entry["state"] not in READY_STATES]


def hints(path: Path, state: dict[str, Any]) -> list[str]:
    """What hinders the stack and does not end by itself: stopped processes, a full disk; with what to do."""
    lines = [
        f"{name} (process {entry['stopped']}) is stopped by a signal: `kill -CONT {entry['stopped']}` lets it continue,"
        " `make stop` ends the stack."
        for name, entry in state["services"].items()
        if entry["state"] == "stopped"
    ]
    full = disk.problem(path)
    return [*lines, full] if full else lines
