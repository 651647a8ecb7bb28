"""`make run` and `make status` as commands: two at once, Ctrl-C, a full disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.cli import quickstart
from local.cli.__main__ import shell_environment
from local.cli.airflow_api import AirflowApi
from local.cli.console import Progress
from local.stack import ports, state_dir
from local_redshift.storage import embedded_postgres
from tests.local.conftest import StartProgram, wait_for
from tests.local.programs import POSTGRES_SERVER
from tests.local.test_stack import env

# Holds a state directory as a stack does that is still starting: s3 needs a minute.
STARTING_STACK = ("-m", "tests.local.small_stack")
OTHER_COMMAND = """
import sys, time
from pathlib import Path
from local.stack import state_dir

with state_dir.one_command(Path(sys.argv[1]), print):
    Path(sys.argv[1], "holds").touch()
    time.sleep(60)
"""


@pytest.fixture
def stack_path(start_program: StartProgram, tmp_path: Path) -> Path:
    """The state directory of a stack that is starting for a minute."""
    path = tmp_path / "state"
    start_program(*STARTING_STACK, str(path), "60", env=env())
    wait_for((path / "told").exists)
    return path


def begin_run(path: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local.cli", "run", *options],
        cwd=state_dir.REPOSITORY,
        env={**os.environ, "LOCAL_HOME": str(path)},
        stdout=(path / "out").open("w"),
        stderr=(path / "errors").open("w"),
        text=True,
    )


def test_ctrl_c_says_what_goes_on_and_how_to_stop_it(stack_path: Path) -> None:
    with begin_run(stack_path) as running:
        wait_for(lambda: "starting the local stack: 1 of 2 services" in (stack_path / "out").read_text())
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130

    errors = (stack_path / "errors").read_text()
    assert f"The local stack in {stack_path} goes on in the background" in errors
    for command in ("make status", "make run", "make stop"):
        assert f"`{command}`" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_second_make_run_waits_for_the_first_and_says_so(stack_path: Path, start_program: StartProgram) -> None:
    first = start_program("-c", OTHER_COMMAND, str(stack_path), env=env())
    wait_for((stack_path / "holds").exists)

    with begin_run(stack_path) as second:
        try:
            wait_for(lambda: f"another `make run` (process {first.pid})" in (stack_path / "out").read_text())
            assert "starting" not in (stack_path / "out").read_text()

            first.kill()  # the system releases its lock

            wait_for(lambda: "starting the local stack" in (stack_path / "out").read_text())
        finally:
            second.kill()


def test_ctrl_c_while_waiting_for_another_make_run_begins_nothing(
    stack_path: Path, start_program: StartProgram
) -> None:
    first = start_program("-c", OTHER_COMMAND, str(stack_path), env=env())
    wait_for((stack_path / "holds").exists)

    with begin_run(stack_path) as second:
        wait_for(lambda: f"process {first.pid}" in (stack_path / "out").read_text())
        second.send_signal(signal.SIGINT)
        assert second.wait(20) == 130

    assert "Nothing was begun. The other `make run` goes on" in (stack_path / "errors").read_text()
    assert psutil.Process(first.pid).is_running()


def test_each_make_run_has_backfill_logs_of_its_own_and_the_newest_are_kept(tmp_path: Path) -> None:
    logs = state_dir.create(tmp_path).logs
    api = AirflowApi.__new__(AirflowApi)  # not asked
    runs = [quickstart.Quickstart(tmp_path, api, Progress(), started=f"{number:02}") for number in range(22)]
    assert quickstart.Quickstart(tmp_path, api, Progress()).log("flights").name.endswith(f"-{os.getpid()}.log")
    for number, run in enumerate(runs):
        run.log("flights").write_text(str(number))
        os.utime(run.log("flights"), (number, number))

    quickstart.delete_old_logs(logs)

    kept = sorted(int(log.read_text()) for log in logs.glob("backfill-flights-*.log"))
    assert kept == list(range(2, 22))


def test_the_shells_settings_send_no_password_to_a_server_that_asks_for_it_in_clear(
    tmp_path: Path, start_program: StartProgram
) -> None:
    running = state_dir.create(tmp_path / "state", new_ports=True)
    port = running.ports["redshift"]
    start_program("-c", POSTGRES_SERVER, str(port), str(tmp_path / "received"), env=dict(os.environ))
    wait_for(lambda: not ports.is_free(port))

    settings = os.environ | shell_environment(running)
    command = [str(embedded_postgres.bin_dir() / "psql"), "-Atc", "select 1"]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)

    assert "authentication" in done.stderr
    assert running.secrets["redshift"].encode() not in (tmp_path / "received").read_bytes()


def test_the_supervisors_log_of_the_start_before_is_kept(tmp_path: Path) -> None:
    logs = state_dir.create(tmp_path).logs
    (logs / "supervisor.log").write_text("why the first start failed")
    (tmp_path / "postgres").write_text("not a folder")  # so that this start fails, too

    done = run_command(tmp_path, "start")

    assert done.returncode == 1
    assert "postgres" in done.stderr
    assert (logs / "supervisor.log.1").read_text() == "why the first start failed"


def run_command(path: Path, *verb: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "local.cli", *verb],
        cwd=state_dir.REPOSITORY,
        env={**os.environ, "LOCAL_HOME": str(path)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def small_disk(folder: Path, megabytes: int) -> tuple[str, ...]:
    """The prefix of a command that runs with a file system of this size on `folder`, in its own mount namespace."""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    mount = f'mount -t tmpfs -o size={megabytes}m none "{folder}" && exec "$@"'
    return ("unshare", *user, "--mount", "--", "sh", "-c", mount, "sh")


def can_mount(folder: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*small_disk(folder, 1), "true"], capture_output=True, check=False).returncode == 0


FILL = 'head -c 9000000 /dev/zero >"{}/filler" 2>/dev/null; exec "$@"'


@pytest.mark.parametrize("filled", [False, True])
def test_a_full_disk_is_named_at_the_start(tmp_path: Path, *, filled: bool) -> None:
    if not can_mount(tmp_path):
        pytest.skip("no mount namespaces here")
    fill = ("sh", "-c", FILL.format(tmp_path), "sh") if filled else ()

    done = run_command(tmp_path / "state", "run", prefix=(*small_disk(tmp_path, 4), *fill))

    assert done.returncode == 1
    assert f"The disk of {tmp_path / 'state'} is full: " in done.stderr
    assert "of 4 MB" in done.stderr
    assert "Delete what is not needed on that disk, or set LOCAL_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_start_on_a_full_disk_left_can_be_cleaned_and_a_foreign_folder_cannot(tmp_path: Path) -> None:
    path, foreign = tmp_path / "state", tmp_path / "documents"
    for each in (path, foreign):
        with state_dir.one_command(each, print):
            pass
    (foreign / "letter.txt").write_text("dear")

    assert run_command(path, "clean").returncode == 0
    assert run_command(foreign, "clean").returncode == 1

    assert not path.exists()
    assert (foreign / "letter.txt").exists()


# In the namespace: the stack is ready, the disk fills up, s3 is killed, the disk has room again.
LATER = """
import json, os, subprocess, sys
from contextlib import suppress
from pathlib import Path
from local.stack import status
from tests.local.conftest import wait_for

