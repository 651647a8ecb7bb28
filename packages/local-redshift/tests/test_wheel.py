"""The wheel in an empty environment: the console command, the pytest fixtures and the README's example."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redshift_connector
from tests.package_index import pip_index

pytestmark = pytest.mark.stack

PACKAGE = Path(__file__).resolve().parents[1]
CONSTRAINTS = PACKAGE.parents[1] / "constraints.txt"
# Nothing of the environment that runs the tests may reach the empty one.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTHON", "VIRTUAL_ENV", "LOCAL_REDSHIFT_", "AWS_"))
}


def run(command: Sequence[str | Path], folder: Path, **variables: str) -> str:
    """What a command prints. It must succeed."""
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that has the wheel, its locked dependencies and pytest."""
    folder = tmp_path_factory.mktemp("standalone")
    source = folder / "source"  # a build writes beside the sources
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".*"))
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, source], folder)
    (wheel,) = folder.glob("local_redshift-*.whl")
    uv = Path(sys.executable).with_name("uv")
    python = folder / "venv/bin/python"
    run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], folder)
    constraint: list[str | Path] = ["--constraint", CONSTRAINTS] if CONSTRAINTS.exists() else []
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python, *constraint, wheel, "pytest"]
    run(install, folder, **pip_index())
    return folder / "venv/bin"


@contextlib.contextmanager
def started(command: Sequence[str | Path], folder: Path) -> Iterator[dict[str, Any]]:
    """A server's own line of JSON; it is stopped with SIGTERM and must end well."""
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=log, text=True)
    assert server.stdout is not None
    try:
        line = server.stdout.readline()
        assert line, (folder / "log").read_text()
        yield json.loads(line)
    finally:
        server.terminate()
        code = server.wait(60)
    assert code == 0, (folder / "log").read_text()


def query(server: dict[str, Any], sql: str) -> list[list[object]]:
    """The rows of a statement."""
    arguments = {name: server[name] for name in ("host", "port", "user", "password", "database")}
    with redshift_connector.connect(**arguments, ssl=False) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(sql)
        return [list(row) for row in cursor.fetchall()] if cursor.description else []


def test_the_example_of_the_readme_passes(programs: Path, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    (tmp_path / "test_orders.py").write_text(example)
    assert "1 passed" in run([programs / "pytest", "-q", "-p", "no:cacheprovider"], tmp_path)


def test_the_repository_is_not_importable_and_the_wheel_has_its_files(programs: Path, tmp_path: Path) -> None:
    script = """
import importlib.metadata, importlib.util
assert not [name for name in ("redshift_etl", "local", "airflow") if importlib.util.find_spec(name)]
files = [str(path) for path in importlib.metadata.files("local-redshift")]
assert any(path.endswith("licenses/LICENSE") for path in files), files
from local_redshift.catalog.template_database import files as sql_files
from local_redshift.corpus import cases, runner
print(len(sql_files()) > 10, len(cases.read()) > 5)
"""
    assert run([programs / "python", "-c", script], tmp_path) == "True True\n"


def test_pytest_starts_without_importing_drivers(programs: Path, tmp_path: Path) -> None:
    script = """
import sys, local_redshift.testing.pytest_plugin
print([name for name in ("boto3", "duckdb", "moto", "psycopg", "redshift_connector") if name in sys.modules])
"""
    assert run([programs / "python", "-c", script], tmp_path) == "[]\n"


def test_the_command_runs_a_server_that_keeps_its_data_in_a_folder(programs: Path, tmp_path: Path) -> None:
    assert run([programs / "local-redshift", "--version"], tmp_path).startswith("local-redshift 1.")
    command: list[str | Path] = [programs / "local-redshift", "--port", "0", "--data", tmp_path / "data"]
    with started(command, tmp_path) as server:
        query(server, "create table kept as select 1 as one")
        second = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert (second.returncode, "is in use" in second.stderr) == (1, True)
    with started(command, tmp_path) as server:
        assert query(server, "select one from kept") == [[1]]
        assert set(server) == {
            *("host", "port", "user", "password", "database", "s3_endpoint", "region", "bucket", "iam_role"),
            *("aws_access_key_id", "aws_secret_access_key"),
        }
