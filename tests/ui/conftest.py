"""The page as a browser meets it: behind Airflow's login, over a local Redshift with history in it."""

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
from tests.ui import world as worlds
from tests.ui.world import World

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Page:
    """A running page: where it is, tokens to see it, its world, and how to reach its database as an administrator."""

    url: str
    viewer: str
    nobody: str
    world: World
    dsn: str = field(repr=False)

    def get(self, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        """Ask for a path below the page, as the viewer unless another token is given ('' for none)."""
        held = self.viewer if token is None else token
        cookies = {"_token": held} if held else {}
        # Nothing to verify without TLS, and to read the certificates takes longer than most answers.
        return httpx.get(f"{self.url}{path}", cookies=cookies, timeout=30, verify=False, **more)


@contextlib.contextmanager
def running(
    folder: Path, sql: Path, connection: dict[str, Any] | None, every: float | None = None
) -> Iterator[dict[str, Any]]:
    """The page over the SQL files and the warehouse connection given; yields its address and tokens.

    ``every``: seconds between two looks at the files and at the warehouse; the page's own where it is None.
    """
    env = os.environ | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__REDSHIFT_ETL__SQL_DIR": str(sql),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "plugins")]),
    }
    env.pop("AIRFLOW_CONN_REDSHIFT_DEFAULT", None)
    if every:
        env["PAGE_LOOKS_EVERY"] = str(every)
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


def login(database: Any) -> dict[str, Any]:
    """A database of the local Redshift as an Airflow connection."""
    return {
        "host": database.host,
        "port": database.port,
        "login": database.user,
        "password": database.password,
        "schema": database.database,
    }


@contextlib.contextmanager
def page_over(server: Any, folder: Path, tables: int, days: int, every: float | None = None) -> Iterator[Page]:
    """A page over a world of so many tables, loaded on so many days; ``every`` as in ``running``."""
    world = worlds.build(folder / "include" / "sql", tables)
    database = server.connection(server.new_database())
    dsn = embedded_postgres.dsn(server.pg, database.database)
    worlds.bookkeeping(database.connect)
    worlds.fill(dsn, world, days)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")
    with running(folder, world.sql, login(database), every) as found:
        yield Page(f"http://127.0.0.1:{found['port']}/warehouse", found["viewer"], found["nobody"], world, dsn)


@pytest.fixture(scope="session")
def page(redshift_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page over twelve tables, loaded for 40 days."""
    with page_over(redshift_server, tmp_path_factory.mktemp("page"), tables=12, days=40, every=1) as found:
        yield found
