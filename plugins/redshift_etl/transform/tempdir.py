"""A task's temporary folder. A task that is killed cannot remove its own, so the next one on the machine does."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, removed at the end; first removes those of processes of this machine that are gone."""
    # Containers that share a disk have process ids of their own, and hence a host name in front.
    mine = f"transform-{socket.gethostname()}-"
    _sweep(mine)
    with tempfile.TemporaryDirectory(prefix=f"{mine}{os.getpid()}-") as name:
        yield Path(name)


def _sweep(mine: str) -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{mine}*"):
        process = left.name.removeprefix(mine).split("-")[0]
        if process.isdigit() and not _is_alive(int(process)):
            log.info("removing %s: the task that made it was killed", left)
            shutil.rmtree(left, ignore_errors=True)  # another task may be removing it too


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 only checks (kill(2))
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
