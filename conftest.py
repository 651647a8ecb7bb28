"""Airflow reads its settings when it is first imported: they are set here, before any test module is."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_REPOSITORY = Path(__file__).resolve().parent

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


# What takes long comes first, so that the processes end together.
_ORDER = ("tests/dags", "tests/ui", "tests/integration", "packages/local-redshift/tests", "tests/local")


def _folder(path: str) -> str:
    """The folder of tests that a path or a node id is in."""
    parts = path.split("/")
    return "/".join(parts[:3] if parts[0] == "packages" else parts[:2])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By folder; within one as they were."""
    places = {name: place for place, name in enumerate(_ORDER)}
    items.sort(key=lambda item: places.get(_folder(item.path.relative_to(_REPOSITORY).as_posix()), len(_ORDER)))


class Scheduling(LoadScopeScheduling):
    """Tests that share servers stay in one process: those of a file, all that run DAGs, all of the page."""

    def _split_scope(self, nodeid: str) -> str:
        folder = _folder(nodeid)
        return folder if folder in ("tests/dags", "tests/ui") else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)  # where pytest runs without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Its own `--dist loadgroup` groups nothing: pytest-xdist 3.8 names the group in a field that pytest 9.2 lacks."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)
