from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.stack import ownership, stack, state_dir, status
from tests.local.conftest import StartProgram, wait_for

StartStack = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start_stack(start_program: StartProgram, tmp_path: Path) -> StartStack:
    """Starts `tests.local.small_stack` in the state directory `tmp_path`."""

    def start(seconds: float = 0, *options: str) -> subprocess.Popen[bytes]:
        return start_program("-m", "tests.local.small_stack", str(tmp_path), str(seconds), *options, env=env())

    return start


def env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(state_dir.REPOSITORY)}


def is_ready(path: Path) -> bool:
    current = status.read(path)
    return current is not None and not status.not_ready(current)


def entry(path: Path, service: str) -> dict[str, Any]:
    current = status.read(path)
    assert current is not None
    return dict(current["services"][service])


def s3_of(path: Path) -> str:
    return state_dir.create(path).url("s3")


def test_a_port_that_is_taken_between_choosing_and_binding_is_replaced(start_stack: StartStack, tmp_path: Path) -> None:
    start_stack(0, "take")

    wait_for(lambda: is_ready(tmp_path))

    assert ownership.serves(state_dir.create(tmp_path), "s3")
    assert (tmp_path / "told").read_text().split()[-1] == s3_of(tmp_path)


@pytest.mark.slow
def test_a_port_that_is_taken_while_the_service_starts_is_replaced_and_everyone_learns_the_new_one(
    start_stack: StartStack, tmp_path: Path
) -> None:
    start_stack(1.5)
    wait_for(lambda: (tmp_path / "told").exists() and status.read(tmp_path))
    first = s3_of(tmp_path)
    assert entry(tmp_path, "s3")["state"] == "starting"

    with socket.create_server(("127.0.0.1", int(first.rsplit(":", 1)[1]))):
        wait_for(lambda: is_ready(tmp_path))

    assert s3_of(tmp_path) != first
    assert (tmp_path / "told").read_text().split() == [first, s3_of(tmp_path)]
    log = (tmp_path / "program.log").read_text()
    assert f"Port {first.rsplit(':', 1)[1]} of s3 is taken by another program" in log
    # What prints the addresses when all are ready does so once, with the new one.
    assert s3_of(tmp_path).rsplit(":", 1)[1] in log.splitlines()


@pytest.mark.slow
def test_a_port_that_is_taken_after_a_crash_is_replaced(start_stack: StartStack, tmp_path: Path) -> None:
    start_stack(1)
    wait_for(lambda: is_ready(tmp_path))
    first = s3_of(tmp_path)

    os.kill(entry(tmp_path, "s3")["pid"], signal.SIGKILL)
    wait_for(lambda: entry(tmp_path, "s3")["state"] != "ready")
    with socket.create_server(("127.0.0.1", int(first.rsplit(":", 1)[1]))):
        wait_for(lambda: s3_of(tmp_path) != first and is_ready(tmp_path))

    assert (tmp_path / "told").read_text().split() == [first, s3_of(tmp_path)]


def test_all_that_a_stack_writes_is_its_users_alone(start_stack: StartStack, tmp_path: Path) -> None:
    (tmp_path / "program.log").touch()  # the test's own
    before = set(tmp_path.rglob("*"))
    start_stack()
    wait_for(lambda: is_ready(tmp_path))

    written = set(tmp_path.rglob("*")) - before
    assert {path.name for path in written} >= {"state.json", "ports.json", "secrets.json", "s3.log", "told", "lock"}
    assert {path: oct(path.stat().st_mode) for path in written if path.stat().st_mode & 0o077} == {}


def test_a_service_that_is_stopped_is_not_ready_and_is_again_when_it_continues(
    start_stack: StartStack, tmp_path: Path
) -> None:
    start_stack()
    wait_for(lambda: is_ready(tmp_path))
    process = psutil.Process(entry(tmp_path, "s3")["pid"])

    process.suspend()
    wait_for(lambda: process.status() == psutil.STATUS_STOPPED)

    current = status.read(tmp_path)
    assert current is not None
    assert status.not_ready(current) == ["s3"]
    assert current["services"]["s3"]["state"] == "stopped"
    [hint] = status.hints(tmp_path, current)
    assert hint.startswith(f"s3 (process {process.pid}) is stopped by a signal: `kill -CONT {process.pid}`")
    process.resume()
    wait_for(lambda: is_ready(tmp_path))


def test_nothing_is_ready_that_has_ended_while_the_supervisor_is_stopped(
    start_stack: StartStack, tmp_path: Path
) -> None:
    reaper = psutil.Process(start_stack().pid)
    wait_for(lambda: is_ready(tmp_path))
    [supervisor] = reaper.children()

    supervisor.suspend()
    os.kill(entry(tmp_path, "s3")["pid"], signal.SIGKILL)

    wait_for(lambda: entry(tmp_path, "s3")["state"] == "down")
    current = status.read(tmp_path)
    assert current is not None
    assert status.not_ready(current) == ["s3", "supervisor"]
    assert f"kill -CONT {supervisor.pid}" in status.hints(tmp_path, current)[0]
    with pytest.raises(stack.StackError, match=f"kill -CONT {supervisor.pid}"):
        stack.start(tmp_path, lambda _: None)


@pytest.mark.parametrize("which", ["reaper", "supervisor", "s3"])
def test_a_stopped_process_does_not_keep_the_stack_from_stopping(
    start_stack: StartStack, tmp_path: Path, which: str
) -> None:
    reaper = psutil.Process(start_stack().pid)
    wait_for(lambda: is_ready(tmp_path))
    [supervisor] = reaper.children()
    s3 = psutil.Process(entry(tmp_path, "s3")["pid"])
    {"reaper": reaper, "supervisor": supervisor, "s3": s3}[which].suspend()

    assert stack.stop(tmp_path)

    assert not s3.is_running()
    assert status.read(tmp_path) is None


def test_the_state_that_a_killed_stack_left_is_not_that_of_the_next(start_stack: StartStack, tmp_path: Path) -> None:
    left = f'{{"pid": {os.getpid()}, "created": 1.0}}'
    (tmp_path / "state.json").write_text(f'{{"reaper": {left}, "supervisor": {left}, "services": {{}}}}')

    with state_dir.lock(tmp_path):
        assert status.read(tmp_path) is None
    start_stack()
    wait_for(lambda: is_ready(tmp_path))

    assert set(status.read(tmp_path)["services"]) == {"s3", "weather-api"}  # type: ignore[index]
