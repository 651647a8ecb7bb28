"""The processes of a stack, as `<state directory>/run/<service>.json` records them: process id and time of creation.

Process ids are reused; together with the time of creation they are unique.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from local.stack.state_dir import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def of(pid: int) -> dict[str, Any]:
    """The record of a process. Raises psutil.NoSuchProcess."""
    return {"pid": pid, "created": psutil.Process(pid).create_time()}


def find(record: Mapping[str, Any]) -> psutil.Process | None:
    """The recorded process; None when it has ended."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(record["pid"])
        if abs(process.create_time() - record["created"]) < 1 and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def file(run: Path, service: str) -> Path:
    """Where the process of a service is recorded."""
    return run / f"{service}.json"


def write(run: Path, service: str, pid: int) -> None:
    """Record the process of a service."""
    run.mkdir(parents=True, exist_ok=True)
    write_private(file(run, service), json.dumps(of(pid)))


def read(run: Path, service: str) -> psutil.Process | None:
    """The process of a service; None when it has none."""
    try:
        return find(json.loads(file(run, service).read_text()))
    except FileNotFoundError:
        return None
