from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.local.conftest import StartProgram, alive, wait_for

# Work that starts a child in a session of its own, records its process id, and ends as its argument says.
WORK = """
import os, signal, subprocess, sys, time
from pathlib import Path
from local.stack import reaper

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

sys.exit(reaper.run(work))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a subreaper is Linux's")
@pytest.mark.parametrize(("ending", "code"), [("return", 7), ("kill", 128 + signal.SIGKILL)])
def test_no_process_is_left_however_the_work_ends(
    start_program: StartProgram, tmp_path: Path, ending: str, code: int
) -> None:
    process = start_program("-c", WORK, str(tmp_path), ending, env=dict(os.environ))

    assert process.wait(20) == code
    assert not alive(tmp_path / "child")


@pytest.mark.skipif(sys.platform != "linux", reason="a subreaper is Linux's")
def test_sigterm_to_the_reaper_ends_work_and_children(start_program: StartProgram, tmp_path: Path) -> None:
    process = start_program("-c", WORK, str(tmp_path), "wait", env=dict(os.environ))
    wait_for(lambda: alive(tmp_path / "child"))

    process.terminate()

    assert process.wait(20) == 128 + signal.SIGTERM
    assert not alive(tmp_path / "child")


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_the_work_gets_sigterm_when_its_reaper_is_killed(start_program: StartProgram, tmp_path: Path) -> None:
    process = start_program("-c", WORK, str(tmp_path), "wait", env=dict(os.environ))
    wait_for(lambda: alive(tmp_path / "child"))
    child = psutil.Process(int((tmp_path / "child").read_text()))
    assert alive(tmp_path / "worker")

    process.kill()
    wait_for(lambda: not alive(tmp_path / "worker"))

    assert process.wait(20) == -signal.SIGKILL
    child.kill()
