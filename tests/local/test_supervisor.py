from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.stack.supervisor import MAX_FAILED_STARTS, Service, Supervisor, end_recorded
from tests.local.conftest import alive, has_ended, wait_for

SLEEP = "import time; time.sleep(60)"
# A service with a child in a session of its own, as Airflow's tasks have.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(60)
"""


def service(name: str, code: str, *arguments: str, **settings: Any) -> Service:
    return Service(name, (sys.executable, "-c", code, *arguments), dict(os.environ), **settings)


Supervise = Callable[..., Supervisor]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Makes a supervisor of services, which are stopped after the test."""
    supervisors: list[Supervisor] = []

    def make(*services: Service) -> Supervisor:
        supervisors.append(Supervisor(services, tmp_path / "logs", tmp_path / "run"))
        return supervisors[-1]

    yield make
    for supervisor in supervisors:
        supervisor.stop()


def process_of(supervisor: Supervisor, name: str) -> subprocess.Popen[bytes]:
    process = supervisor.services[name].process
    assert process is not None
    return process


def tick_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    def ticked() -> bool:
        supervisor.tick()
        return condition()

    wait_for(ticked)


def test_a_service_waits_for_its_dependencies(supervise: Supervise, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    supervisor = supervise(service("first", SLEEP, ready=gate.exists), service("second", SLEEP, after=("first",)))
    tick_until(supervisor, lambda: supervisor.states()["first"][0] == "starting")
    supervisor.tick()
    assert supervisor.states()["second"][0] == "waiting"

    gate.touch()
    tick_until(supervisor, supervisor.is_ready)


def test_a_service_that_exits_is_restarted(supervise: Supervise) -> None:
    supervisor = supervise(service("one", SLEEP))
    tick_until(supervisor, supervisor.is_ready)
    first = process_of(supervisor, "one").pid

    os.kill(first, signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.states()["one"] == ("ready", 1))

    assert process_of(supervisor, "one").pid != first


def test_children_of_a_service_that_exits_are_ended(supervise: Supervise, tmp_path: Path) -> None:
    pid_file = tmp_path / "child"
    supervisor = supervise(service("one", PARENT, str(pid_file)))
    tick_until(supervisor, lambda: alive(pid_file))
    child = psutil.Process(int(pid_file.read_text()))

    os.kill(process_of(supervisor, "one").pid, signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.states()["one"][1] == 1)

    # By the time that the restarted service has a child of its own.
    wait_for(lambda: pid_file.read_text() not in ("", str(child.pid)))
    assert has_ended(child)


def test_a_service_that_exits_again_and_again_has_failed(supervise: Supervise) -> None:
    supervisor = supervise(service("one", "raise SystemExit(3)", ready=lambda: False))
    supervisor.services["one"].failures = MAX_FAILED_STARTS
    assert supervisor.failed_service() is None

    tick_until(supervisor, lambda: supervisor.states()["one"][0] == "down")

    assert supervisor.failed_service() == "one"


@pytest.mark.parametrize("file", ["logs/one.log", "run/.one.json.{pid}"])
def test_a_service_whose_files_cannot_be_written_is_tried_again(
    supervise: Supervise, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    pid_file = tmp_path / "child"
    supervisor = supervise(service("one", PARENT, str(pid_file)))
    path = tmp_path / file.format(pid=os.getpid())
    path.mkdir()  # as on a full disk, the file cannot be written

    tick_until(supervisor, lambda: supervisor.states()["one"][0] == "down")
    assert supervisor.services["one"].process is None
    assert "Service one could not be started: [Errno" in capsys.readouterr().err
    path.rmdir()

    tick_until(supervisor, lambda: supervisor.states()["one"][0] == "ready")
    assert supervisor.services["one"].restarts >= 1


def test_a_service_that_runs_once_is_done_or_failed_by_its_exit_code(supervise: Supervise) -> None:
    supervisor = supervise(service("good", "", once=True), service("bad", "raise SystemExit(1)", once=True))

    tick_until(supervisor, lambda: {state for state, _ in supervisor.states().values()} == {"done", "failed"})

    assert supervisor.failed_service() == "bad"


# Ends with code 1 if it was told `old` and its second argument is `fails`, once the file of its first argument exists.
MIGRATION = """
import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.02)
with open(sys.argv[1] + "-told", "a") as file:
    file.write(sys.argv[3] + " ")
sys.exit(sys.argv[2:] == ["fails", "old"])
"""


@pytest.mark.parametrize(("ending", "told"), [("works", ["old"]), ("fails", ["old", "new"])])
def test_a_service_that_runs_once_ends_before_it_is_told_a_new_port(
    tmp_path: Path, ending: str, told: list[str]
) -> None:
    gate = tmp_path / "gate"

    def services(port: str, *, taken: bool) -> list[Service]:
        return [
            service("server", SLEEP, port_is_taken=lambda: taken),
            service("migration", MIGRATION, str(gate), ending, port, once=True),
        ]

    folders = (tmp_path / "logs", tmp_path / "run")
    supervisor = Supervisor(services("old", taken=False), *folders, lambda _: services("new", taken=False))
    tick_until(supervisor, lambda: supervisor.states()["server"][0] == "ready")
    supervisor.services["server"].service = services("old", taken=True)[0]
    os.kill(process_of(supervisor, "server").pid, signal.SIGKILL)
    tick_until(supervisor, lambda: supervisor.states()["server"] == ("ready", 1))

    assert supervisor.states()["migration"][0] == "starting"
    gate.touch()

    tick_until(supervisor, supervisor.is_ready)
    assert (tmp_path / "gate-told").read_text().split() == told
    supervisor.stop()


def test_stop_ends_dependents_first(supervise: Supervise, tmp_path: Path) -> None:
    code = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[2], "a").write(sys.argv[1] + " "), sys.exit()))
open(sys.argv[2] + sys.argv[1], "w")
time.sleep(60)
"""
    order = tmp_path / "order"
    services = [
        service(name, code, name, str(order), after=after, ready=(tmp_path / f"order{name}").exists)
        for name, after in (("a", ()), ("b", ("a",)), ("c", ("b",)))
    ]
    supervisor = supervise(*services)
    tick_until(supervisor, supervisor.is_ready)

    supervisor.stop()

    assert order.read_text().split() == ["c", "b", "a"]


def test_stop_kills_a_service_that_ignores_sigterm(supervise: Supervise, tmp_path: Path) -> None:
    code = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); open(sys.argv[1], 'w'); time.sleep(60)"
    supervisor = supervise(service("deaf", code, str(tmp_path / "up"), ready=(tmp_path / "up").exists, grace=0.2))
    tick_until(supervisor, supervisor.is_ready)
    process = process_of(supervisor, "deaf")

    supervisor.stop()

    assert process.returncode == -signal.SIGKILL


def test_recorded_processes_are_ended_and_a_reused_process_id_is_not(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(service("one", SLEEP), service("two", SLEEP))
    tick_until(supervisor, supervisor.is_ready)
    one, two = (process_of(supervisor, name) for name in ("one", "two"))
    record = tmp_path / "run" / "two.json"
    record.write_text(f'{{"pid": {two.pid}, "created": 1.0}}')

    end_recorded(tmp_path / "run")

    assert one.poll() is not None
    assert two.poll() is None
