"""The whole local stack as a person uses it, one start for most tests: they run in the order of this file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import requests

from local.cli.summary import Warehouse
from local.stack import airflow_services, stack, state_dir
from local_redshift.storage import embedded_postgres

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

FAILING_DAG = """
from airflow.sdk import dag, task

@task
def load():
    raise ValueError("the warehouse is on holiday")

@dag("{dag_id}", schedule=None)
def failing():
    load()

failing()
"""


class Stack:
    """`python -m local.cli <verb>` in a home of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dags = state_dir.REPOSITORY / "dags"

    def begin(self, *verb: str) -> subprocess.Popen[str]:
        env = os.environ | {"LOCAL_HOME": str(self.path), "LOCAL_DAGS_FOLDER": str(self.dags)}
        command = [sys.executable, "-m", "local", *verb]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=state_dir.REPOSITORY, env=env, stdout=pipe, stderr=pipe, text=True)

    def run(self, *verb: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        with self.begin(*verb) as process:
            try:
                out, errors = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    @property
    def state(self) -> dict:
        return stack.state(self.path) or {}

    @property
    def opened(self) -> state_dir.Home:
        return state_dir.create(self.path)

    def supervisor(self) -> psutil.Process:
        guard = psutil.Process(self.state["guard"])
        return next(child for child in guard.children() if child.cmdline()[1:3] == ["-m", "local"])

    def processes(self) -> list[psutil.Process]:
        guard = psutil.Process(self.state["guard"])
        return [guard, *guard.children(recursive=True)]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory):
    made = Stack(tmp_path_factory.mktemp("stack") / "home")
    yield made
    made.run("clean")