disk = Path(sys.argv[1])
path = disk / "state"

def state():
    return status.read(path)["services"]["s3"]["state"]

def report():
    env = {**os.environ, "LOCAL_HOME": str(path)}
    done = subprocess.run([sys.executable, "-m", "local.cli", "status"], env=env, capture_output=True, text=True)
    print(json.dumps([state(), done.returncode, done.stdout, done.stderr]), flush=True)

stack = subprocess.Popen([sys.executable, "-m", "tests.local.small_stack", str(path), "0"])
try:
    wait_for(lambda: status.read(path) and not status.not_ready(status.read(path)))
    report()
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    os.kill(status.read(path)["services"]["s3"]["pid"], 9)
    wait_for(lambda: state() == "down")
    report()
    (disk / "filler").unlink()
    wait_for(lambda: state() == "ready")
    report()
finally:
    stack.terminate()
sys.exit(stack.wait())
"""


@pytest.mark.slow
def test_a_disk_that_fills_up_later_is_named_and_the_stack_recovers(tmp_path: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("no mount namespaces here")

    done = subprocess.run(
        [*small_disk(tmp_path, 130), sys.executable, "-c", LATER, str(tmp_path)],
        cwd=state_dir.REPOSITORY,
        env=env(),
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    before, full, after = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    assert (before[0], before[1]) == (after[0], after[1]) == ("ready", 0)
    assert (full[0], full[1], full[3]) == ("down", 1, "")
    assert f"The disk of {tmp_path / 'state'} is full: 0 MB of 136 MB" in full[2]
    assert "The disk" not in before[2] + after[2]
