"""State folders of earlier versions: one PostgreSQL, `postgres`, had Airflow's metadata and the sources as well.

They are moved once to the server `metadata`. A move that is interrupted begins anew; a database is dropped from the old
server when its copy is complete.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from local_redshift.storage import embedded_postgres

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack.state_dir import StateDir
    from local_redshift.storage.embedded_postgres import Postgres

_WAIT_SECONDS = 60
_POLL_SECONDS = 0.2


def from_older_layout(stack: StateDir, metadata: psycopg.Connection, owners: Mapping[str, str]) -> None:
    """Move the databases of `owners`, by name with their owners, unless that was done or there are none.

    Raises PostgresError.
    """
    done = stack.path / "metadata-is-apart"
    if done.exists():
        return
    if (stack.postgres.data / "PG_VERSION").exists():
        with _connected(stack.postgres) as old:
            for database, owner in owners.items():
                if _has(old, database):
                    _move(stack, database, owner, old, metadata)
            # Their databases are gone: these roles own nothing, and may do nothing, any more.
            for role in ("airflow", "airline_reader"):
                old.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
    done.touch()


def _move(stack: StateDir, database: str, owner: str, old: psycopg.Connection, new: psycopg.Connection) -> None:
    if not _has(new, database):
        part, file = f"{database}_moving", stack.path / f"{database}.dump"
        names = {"part": sql.Identifier(part), "owner": sql.Identifier(owner), "name": sql.Identifier(database)}
        new.execute(sql.SQL("DROP DATABASE IF EXISTS {part}").format(**names))
        new.execute(sql.SQL("CREATE DATABASE {part} OWNER {owner}").format(**names))
        _run(stack.postgres, "pg_dump", "--format=custom", "--compress=none", "--file", file, "--dbname", database)
        options = ("--no-owner", "--no-privileges", "--exit-on-error", "--role", owner)
        _run(stack.metadata, "pg_restore", *options, "--dbname", part, file)
        file.unlink()
        new.execute(sql.SQL("ALTER DATABASE {part} RENAME TO {name}").format(**names))
    old.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))


def _connected(server: Postgres) -> psycopg.Connection:
    """A connection, once the server, which starts beside this one, accepts it."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return psycopg.connect(embedded_postgres.dsn(server, "postgres"), autocommit=True)
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise embedded_postgres.PostgresError(
                    f"The PostgreSQL in {server.data} did not answer: {error}"
                ) from error
            time.sleep(_POLL_SECONDS)


def _has(connection: psycopg.Connection, database: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is not None


def _run(server: Postgres, program: str, *arguments: str | Path) -> None:
    """Run a client program of PostgreSQL; the password is not among its arguments, which every user can read."""
    login = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": embedded_postgres.SUPERUSER}
    command = [embedded_postgres.bin_dir() / program, *arguments]
    environment = {**os.environ, **login, "PGPASSWORD": server.password}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise embedded_postgres.PostgresError(f"{program} failed: {done.stderr.strip()}")