def wait_for(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


def contents(local: Stack) -> dict[str, int]:
    warehouse = Warehouse(local.opened)
    try:
        return {str(row[0]): int(str(row[1])) for row in warehouse.summary()}
    finally:
        warehouse.close()


def test_run_loads_the_data_and_says_what_the_warehouse_holds(local) -> None:
    done = local.run("run", "--days", "2")

    assert done.returncode == 0, done.stdout + done.stderr
    rows = contents(local)
    assert rows["core.airlines"] == 16
    assert rows["core.airports"] == 1_458
    assert rows["core.planes"] == 3_322
    with psycopg.connect(embedded_postgres.dsn(local.opened.postgres, "airline")) as source:
        query = "SELECT count(*) FROM flights WHERE modified_at >= '2013-01-01' AND modified_at < '2013-01-03'"
        assert source.execute(query).fetchone() == (rows["core.flights"],)
    for table, count in rows.items():
        assert f"{table} " in done.stdout
        assert f"{count:,}" in done.stdout
        assert count > 0
    assert local.opened.url("ui") in done.stdout
    assert str(airflow_services.password_file(local.opened)) in done.stdout


def test_a_second_run_changes_nothing(local) -> None:
    before = contents(local)

    done = local.run("run", "--days", "2")

    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(local) == before


def test_a_scheduler_that_is_killed_in_mid_backfill_costs_no_row_and_doubles_none(local) -> None:
    query = "SELECT flight_id FROM {} WHERE modified_at >= '2013-01-01' AND modified_at < '2013-01-07' ORDER BY 1"
    loaded = contents(local)["core.flights"]

    with local.begin("run", "--days", "6") as running:
        wait_for(lambda: contents(local)["core.flights"] > loaded)
        os.kill(local.state["parts"]["scheduler"]["pid"], signal.SIGKILL)
        out, errors = running.communicate(timeout=600)

    assert running.returncode == 0, out + errors
    warehouse = Warehouse(local.opened)
    try:
        rows = warehouse.rows(query.format("core.flights"))
    finally:
        warehouse.close()
    with psycopg.connect(embedded_postgres.dsn(local.opened.postgres, "airline")) as source:
        assert source.execute(query.format("flights")).fetchall() == rows


def test_the_ui_asks_for_a_login(local) -> None:
    url = local.opened.url("ui")

    assert requests.get(f"{url}/api/v2/dags", timeout=30).status_code == 401
    wrong = requests.post(f"{url}/auth/token", json={"username": "admin", "password": "admin"}, timeout=30)
    assert wrong.status_code == 401


def test_nothing_listens_beyond_this_machine_and_no_command_line_has_a_secret(local) -> None:
    secrets = set(local.opened.secrets.values())
    looked_at = 0
    for process in local.stack.supervisor():
        with suppress(psutil.NoSuchProcess):  # a task's process, which has ended meanwhile
            listening = [one for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
            assert {one.laddr.ip for one in listening} <= {"127.0.0.1"}, process.cmdline()
            assert not [secret for secret in secrets for argument in process.cmdline() if secret in argument]
            looked_at += 1
    assert looked_at > 10


def test_no_secret_is_in_a_log(local) -> None:
    secrets = [secret for secret in local.opened.secrets.values() if not secret.startswith("AKIA")]
    for log in (local.path / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], log


@pytest.mark.parametrize("part", ["scheduler", "redshift", "postgres"])
def test_a_part_that_is_killed_comes_back(local, part) -> None:
    before = local.state["parts"][part]

    os.kill(before["pid"], signal.SIGKILL)

    def is_back() -> bool:
        entry = local.state["parts"][part]
        return entry["state"] == "ready" and entry["restarts"] > before["restarts"]

    wait_for(is_back)
    assert local.state["parts"][part]["pid"] != before["pid"]
    wait_for(lambda: contents(local)["core.airlines"] == 16)


def test_the_shells_settings_reach_the_warehouse(local) -> None:
    script = f'eval "$({sys.executable} -m local.cli env)" && psql -Atc "SELECT COUNT(*) FROM core.airlines"'
    env = os.environ | {"LOCAL_HOME": str(local.path)}
    done = subprocess.run(
        ["sh", "-c", script], cwd=state_dir.REPOSITORY, env=env, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.split() == ["16"], done.stderr


def test_stop_leaves_no_process(local) -> None:
    processes = local.stack.supervisor()
    assert len(processes) > 10

    done = local.run("stop")

    assert done.returncode == 0, done.stderr
    assert not [process for process in processes if process.is_running()]
    assert local.run("status").returncode == 3


def test_a_failing_step_ends_with_the_task_its_log_and_what_to_do(local, tmp_path: Path) -> None:
    # The stack starts again here, with what it held before.
    local.dags = tmp_path
    for dag_id in ("reference_tables", "flights", "weather", "daily_performance"):
        (tmp_path / f"{dag_id}.py").write_text(FAILING_DAG.format(dag_id=dag_id))

    done = local.run("run", "--days", "2")

    assert done.returncode == 1
    assert "reference_tables.load" in done.stderr
    assert "the warehouse is on holiday" in done.stderr
    assert "What to do" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_there_is_still_there_after_a_restart(local) -> None:
    rows = contents(local)

    assert rows["core.planes"] == 3_322
    assert rows["mart.carrier_day"] > 0


def test_a_killed_supervisor_leaves_no_process(local) -> None:
    processes = local.stack.supervisor()

    local.supervisor().kill()

    _, left = psutil.wait_procs(processes, timeout=60)
    assert not left


def test_clean_deletes_the_home_and_nothing_that_is_not_one(local, tmp_path: Path) -> None:
    foreign = tmp_path / "documents"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("dear")
    assert Stack(foreign).run("clean").returncode == 1
    assert (foreign / "letter.txt").exists()

    assert local.run("clean").returncode == 0
    assert not local.path.exists()


def test_redshift_alone_prints_one_line_of_json_and_stops_on_sigterm(tmp_path: Path) -> None:
    env = os.environ | {"LOCAL_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "local", "redshift"]
    with subprocess.Popen(command, cwd=state_dir.REPOSITORY, env=env, stdout=subprocess.PIPE, text=True) as process:
        facts = json.loads(process.stdout.readline())
        started = psutil.Process(process.pid).children(recursive=True)
        dsn = psycopg.conninfo.make_conninfo(
            **{name: facts[name] for name in ("host", "port", "user", "password")}, dbname=facts["database"]
        )
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        process.terminate()
        rest = process.stdout.read()
        code = process.wait(60)

    assert (rest, code) == ("", 0)
    assert not [child for child in started if child.is_running()]
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_test_run_leaves_no_process(tmp_path: Path, signum) -> None:
    env = os.environ | {
        "TMPDIR": str(tmp_path),
        "PYTEST_ADDOPTS": "-k test_flights_are_the_published_ones -p no:cacheprovider",
    }
    command = [sys.executable, "-m", "local", "test", "--only", "tests"]
    with (tmp_path / "log").open("w") as log:
        door = subprocess.Popen(
            command, cwd=state_dir.REPOSITORY, env=env, stdout=log, stderr=log, start_new_session=True
        )

    def descendants() -> list[psutil.Process]:
        return psutil.Process(door.pid).children(recursive=True)

    wait_for(lambda: any(process.name() == "postgres" for process in descendants()), seconds=180)
    # The door is the guard; its child does the work. A kill of either must do.
    started = descendants()
    victim = door.pid if signum != signal.SIGKILL else started[0].pid
    os.kill(victim, signum)
    door.wait(60)

    wait_for(lambda: not [process for process in started if process.is_running()], seconds=60)
    assert not list(tmp_path.glob("stack-test-*")) or signum == signal.SIGKILL
