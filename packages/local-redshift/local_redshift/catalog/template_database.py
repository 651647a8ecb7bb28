"""The template database: Redshift's functions, views and registry, built once from `sql/*.sql`, then copied.

The template's name has a hash of the files, so that a changed file builds a new template; older ones are dropped.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import psycopg
from psycopg import sql

from local_redshift.catalog.isolation import set_level

SQL_FOLDER = Path(__file__).parent / "sql"
_PREFIX = "redshift_template_"
_LOCK = 7_235_001  # any constant: one process at a time builds the template of a server
_log = logging.getLogger(__name__)


def files() -> list[Path]:
    """The SQL files in the order in which they are applied."""
    return sorted(SQL_FOLDER.glob("*.sql"))


def template_name() -> str:
    """The template's database name: a prefix and a hash of the names and contents of the files."""
    digest = hashlib.sha256()
    for path in files():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return _PREFIX + digest.hexdigest()[:16]


def ensure(server: str) -> str:
    """Build the template unless it exists, and return its name. `server` is a superuser's conninfo."""
    name = template_name()
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        rows = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [_PREFIX]).fetchall()
        present = {row[0] for row in rows}
        if name not in present:
            _build(admin, server, name)
        for old in present - {name}:
            admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(old)))
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(old)))
    return name


def create_database(
    server: str,
    name: str,
    owner: str,
    template: str | None = None,
    isolation: str | None = None,
    strategy: str = "WAL_LOG",
) -> None:
    """Create a Redshift database owned by a role, from `template`, by default the current one, built if needed.

    `isolation`, SERIALIZABLE or SNAPSHOT, is its own level. `strategy` is PostgreSQL's: FILE_COPY writes a checkpoint
    instead of each page, which is faster only where that needs no fsync.
    https://www.postgresql.org/docs/18/sql-createdatabase.html
    Raises psycopg.errors.DuplicateDatabase if it exists.
    """
    template = template or ensure(server)
    with psycopg.connect(server, autocommit=True) as admin:
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY {}")
        names = map(sql.Identifier, (name, template, owner, strategy.lower()))
        admin.execute(command.format(*names))
        if isolation:
            admin.execute(set_level(name, isolation).encode())


def database_exists(server: str, name: str) -> bool:
    """Whether the server has a database with this name."""
    with psycopg.connect(server, autocommit=True) as admin:
        return admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _build(admin: psycopg.Connection, server: str, name: str) -> None:
    building = sql.Identifier(_PREFIX + "building")
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(building))
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(building))
    for path in files():
        _apply(server, path)
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(building, sql.Identifier(name)))
    admin.execute(
        sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false").format(sql.Identifier(name))
    )
    _log.info("template=%s files=%d built", name, len(files()))


def _apply(server: str, path: Path) -> None:
    """Apply one file in one transaction. System tables may change: functions and views are in pg_catalog."""
    # psycopg sends a query without parameters as one simple message, so a file may have many statements.
    with psycopg.connect(server, dbname=_PREFIX + "building") as connection:
        try:
            connection.execute("SET allow_system_table_mods = on; SET check_function_bodies = on")
            connection.execute(path.read_bytes())
        except psycopg.Error as error:
            line = path.read_text()[: int(error.diag.statement_position or 1)].count("\n") + 1
            raise RuntimeError(f"{path.name}, line {line}: {error}") from error
