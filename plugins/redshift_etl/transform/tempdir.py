"""A task's temporary folder. A task that is killed cannot remove its own, so the next one on the machine does."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redshift_etl.errors import TransientError

log = logging.getLogger(__name__)


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, removed at the end; first removes those of processes of this machine that are gone.

    Raises TransientError when its disk is full.
    """
    # Containers that share a disk have process ids of their own, and hence a host name in front.
    mine = f"transform-{socket.gethostname()}-"
    _sweep(mine)
    try:
        with tempfile.TemporaryDirectory(prefix=f"{mine}{os.getpid()}-", ignore_cleanup_errors=True) as name:
            yield Path(name)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise full(str(error)) from error


def require(folder: Path, size: int) -> None:
    """Raise TransientError when a folder's disk has less free space than ``size`` bytes."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise full(f"no space left for {size / 1e9:g} GB of raw files, {free / 1e9:g} GB are free")


def full(message: str) -> TransientError:
    """The error of a disk without space: other tasks of the machine may free some."""
    where = tempfile.gettempdir()
    return TransientError(
        f"There is no space left for temporary files: {message}",
        fix=f"it is retried; if it lasts, free space in {where}, or set TMPDIR to a folder on a larger disk",
        folder=where,
    )


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
