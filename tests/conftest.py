"""Airflow reads its settings when it is first imported: they are set here, before any test module is."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["local.redshift.testing"]

_REPOSITORY = Path(__file__).resolve().parents[1]

if "AIRFLOW_HOME" not in os.environ:  # set where pytest runs the tests in several processes, all but the first
    _HOME = tempfile.TemporaryDirectory(prefix="airflow-test-", ignore_cleanup_errors=True)  # removed at exit
    os.environ["AIRFLOW_HOME"] = _HOME.name
if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # two processes would make the tables of one database
    os.environ["AIRFLOW_HOME"] = str(Path(os.environ["AIRFLOW_HOME"]) / worker)
os.environ |= {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(_REPOSITORY / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(_REPOSITORY / "plugins"),
}


def pytest_configure() -> None:
    """SIGTERM ends the run as Ctrl-C does: the fixtures' servers are stopped and their folders removed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share servers stay in one of the processes: those of a file, all that run DAGs, all of the page."""
    for item in items:
        path = item.path.relative_to(_REPOSITORY / "tests")
        item.add_marker(pytest.mark.xdist_group(path.parts[0] if path.parts[0] in ("dags", "ui") else str(path)))
