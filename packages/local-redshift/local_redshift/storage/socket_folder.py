"""The folder of a PostgreSQL's Unix socket. Only the user that runs the server may enter it."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

# The path of a socket has at most 107 bytes on Linux, 103 on macOS (sockaddr_un.sun_path).
_MAX_PATH = 103
_LONGEST_NAME = ".s.PGSQL.65535"


class SocketFolderError(Exception):
    """The folder cannot be used: its path is too long, or somebody else made it."""


def path(data: Path) -> Path:
    """The folder for a data folder: beside it, or, where libpq takes no such path, in that of temporary files."""
    beside = data.with_name(data.name + "-socket")
    if _fits(beside):
        return beside
    return Path(tempfile.gettempdir()) / f"local-redshift-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"


def make(data: Path, user: int) -> Path:
    """Make the folder, or empty it of what a killed server left; `user` may own it, too. Raises SocketFolderError."""
    folder = path(data)
    if not _fits(folder):
        raise SocketFolderError(
            f"The path of the socket in {folder} is too long or has a comma; set TMPDIR to another one."
        )
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
        if not private or status.st_uid not in (os.geteuid(), user):
            raise SocketFolderError(f"{folder} is not a folder of this user alone; delete it.") from None
        for leftover in folder.iterdir():
            leftover.unlink()
    return folder


def remove(data: Path) -> None:
    """Delete the folder."""
    shutil.rmtree(path(data), ignore_errors=True)


def _fits(folder: Path) -> bool:
    """Whether libpq connects to a socket there; it reads a comma as the end of a host's name."""
    return len(os.fsencode(folder / _LONGEST_NAME)) <= _MAX_PATH and "," not in str(folder)
