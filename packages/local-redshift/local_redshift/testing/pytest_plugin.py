"""pytest fixtures for code that talks to a warehouse; with `local-redshift` installed, every project has them.

- `redshift_server` (session): a `RedshiftServer`: `host, port, user, password, iam_role, s3_endpoint, access_key,
  secret_key, region, bucket`, `s3` (a boto3 client), `pg` (its PostgreSQL), `new_database() -> name` (a fresh
  database in about 0.1 s), `connection(name) -> Connection`.
- `redshift_serverless` (session): a `RedshiftServer` over the same storage with the system views of a workgroup.
- `redshift` (function): a `Connection` to a fresh database: `host, port, user, password, database`, `kwargs()` for
  redshift_connector, `dsn()` for psycopg, `connect(**kw)` (redshift_connector), `psycopg(**kw)` (psycopg 3). The
  database has the isolation level SNAPSHOT, as on a new cluster; a test runs at both with
  `@pytest.mark.parametrize("redshift", ["SNAPSHOT", "SERIALIZABLE"], indirect=True)`.

The PostgreSQL, the S3 server (moto) and the local Redshift run on free ports, their data in a temporary folder, in
memory if there is room; all are stopped at the end of the run, also when it is interrupted.

pytest imports this module whenever it starts, so drivers and servers are imported where they are used.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_redshift.testing.data_folder import data_folder

if TYPE_CHECKING:
    import subprocess

    import psycopg

    from local_redshift.config import Config
    from local_redshift.storage.embedded_postgres import Postgres

# A test's server need not survive a crash of the machine.
_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_wal_size=128MB")


@dataclass(frozen=True)
class Connection:
    """How to connect to one database of the local Redshift."""

    host: str
    port: int
    user: str
    password: str
    database: str

    def kwargs(self) -> dict[str, Any]:
        """Arguments for redshift_connector.connect."""
        return {**{key: getattr(self, key) for key in ("host", "port", "user", "password", "database")}, "ssl": False}

    def dsn(self) -> str:
        """A libpq connection string."""
        from psycopg.conninfo import make_conninfo

        return make_conninfo(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=self.database
        )

    def connect(self, **more: Any) -> Any:
        """A connection by redshift_connector.

        The driver looks for a name by `inspect.stack` if it is given none, under pytest in tens of milliseconds.
        """
        import redshift_connector

        return redshift_connector.connect(**{**self.kwargs(), "application_name": "pytest", **more})

    def psycopg(self, **more: Any) -> psycopg.Connection[Any]:
        """A connection by psycopg 3."""
        import psycopg

        return psycopg.connect(self.dsn(), **more)


@dataclass
class RedshiftServer:
    """A running local Redshift with its PostgreSQL and S3."""

    config: Config
    port: int
    pg: Postgres
    process: subprocess.Popen[str]
    bucket: str
    names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def host(self) -> str:
        """Always 127.0.0.1."""
        return self.config.host

    @property
    def user(self) -> str:
        """The admin user."""
        return self.config.user

    @property
    def password(self) -> str:
        """Generated for this run."""
        return self.config.password

    @property
    def iam_role(self) -> str:
        """The one role that COPY and UNLOAD may assume."""
        return self.config.iam_role

    @property
    def s3_endpoint(self) -> str:
        """Where the S3 server listens."""
        return self.config.s3_endpoint or ""

    @property
    def access_key(self) -> str:
        """For S3."""
        return self.config.access_key or ""

    @property
    def secret_key(self) -> str:
        """For S3."""
        return self.config.secret_key or ""

    @property
    def region(self) -> str:
        """For S3."""
        return self.config.region

    @cached_property
    def s3(self) -> Any:
        """A boto3 client for the S3 server."""
        from local_redshift.storage.servers import s3_client

        return s3_client(self.config)

    def new_database(self, like: str | None = None, isolation: str | None = None) -> str:
        """Create a database, empty or as a copy of another to which nobody is connected, and return its name.

        `isolation`, SNAPSHOT or SERIALIZABLE, is its own level; without, it has the server's.
        """
        from local_redshift.catalog import template_database

        name = f"test_{next(self.names)}"
        template = like or template_database.template_name()
        template_database.create_database(self.config.admin(), name, self.user, template, isolation, "FILE_COPY")
        return name

    def add_load_error(
        self, database: str, session: int, *, file: str, column: str, value: str, reason: str, age: timedelta
    ) -> None:
        """Record a load error of an earlier session with this process id: a cluster uses ids again within days.

        It is a row of STL_LOAD_ERRORS and SYS_LOAD_ERROR_DETAIL of that age, of the admin user, for line 1 of `file`.
        """
        import psycopg

        with psycopg.connect(self.config.admin(database)) as admin:
            admin.execute(
                "INSERT INTO redshift_internal.load_errors (userid, database_name, query, session, tbl, starttime, "
                "filename, line_number, colname, type, raw_line, raw_field_value, err_code, err_reason) "
                "SELECT usesysid, pg_catalog.current_database(), "
                "pg_catalog.nextval('redshift_internal.query_ids'), %s, 0, "
                "pg_catalog.clock_timestamp()::timestamp - %s, %s, 1, %s, 'varchar', %s, %s, 1204, %s "
                "FROM pg_catalog.pg_user WHERE usename = %s",
                [session, age, file, column, value, value, reason, self.user],
            )

    def drop_database(self, name: str) -> None:
        """Drop a database, ending its sessions."""
        import psycopg

        with psycopg.connect(self.config.admin(), autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def connection(self, database: str) -> Connection:
        """How to connect to a database."""
        return Connection(self.host, self.port, self.user, self.password, database)


@pytest.fixture(scope="session")
def redshift_server() -> Iterator[RedshiftServer]:
    """A local Redshift with its own PostgreSQL and S3, for the whole run."""
    with data_folder() as folder, running(folder) as server:
        yield server


@pytest.fixture(scope="session")
def redshift_serverless(
    redshift_server: RedshiftServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedshiftServer]:
    """The same databases and S3 as of a workgroup: STL_, STV_, SVL_ and SVCS_ views are denied."""
    with beside(redshift_server, tmp_path_factory.mktemp("serverless"), mode="serverless") as server:
        yield server


@pytest.fixture
def redshift(request: pytest.FixtureRequest, redshift_server: RedshiftServer) -> Iterator[Connection]:
    """A fresh database; its parameter is the isolation level."""
    name = redshift_server.new_database(isolation=getattr(request, "param", None))
    yield redshift_server.connection(name)
    redshift_server.drop_database(name)


@contextlib.contextmanager
def running(folder: Path, **settings: Any) -> Iterator[RedshiftServer]:
    """Start PostgreSQL, S3 and the local Redshift in a folder; stop them at the end. `settings` go to Config."""
    from local_redshift.storage import servers

    with servers.running(folder, _FAST, **settings) as (config, pg), _listening(folder, config, pg) as server:
        yield server


@contextlib.contextmanager
def beside(server: RedshiftServer, folder: Path, **settings: Any) -> Iterator[RedshiftServer]:
    """Another local Redshift over the same PostgreSQL and S3, with other settings; `folder` gets its log."""
    with _listening(folder, replace(server.config, **settings), server.pg) as other:
        other.names = server.names
        yield other


@contextlib.contextmanager
def _listening(folder: Path, config: Config, pg: Postgres) -> Iterator[RedshiftServer]:
    import json
    import sys

    from local_redshift.config import to_environment
    from local_redshift.storage.processes import process
    from local_redshift.storage.servers import BUCKET

    log = folder / "redshift.log"
    with process([sys.executable, "-m", "local_redshift"], log, to_environment(config)) as started:
        line = started.stdout.readline() if started.stdout else ""
        if not line:
            raise RuntimeError(f"The local Redshift did not start:\n{log.read_text()[-2000:]}")
        yield RedshiftServer(config, json.loads(line)["port"], pg, started, BUCKET)
