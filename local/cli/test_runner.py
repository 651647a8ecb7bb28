"""`make test`: lint and types, then the tests, on servers of their own in a folder that is deleted afterwards.

It runs under `reaper.run`, which ends whatever a test has left running, also when this is interrupted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from local.cli import coverage
from local.stack import state_dir
from local.stack.airflow_services import executable
from local.stack.services import base_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Step = tuple[str, tuple[str, ...]]

# Files with `[tool.importlinter]`: the contracts that hold the floors of the folders.
IMPORT_CONTRACTS = (
    "pyproject.toml",
    "packages/local-redshift/pyproject.toml",
    "packages/airflow-dags-backfill/pyproject.toml",
)
JAVASCRIPT = ("plugins/redshift_etl/ui/static", "tests/js")


def _schema(name: str, *files: str) -> Step:
    """Check files against a schema that comes with check-jsonschema."""
    return f"schema {name}", ("check-jsonschema", "--builtin-schema", f"vendor.{name}", *files)


def _files(pattern: str) -> tuple[str, ...]:
    return tuple(path.relative_to(state_dir.REPOSITORY).as_posix() for path in state_dir.REPOSITORY.glob(pattern))


LINT: tuple[Step, ...] = (
    ("ruff check", ("ruff", "check", ".")),
    ("ruff format", ("ruff", "format", "--check", ".")),
    ("sqlfluff", ("sqlfluff", "lint", "include/sql")),
    ("mypy", ("mypy",)),
    *((f"lint-imports {config}", ("lint-imports", "--no-logo", "--no-cache", config)) for config in IMPORT_CONTRACTS),
    ("oxlint", ("oxlint", "--config", "tests/js/oxlintrc.json", "--deny-warnings", *JAVASCRIPT)),
    ("codespell", ("codespell",)),
    ("hadolint", ("hadolint", "Dockerfile", "deploy/astro.Dockerfile")),
    ("actionlint", ("actionlint", *_files(".github/workflows/*.yml"))),
    _schema("compose-spec", "docker-compose.yaml"),
    _schema("github-workflows", *_files(".github/workflows/*.yml")),
    _schema("dependabot", ".github/dependabot.yml"),
    _schema("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
    _schema("github-issue-forms", ".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/feature.yml"),
)
# Two processes, as a third only slows the servers on two cores; conftest.py says which tests stay in one process.
TESTS: Step = ("pytest", ("pytest", "tests", "packages", "-n", "2"))
SLOW: Step = (
    "pytest -m slow",
    ("pytest", "tests", "packages", "-m", "slow and not stack", "-n", "2", "--durations=10"),
)
MUTATIONS: Step = (
    "pytest -m faults",
    ("pytest", "tests/faults", "-m", "faults", "-n", "2", "-rA", "--show-capture=no"),
)
STACK: Step = ("pytest -m stack", ("pytest", "tests", "packages", "-m", "stack", "--durations=10"))

CLIENTS: Step = ("pytest -m clients", ("pytest", "packages", "-m", "clients", "-n", "0", "--durations=10"))

LONGER = {"slow": SLOW, "mutations": MUTATIONS, "stack": STACK, "clients": CLIENTS}


def run(only: str | None) -> int:
    """Run one part; without `only` lint and tests. Every step runs; 1 when one has failed, else 0."""
    folder = Path(tempfile.mkdtemp(prefix="stack-test-"))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _end)
    # Where PostgreSQL runs as another user, that user must be able to enter.
    folder.chmod(0o711)
    failed: list[str] = []
    try:
        if only in ("lint", None):
            failed += _together(LINT, folder)
        if only in ("tests", None):
            (folder / "coverage").mkdir()
            failed += _alone(TESTS, folder, coverage.environment(folder / "coverage"))
            print(coverage.report(folder / "coverage"))
        if only in LONGER:
            failed += _alone(LONGER[only], folder, {})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"Failed: {', '.join(failed)}" if failed else "All passed.")
    return 1 if failed else 0


def _end(signum: int, _frame: object) -> None:
    """Ctrl-C arrives twice, from the terminal and from the reaper: the second must not interrupt the cleanup."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + signum)


def _together(steps: Sequence[Step], folder: Path) -> list[str]:
    """Run the steps at the same time and print the output of each in order; the names of those that failed."""
    begun = time.monotonic()
    processes = [_start(command, folder, {"PYTHONPATH": "plugins"}, stdout=subprocess.PIPE) for _, command in steps]
    failed = []
    with ThreadPoolExecutor(len(steps)) as pool:
        try:
            outputs = pool.map(lambda process: (process.communicate()[0], time.monotonic() - begun), processes)
            for (name, _), process, (output, seconds) in zip(steps, processes, outputs, strict=True):
                print(f"== {name}\n{output.decode()}", end="")
                failed += _report(name, process.returncode, seconds)
        except BaseException:
            for process in processes:
                _interrupt(process)
            raise
    return failed


def _alone(step: Step, folder: Path, env: Mapping[str, str]) -> list[str]:
    """Run one step with its output on the terminal; its name if it failed."""
    name, command = step
    print(f"== {name}", flush=True)
    begun = time.monotonic()
    process = _start(command, folder, env)
    try:
        code = process.wait()
    except BaseException:
        _interrupt(process)
        raise
    return _report(name, code, time.monotonic() - begun)


def _start(
    command: Sequence[str], folder: Path, env: Mapping[str, str], stdout: int | None = None
) -> subprocess.Popen[bytes]:
    own = {"TMPDIR": str(folder), "AIRFLOW_HOME": str(folder / "airflow")}
    return subprocess.Popen(
        [executable(command[0]), *command[1:]],
        env={**base_environment(folder / "home"), **own, **env},
        cwd=state_dir.REPOSITORY,
        process_group=0,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout else None,
    )


def _report(name: str, code: int, seconds: float) -> list[str]:
    print(f"== {name}: {'failed' if code else 'passed'} in {seconds:.1f} s", flush=True)
    return [name] if code else []


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Let pytest tear its fixtures down; what is left after that, the reaper ends."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
