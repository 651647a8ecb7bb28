"""The package without this repository: its wheel, in an environment that has nothing but Airflow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_dags_backfill import __version__

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

PACKAGE = Path(__file__).resolve().parents[1]
CONSTRAINTS = PACKAGE.parents[1] / "constraints.txt"
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, env: dict[str, str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def pip_index() -> dict[str, str]:
    """The index that pip is configured with, for uv; uv's own settings have precedence, as in bin/setup."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True
    )
    url = os.environ.get("PIP_INDEX_URL") or done.stdout.strip()
    return {"UV_DEFAULT_INDEX": url} if url and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & os.environ.keys() else {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("standalone")


@pytest.fixture(scope="module")
def airflow_environment(folder: Path) -> dict[str, str]:
    """Variables of a shell in which `airflow` is that of a new environment with the built wheel."""
    foreign = ("AIRFLOW", "PYTHON", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | pip_index()
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "tests"))
    run(
        UV,
        "build",
        "--quiet",
        "--wheel",
        "--no-build-isolation",
        "--python",
        sys.executable,
        source,
        "--out-dir",
        folder,
        env=env,
        folder=folder,
    )
    [wheel] = folder.glob("*.whl")
    run(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", env=env, folder=folder)
    python = folder / "venv" / "bin" / "python"
    run(
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--constraint",
        CONSTRAINTS,
        "apache-airflow",
        wheel,
        env=env,
        folder=folder,
    )
    return env | {
        "PATH": f"{python.parent}:{env['PATH']}",
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "COLUMNS": "200",
    }


def test_the_environment_has_nothing_of_the_repository(airflow_environment: dict[str, str], folder: Path) -> None:
    installed = run(UV, "pip", "list", "--python", folder / "venv", env=airflow_environment, folder=folder)
    names = {line.split()[0] for line in installed.splitlines()}
    assert {"airflow-dags-backfill", "apache-airflow"} <= names
    assert not {"local-redshift", "duckdb", "redshift-connector"} & names


def test_airflow_has_the_command_with_its_flags(airflow_environment: dict[str, str], folder: Path) -> None:
    text = run("airflow", "dags", "backfill", "--help", env=airflow_environment, folder=folder)
    assert {"-s,", "-e,", "--start-date", "--end-date"} <= set(text.split())


def test_airflow_lists_the_provider_with_its_version(airflow_environment: dict[str, str], folder: Path) -> None:
    text = run("airflow", "providers", "list", "--output", "plain", env=airflow_environment, folder=folder)
    [line] = [line for line in text.splitlines() if line.startswith("airflow-dags-backfill")]
    assert line.split()[-1] == __version__
