"""bin/plugins-zip, and its file unpacked where MWAA unpacks it: beside dags/, with include/ in the bucket's dags/."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "bin" / "plugins-zip"
LOOK = """
import json, sys
from airflow import plugins_manager
from airflow.dag_processing.dagbag import DagBag
import redshift_etl
from redshift_etl.contracts import contract
pages, _ = plugins_manager.get_fastapi_plugins()
bag = DagBag(dag_folder=sys.argv[1])
found = {
    "package": redshift_etl.__file__,
    "pages": [page["url_prefix"] for page in pages],
    "errors": {**plugins_manager.get_import_errors(), **bag.import_errors},
    "dags": sorted(bag.dags),
    "tables": len(contract.all_tables()),
}
print("found=" + json.dumps(found))
"""


def build(target: Path) -> Path:
    subprocess.run([sys.executable, COMMAND, target], check=True, capture_output=True)
    return target


def test_it_holds_the_package_and_what_keeps_airflow_from_importing_all_of_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(build(tmp_path / "plugins.zip")) as archive:
        names = archive.namelist()
    package = [
        path.relative_to(ROOT / "plugins").as_posix() for path in (ROOT / "plugins" / "redshift_etl").rglob("*.*")
    ]
    assert set(names) == {".airflowignore", *(name for name in package if "__pycache__" not in name)}
    assert len(names) == len(set(names))


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    assert build(tmp_path / "a.zip").read_bytes() == build(tmp_path / "folder" / "b.zip").read_bytes()


def test_a_wrong_argument_writes_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, COMMAND, "a.zip", "b.zip"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder as /usr/local/airflow is on MWAA."""
    with zipfile.ZipFile(build(tmp_path / "plugins.zip")) as archive:
        archive.extractall(tmp_path / "home" / "plugins")
    shutil.copytree(ROOT / "dags", tmp_path / "home" / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "include", tmp_path / "home" / "dags" / "include")
    return tmp_path / "home"


@pytest.mark.slow
def test_unpacked_its_plugin_is_found_and_every_dag_parses(home: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    environment = {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__REDSHIFT_ETL__SQL_DIR": str(home / "dags" / "include" / "sql"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK, str(home / "dags")],
        cwd=home, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.split("found=")[1].splitlines()[0])
    assert found["package"] == str(home / "plugins" / "redshift_etl" / "__init__.py")
    assert (found["pages"], found["errors"]) == (["/warehouse"], {})
    assert set(found["dags"]) >= {"flights", "weather", "reference_tables", "daily_performance", "retention"}
    assert found["tables"] == len(list((ROOT / "include" / "sql" / "tables").glob("*/*.sql")))
