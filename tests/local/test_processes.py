from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from local.stack.supervisor import HOPELESS_RESTARTS, Part, Supervisor, sweep
from tests.local.conftest import alive, has_ended, wait_for

SLEEP = "import time; time.sleep(60)"
# A part with a child in a session of its own, as Airflow's tasks have.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(60)
"""


def part(name: str, code: str, *arguments: str, **settings) -> Part:
    return Part(name, (sys.executable, "-c", code, *arguments), dict(os.environ), **settings)


@pytest.fixture
def supervise(tmp_path: Path):
    supervisors = []

    def make(*parts: Part) -> Supervisor:
        supervisors.append(Supervisor(parts, tmp_path / "logs", tmp_path / "run"))
        return supervisors[-1]

    yield make
    for supervisor in supervisors:
        supervisor.stop()


def turn_until(supervisor: Supervisor, condition) -> None:
    def turned() -> bool:
        supervisor.tick()
        return condition()

    wait_for(turned)


def test_a_part_waits_for_what_it_needs(supervise, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    supervisor = supervise(part("first", SLEEP, ready=gate.exists), part("second", SLEEP, after=("first",)))
    turn_until(supervisor, lambda: supervisor.states()["first"][0] == "starting")
    supervisor.tick()
    assert supervisor.states()["second"][0] == "waiting"

    gate.touch()
    turn_until(supervisor, supervisor.is_ready)


def test_a_part_that_dies_comes_back(supervise) -> None:
    supervisor = supervise(part("one", SLEEP))
    turn_until(supervisor, supervisor.is_ready)
    first = supervisor.parts["one"].process.pid

    os.kill(first, signal.SIGKILL)
    turn_until(supervisor, lambda: supervisor.states()["one"] == ("ready", 1))

    assert supervisor.parts["one"].process.pid != first


def test_children_of_a_part_that_dies_go_with_it(supervise, tmp_path: Path) -> None:
    pid_file = tmp_path / "child"
    supervisor = supervise(part("one", PARENT, str(pid_file)))
    turn_until(supervisor, lambda: alive(pid_file))
    child = psutil.Process(int(pid_file.read_text()))

    os.kill(supervisor.parts["one"].process.pid, signal.SIGKILL)
    turn_until(supervisor, lambda: supervisor.states()["one"][1] == 1)

    # By the time that the part which came back has a child of its own.
    wait_for(lambda: pid_file.read_text() not in ("", str(child.pid)))
    assert has_ended(child)


def test_a_part_that_dies_again_and_again_is_hopeless(supervise) -> None:
    supervisor = supervise(part("one", "raise SystemExit(3)", ready=lambda: False))
    supervisor.parts["one"].failures = HOPELESS_RESTARTS
    assert supervisor.hopeless() is None

    turn_until(supervisor, lambda: supervisor.states()["one"][0] == "down")

    assert supervisor.hopeless() == "one"


def test_a_part_that_runs_once_is_done_or_hopeless_by_its_exit_code(supervise) -> None:
    supervisor = supervise(part("good", "", once=True), part("bad", "raise SystemExit(1)", once=True))

    turn_until(supervisor, lambda: {state for state, _ in supervisor.states().values()} == {"done", "failed"})

    assert supervisor.hopeless() == "bad"


def test_stop_ends_what_needs_another_part_first(supervise, tmp_path: Path) -> None:
    code = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[2], "a").write(sys.argv[1] + " "), sys.exit()))
open(sys.argv[2] + sys.argv[1], "w")
time.sleep(60)
"""
    order = tmp_path / "order"
    parts = [
        part(name, code, name, str(order), after=after, ready=(tmp_path / f"order{name}").exists)
        for name, after in (("a", ()), ("b", ("a",)), ("c", ("b",)))
    ]
    supervisor = supervise(*parts)
    turn_until(supervisor, supervisor.is_ready)

    supervisor.stop()

    assert order.read_text().split() == ["c", "b", "a"]


def test_stop_kills_a_part_that_ignores_sigterm(supervise, tmp_path: Path) -> None:
    code = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); open(sys.argv[1], 'w'); time.sleep(60)"
    supervisor = supervise(part("deaf", code, str(tmp_path / "up"), ready=(tmp_path / "up").exists, grace=0.2))
    turn_until(supervisor, supervisor.is_ready)
    process = supervisor.parts["deaf"].process

    supervisor.stop()

    assert process.returncode == -signal.SIGKILL


def test_what_a_killed_stack_recorded_is_swept_and_a_reused_process_id_is_not(supervise, tmp_path: Path) -> None:
    supervisor = supervise(part("one", SLEEP), part("two", SLEEP))
    turn_until(supervisor, supervisor.is_ready)
    one, two = (supervisor.parts[name].process for name in ("one", "two"))
    record = tmp_path / "run" / "two.json"
    record.write_text(f'{{"pid": {two.pid}, "created": 1.0}}')

    sweep(tmp_path / "run")

    assert one.poll() is not None
    assert two.poll() is None
