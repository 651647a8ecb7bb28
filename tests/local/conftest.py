from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from local.stack import state_dir


class StartProgram(Protocol):
    """Starts a Python program of this environment in the background."""

    def __call__(self, *arguments: str, env: dict[str, str]) -> subprocess.Popen[bytes]: ...


@pytest.fixture
def start_program(tmp_path: Path) -> Iterator[StartProgram]:
    """Programs are ended with everything that they started."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
        with (tmp_path / "program.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=env,
                cwd=state_dir.REPOSITORY,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        for child in descendants(process.pid):
            child.kill()
        process.kill()
        process.wait()


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.02)


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def alive(pid_file: Path) -> bool:
    try:
        return not has_ended(psutil.Process(int(pid_file.read_text())))
    except (psutil.NoSuchProcess, FileNotFoundError, ValueError):
        return False
