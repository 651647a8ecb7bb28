"""Full disks: what the stack reports about one, instead of what PostgreSQL or Python happens to fail with."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

# With less, PostgreSQL cannot write a checkpoint or a new WAL segment, and ends.
NEEDED_BYTES = 100_000_000
_NEEDED_FILES = 1_000
_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_MESSAGES = tuple(map(os.strerror, _ERRORS))


def is_full(error: BaseException) -> bool:
    """Whether an error of the system is that of a full disk or an exhausted quota."""
    return isinstance(error, OSError) and error.errno in _ERRORS


def problem(path: Path, log: str = "") -> str | None:
    """The folder whose disk is full and what to do; None when there is room.

    Looks at the state directory's disk and that of temporary files; also reports a disk on which `log`, the end of a
    service's log, says that there was no room, because what failed has freed it again.
    """
    for folder, variable in ((path, "LOCAL_HOME"), (Path(tempfile.gettempdir()), "TMPDIR")):
        if not _has_room(folder):
            return describe(folder, variable)
    return describe(path, "LOCAL_HOME") if any(message in log for message in _MESSAGES) else None


def describe(folder: Path, variable: str = "LOCAL_HOME") -> str:
    """A full disk, the folder that is on it, and what to do."""
    disk = os.statvfs(_existing(folder))
    free, total = (blocks * disk.f_frsize / 1e6 for blocks in (disk.f_bavail, disk.f_blocks))
    files = f" and {disk.f_favail:,} more files" if disk.f_files else ""
    return (
        f"The disk of {folder} is full: {free:,.0f} MB of {total:,.0f} MB{files} are left; the local stack needs"
        f" {NEEDED_BYTES / 1e6:,.0f} MB and {_NEEDED_FILES:,} files. Delete what is not needed on that disk, or set"
        f" {variable} to a folder on another one, then `make run`."
    )


def _has_room(folder: Path) -> bool:
    disk = os.statvfs(_existing(folder))
    has_files = disk.f_files == 0 or disk.f_favail >= _NEEDED_FILES
    return disk.f_bavail * disk.f_frsize >= NEEDED_BYTES and has_files


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())
