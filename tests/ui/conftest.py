"""The page as a browser gets it: behind Airflow's login, over a local Redshift with a history of loads."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from local_redshift.storage import embedded_postgres
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer
from tests.ui import sample_warehouse
from tests.ui.sample_warehouse import SampleWarehouse

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Page:
    """A running page: its address, tokens for it, its sample warehouse, and the DSN of its database's administrator."""

    url: str
    viewer: str
    partial: str
    no_role: str
    sample: SampleWarehouse
    dsn: str = field(repr=False)

    def get(self, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        """Request a path below the page, as the viewer unless another token is given ('' for none)."""
        token = self.viewer if token is None else token
        cookies = {"_token": token} if token else {}
        # There is no TLS to verify, and reading the certificates takes longer than most responses.
        return httpx.get(f"{self.url}{path}", cookies=cookies, timeout=30, verify=False, **more)


@contextlib.contextmanager
def running(
    folder: Path, sql: Path, connection: dict[str, Any] | None, max_age: float | None = None
) -> Iterator[dict[str, Any]]:
    """Serve the page for SQL files and a warehouse connection; yields its port and tokens.

    ``max_age``: seconds until the files and the warehouse are read again; None for the page's own limits.
    """
    env = os.environ | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.ui.auth.PerDagManager",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__REDSHIFT_ETL__SQL_DIR": str(sql),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "plugins")]),
    }
    env.pop("AIRFLOW_CONN_REDSHIFT_DEFAULT", None)
    if max_age:
        env["PAGE_MAX_AGE"] = str(max_age)
    if connection:
        env["AIRFLOW_CONN_REDSHIFT_DEFAULT"] = json.dumps(
            {"conn_type": "redshift", "extra": {"ssl": False}, **connection}
        )
    with (folder / "page.log").open("w") as log:
        command = [sys.executable, "-W", "ignore", "-m", "tests.ui.serve"]
        process = subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        line = next((text for text in process.stdout or () if text.startswith('{"port"')), None)
        assert line, (folder / "page.log").read_text()[-3000:]
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def login(database: Connection) -> dict[str, Any]:
    """A database of the local Redshift as an Airflow connection."""
    return {
        "host": database.host,
        "port": database.port,
        "login": database.user,
        "password": database.password,
        "schema": database.database,
    }


@contextlib.contextmanager
def page_over(
    server: RedshiftServer, folder: Path, tables: int, days: int, max_age: float | None = None
) -> Iterator[Page]:
    """Serve a page for a sample warehouse of ``tables``, loaded on ``days``; ``max_age`` as in ``running``."""
    sample = sample_warehouse.build(folder / "include" / "sql", tables)
    database = server.connection(server.new_database())
    dsn = embedded_postgres.dsn(server.pg, database.database)
    sample_warehouse.create_bookkeeping(database.connect)
    sample_warehouse.insert_history(dsn, sample, days)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")
    with running(folder, sample.sql, login(database), max_age) as served:
        yield page_of(served, sample, dsn)


def page_of(served: dict[str, Any], sample: SampleWarehouse, dsn: str = "") -> Page:
    """The page that ``running`` serves."""
    return Page(
        f"http://127.0.0.1:{served['port']}/warehouse",
        served["viewer"],
        served["partial"],
        served["no_role"],
        sample,
        dsn,
    )


@pytest.fixture(scope="session")
def page(redshift_server: RedshiftServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page for a warehouse of twelve tables, loaded for 40 days."""
    with page_over(redshift_server, tmp_path_factory.mktemp("page"), tables=12, days=40, max_age=1) as opened:
        yield opened
