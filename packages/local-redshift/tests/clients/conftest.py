"""Common clients of Redshift in an environment of their own, whose packages would not fit beside Airflow's."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.package_index import pip_index

from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parents[3]
REQUIREMENTS = REPOSITORY / "requirements-clients.txt"
ENVIRONMENT = REPOSITORY / "build" / "clients-venv"
# Never a real AWS, and nothing of the user's settings.
CLOSED = "http://127.0.0.1:9"
FOREIGN = ("AIRFLOW", "AWS_", "DBT_", "DESTINATION", "PG", "PYTHON", "REDSHIFT_", "VIRTUAL_ENV")

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of programs of the clients' environment, which is made anew when requirements-clients.txt changes."""
    version = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    stamp = ENVIRONMENT / ".installed"
    if not stamp.exists() or stamp.read_text() != version:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        uv = Path(sys.executable).with_name("uv")
        python = str(ENVIRONMENT / "bin" / "python")
        install = ["pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "--python", python]
        for command in (
            ["venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)],
            [*install, "--requirement", str(REQUIREMENTS)],
        ):
            subprocess.run([uv, *command], env={**os.environ, **pip_index()}, check=True)
        stamp.write_text(version)
    return ENVIRONMENT / "bin"


@pytest.fixture
def environment(redshift: Connection, redshift_server: RedshiftServer, tmp_path: Path) -> dict[str, str]:
    """The variables of a client's process: a home of its own, S3's address and keys, no reports to the makers."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {
        **inherited,
        "AWS_ACCESS_KEY_ID": redshift_server.access_key,
        "AWS_SECRET_ACCESS_KEY": redshift_server.secret_key,
        "AWS_DEFAULT_REGION": redshift_server.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": CLOSED,
        "AWS_ENDPOINT_URL_S3": redshift_server.s3_endpoint,
        "DO_NOT_TRACK": "1",
        "HOME": str(tmp_path),
        "REDSHIFT_PASSWORD": redshift.password,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }


@pytest.fixture
def run_script(
    programs: Path,
    environment: dict[str, str],
    redshift: Connection,
    redshift_server: RedshiftServer,
    tmp_path: Path,
) -> Run:
    """A function that runs a script of scripts/ with the clients and returns what it prints last, a line of JSON."""
    connection = {
        **{name: getattr(redshift, name) for name in ("host", "port", "user", "password", "database")},
        **{name: getattr(redshift_server, name) for name in ("s3_endpoint", "access_key", "secret_key")},
        **{name: getattr(redshift_server, name) for name in ("region", "bucket", "iam_role")},
    }

    def run(name: str, **arguments: object) -> Any:
        done = subprocess.run(
            [programs / "python", FOLDER / "scripts" / f"{name}.py"],
            cwd=tmp_path,
            env=environment,
            input=json.dumps(connection | arguments),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def sent(redshift: Connection) -> Callable[[str], int]:
    """A function that counts the statements whose text is like a pattern: that the client has sent what it should."""

    def count(pattern: str) -> int:
        with redshift.psycopg() as session:
            query = "select count(*) from sys_query_history where query_text ilike %s and query_text not like %s"
            row = session.execute(query, [pattern, "%sys_query_history%"]).fetchone()
        return int(row[0]) if row else 0

    return count
