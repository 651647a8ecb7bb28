"""`make test`: lint, types, then the tests, each on what it starts itself, in a home that is deleted afterwards.

It runs under `guard.guarded`, so whatever a test has left running is ended, also when this is interrupted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local.stack import state_dir
from local.stack.airflow_services import executable
from local.stack.services import base_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

LINT = (
    ("ruff check", ("ruff", "check", ".")),
    ("ruff format", ("ruff", "format", "--check", ".")),
    ("sqlfluff", ("sqlfluff", "lint", "include/sql")),
    ("mypy", ("mypy",)),
)
# Two at a time, as a third only takes the servers' turn on two cores; conftest.py says which stay together.
TESTS = (("pytest", ("pytest", "tests", "packages", "-n", "2")),)
STACK = (("pytest -m stack", ("pytest", "tests", "packages", "-m", "stack", "--durations=10")),)


def run(only: str | None) -> int:
    """Run the steps one after another; the first exit code that is not 0 counts, and every lint step runs."""
    steps = {"lint": LINT, "tests": TESTS, "stack": STACK, None: (*LINT, *TESTS)}[only]
    folder = Path(tempfile.mkdtemp(prefix="stack-test-"))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _end)
    # Where PostgreSQL runs as another user, that user must be able to enter.
    folder.chmod(0o711)
    try:
        failed = [name for name, command in steps if _step(name, command, folder)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"Failed: {', '.join(failed)}" if failed else "All passed.")
    return 1 if failed else 0


def _end(signum: int, _frame: object) -> None:
    """Ctrl-C comes twice, from the terminal and from the guard: the second must not cut the tidying short."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + signum)


def _step(name: str, command: Sequence[str], folder: Path) -> int:
    print(f"== {name}", flush=True)
    env = base_environment(folder / "home") | {"TMPDIR": str(folder), "AIRFLOW_HOME": str(folder / "airflow")}
    begun = time.monotonic()
    process = subprocess.Popen(
        [executable(command[0]), *command[1:]], env=env, cwd=state_dir.REPOSITORY, process_group=0
    )
    try:
        code = process.wait()
    except BaseException:
        _interrupt(process)
        raise
    print(f"== {name}: {'failed' if code else 'passed'} in {time.monotonic() - begun:.1f} s", flush=True)
    return code


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Let pytest tear its fixtures down; what is left after that, the guard ends."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
