from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.local.conftest import alive, wait_for

# Work that starts a child in a session of its own, says so, and then ends in the way asked for.
WORK = """
import os, signal, subprocess, sys, time
from pathlib import Path
from local.stack.reaper import guarded

folder, ending = Path(sys.argv[1]), sys.argv[2]

def work():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    (folder / "worker").write_text(str(os.getpid()))
    (folder / "child").write_text(str(child.pid))
    if ending == "return":
        return 7
    if ending == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)

sys.exit(guarded(work))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a subreaper is Linux's")
@pytest.mark.parametrize(("ending", "code"), [("return", 7), ("kill", 128 + signal.SIGKILL)])
def test_no_process_is_left_however_the_work_ends(program, tmp_path: Path, ending, code) -> None:
    guard = program("-c", WORK, str(tmp_path), ending, env=dict(os.environ))

    assert guard.wait(20) == code
    assert not alive(tmp_path / "child")


@pytest.mark.skipif(sys.platform != "linux", reason="a subreaper is Linux's")
def test_sigterm_to_the_guard_ends_work_and_children(program, tmp_path: Path) -> None:
    guard = program("-c", WORK, str(tmp_path), "wait", env=dict(os.environ))
    wait_for(lambda: alive(tmp_path / "child"))

    guard.terminate()

    assert guard.wait(20) == 128 + signal.SIGTERM
    assert not alive(tmp_path / "child")


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_the_work_is_told_when_its_guard_is_killed(program, tmp_path: Path) -> None:
    guard = program("-c", WORK, str(tmp_path), "wait", env=dict(os.environ))
    wait_for(lambda: alive(tmp_path / "child"))
    child = psutil.Process(int((tmp_path / "child").read_text()))
    assert alive(tmp_path / "worker")

    guard.kill()
    wait_for(lambda: not alive(tmp_path / "worker"))

    assert guard.wait(20) == -signal.SIGKILL
    child.kill()
