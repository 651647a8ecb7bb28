"""The local stack by its commands. Most tests share one start of it: they run in the order of this file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redshift_connector
import requests

from local.cli import quickstart, summary
from local.stack import airflow_services, services, state_dir, status
from local_redshift.storage import embedded_postgres
from tests.local.secret_files import files_with_secrets

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


class CommandLine:
    """`python -m local.cli <verb>` in a state directory of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dags = state_dir.REPOSITORY / "dags"

    def begin(self, *verb: str) -> subprocess.Popen[str]:
        env = os.environ | {"LOCAL_HOME": str(self.path), "LOCAL_DAGS_FOLDER": str(self.dags)}
        command = [sys.executable, "-m", "local.cli", *verb]
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
    def state(self) -> dict[str, Any]:
        return status.read(self.path) or {}

    @property
    def state_dir(self) -> state_dir.StateDir:
        return state_dir.create(self.path)

    def supervisor(self) -> psutil.Process:
        reaper = psutil.Process(self.state["reaper"]["pid"])
        return next(child for child in reaper.children() if child.cmdline()[1:3] == ["-m", "local.cli"])

    def processes(self) -> list[psutil.Process]:
        reaper = psutil.Process(self.state["reaper"]["pid"])
        return [reaper, *reaper.children(recursive=True)]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    command_line = CommandLine(tmp_path_factory.mktemp("stack") / "state")
    yield command_line
    command_line.run("clean")


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


def row_counts(local: CommandLine) -> dict[str, int]:
    return {str(row[0]): int(str(row[1])) for row in summary.tables(local.state_dir)}


def test_run_loads_the_data_and_prints_the_tables_of_the_warehouse(local: CommandLine) -> None:
    done = local.run("run", "--days", "2")

    assert done.returncode == 0, done.stdout + done.stderr
    rows = row_counts(local)
    assert rows["core.airlines"] == 16
    assert rows["core.airports"] == 1_458
    assert rows["core.planes"] == 3_322
    with psycopg.connect(embedded_postgres.dsn(local.state_dir.metadata, "airline")) as source:
        query = "SELECT count(*) FROM flights WHERE modified_at >= '2013-01-01' AND modified_at < '2013-01-03'"
        assert source.execute(query).fetchone() == (rows["core.flights"],)
    for table, count in rows.items():
        assert f"{table} " in done.stdout
        assert f"{count:,}" in done.stdout
        assert count > 0
    assert local.state_dir.url("ui") in done.stdout
    assert str(airflow_services.password_file(local.state_dir)) in done.stdout


def test_a_second_run_changes_nothing(local: CommandLine) -> None:
    before = row_counts(local)

    done = local.run("run", "--days", "2")

    assert done.returncode == 0, done.stdout + done.stderr
    assert row_counts(local) == before


def airflow(local: CommandLine, *arguments: str) -> None:
    """A command of Airflow on the running stack."""
    stack = local.state_dir
    env = {**services.base_environment(stack.path), **airflow_services.environment(stack)}
    subprocess.run([airflow_services.executable("airflow"), *arguments], env=env, check=True, capture_output=True)


def test_a_staged_backfill_goes_through_the_scheduler_and_its_swap_changes_no_row(local: CommandLine) -> None:
    def ledger() -> list[tuple[Any, ...]]:
        sql = "SELECT backfill_id, status FROM etl.backfill_history ORDER BY started_at"
        with suppress(redshift_connector.Error), summary.connect(local.state_dir) as warehouse:
            return summary.query(warehouse, sql)
        return []  # the first makes its table

    def rows() -> list[tuple[Any, ...]]:
        with summary.connect(local.state_dir) as warehouse:
            return summary.query(
                warehouse, "SELECT flight_id, departure_delay_min, deleted_at FROM core.flights ORDER BY 1"
            )

    before, form = rows(), {"table": "core.flights", "reason": "to see that nothing changes", "dry_run": False}
    for dag_id in ("flights", "backfill_table"):
        airflow(local, "dags", "unpause", "--yes", dag_id)
    staged = {**form, "action": "stage", "start": "2013-01-01", "end": "2013-01-02", "days_a_run": 1}
    airflow(local, "dags", "trigger", "backfill_table", "--conf", json.dumps(staged))
    wait_for(lambda: [status for *_, status in ledger()] == ["compared"], seconds=300)
    backfill_id = ledger()[0][0]
    airflow(
        local, "dags", "trigger", "backfill_table",
        "--conf", json.dumps({**form, "action": "swap", "backfill_id": backfill_id}),
    )  # fmt: skip
    wait_for(lambda: [status for *_, status in ledger()] == ["swapped", "done"], seconds=300)
    assert rows() == before


PARTS = ("scheduler", "redshift", "s3", "dag-processor", "weather-api", "triggerer", "api-server", "postgres")
KILLED_DAYS = 12


@pytest.mark.timeout(2400)
def test_each_part_killed_in_mid_backfill_loses_no_row_and_duplicates_none(local: CommandLine) -> None:
    query = "SELECT flight_id FROM {} WHERE modified_at >= '2013-01-01' AND modified_at < '2013-01-13' ORDER BY 1"
    killed = []

    with local.begin("run", "--days", str(KILLED_DAYS)) as running:
        for part in PARTS:
            # A task whose scheduler was killed is started again a minute after its last heartbeat.
            wait_for(partial(has_more_or_ended, local, flights(local), running), seconds=300)
            if running.poll() is not None:
                break
            restarts = local.state["services"][part]["restarts"]
            os.kill(local.state["services"][part]["pid"], signal.SIGKILL)
            killed.append(part)
            wait_for(partial(is_back, local, part, restarts))
        out, errors = running.communicate(timeout=600)

    assert len(killed) >= len(PARTS) - 2, (killed, out, errors)  # without the API or the database the command ends
    again = local.run("run", "--days", str(KILLED_DAYS))
    assert again.returncode == 0, out + errors + again.stdout + again.stderr
    with summary.connect(local.state_dir) as warehouse:
        rows = summary.query(warehouse, query.format("core.flights"))
    with psycopg.connect(embedded_postgres.dsn(local.state_dir.metadata, "airline")) as source:
        assert source.execute(query.format("flights").encode()).fetchall() == rows


def has_more_or_ended(local: CommandLine, loaded: int, running: subprocess.Popen[str]) -> bool:
    """Whether more flights are loaded, or the command has ended."""
    return flights(local) > loaded or running.poll() is not None


def flights(local: CommandLine) -> int:
    """How many there are; while the warehouse is down, none."""
    try:
        return row_counts(local)["core.flights"]
    except (OSError, redshift_connector.Error):
        return 0


def is_back(local: CommandLine, service: str, restarts: int) -> bool:
    """Whether it was started again since, and is ready."""
    entry = local.state["services"][service]
    return bool(entry["state"] == "ready" and entry["restarts"] > restarts)


def test_the_ui_requires_a_login(local: CommandLine) -> None:
    url = local.state_dir.url("ui")

    assert requests.get(f"{url}/api/v2/dags", timeout=30).status_code == 401
    wrong = requests.post(f"{url}/auth/token", json={"username": "admin", "password": "admin"}, timeout=30)
    assert wrong.status_code == 401


def test_nothing_listens_beyond_this_machine_and_no_command_line_has_a_secret(local: CommandLine) -> None:
    secrets = set(local.state_dir.secrets.values())
    checked = 0
    for process in local.processes():
        with suppress(psutil.NoSuchProcess):  # a task's process, which has ended meanwhile
            listening = [one for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
            assert {one.laddr.ip for one in listening} <= {"127.0.0.1"}, process.cmdline()
            assert not [secret for secret in secrets for argument in process.cmdline() if secret in argument]
            checked += 1
    assert checked > 10


def test_no_secret_is_in_a_log(local: CommandLine) -> None:
    secrets = [secret for secret in local.state_dir.secrets.values() if not secret.startswith("AKIA")]
    logs = list((local.path / "logs").glob("*.log"))
    assert len(logs) > 5
    for log in logs:
        text = log.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], log


def test_secrets_are_in_two_files_that_their_owner_alone_may_read(local: CommandLine) -> None:
    found = files_with_secrets(local.path, local.state_dir.secrets)
    assert {path.name for path in found} == {"secrets.json", "airflow-passwords.json"}
    private = [*found, local.path / "airflow" / "airflow.cfg"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


@pytest.mark.parametrize("service", ["scheduler", "redshift", "postgres"])
def test_a_service_that_is_killed_is_restarted(local: CommandLine, service: str) -> None:
    before = local.state["services"][service]

    os.kill(before["pid"], signal.SIGKILL)

    wait_for(lambda: is_back(local, service, before["restarts"]))
    assert local.state["services"][service]["pid"] != before["pid"]
    wait_for(lambda: row_counts(local)["core.airlines"] == 16)


def test_the_shells_settings_reach_the_warehouse(local: CommandLine) -> None:
    script = f'eval "$({sys.executable} -m local.cli env)" && psql -Atc "SELECT COUNT(*) FROM core.airlines"'
    env = os.environ | {"LOCAL_HOME": str(local.path)}
    done = subprocess.run(
        ["sh", "-c", script], cwd=state_dir.REPOSITORY, env=env, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.split() == ["16"], done.stderr


def test_stop_leaves_no_process(local: CommandLine) -> None:
    processes = local.processes()
    assert len(processes) > 10

    done = local.run("stop")

    assert done.returncode == 0, done.stderr
    # A process that has ended is a zombie until its parent, at last init, has read its exit code.
    _, left = psutil.wait_procs(processes, timeout=30)
    assert not left
    assert local.run("status").returncode == 3


def test_a_failing_step_ends_with_the_task_its_log_and_what_to_do(local: CommandLine, tmp_path: Path) -> None:
    # The stack starts again here, with its data.
    local.dags = tmp_path
    for dag_id in ("reference_tables", "flights", "weather", "daily_performance", *quickstart.MONITORS):
        (tmp_path / f"{dag_id}.py").write_text(FAILING_DAG.format(dag_id=dag_id))

    done = local.run("run", "--days", "2")

    assert done.returncode == 1
    assert "reference_tables.load" in done.stderr
    assert "the warehouse is on holiday" in done.stderr
    assert "What to do" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_data_survives_a_restart(local: CommandLine) -> None:
    rows = row_counts(local)

    assert rows["core.planes"] == 3_322
    assert rows["mart.carrier_day"] > 0


def test_a_killed_supervisor_leaves_no_process(local: CommandLine) -> None:
    processes = local.processes()

    local.supervisor().kill()

    _, left = psutil.wait_procs(processes, timeout=60)
    assert not left


def test_clean_deletes_a_state_directory_and_no_other(local: CommandLine, tmp_path: Path) -> None:
    foreign = tmp_path / "documents"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("dear")
    assert CommandLine(foreign).run("clean").returncode == 1
    assert (foreign / "letter.txt").exists()

    assert local.run("clean").returncode == 0
    assert not local.path.exists()


def test_redshift_alone_prints_one_line_of_json_and_stops_on_sigterm(tmp_path: Path) -> None:
    env = os.environ | {"LOCAL_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "local.cli", "redshift"]
    with subprocess.Popen(command, cwd=state_dir.REPOSITORY, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
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
    _, left = psutil.wait_procs(started, timeout=30)
    assert not left
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_test_run_leaves_no_process(tmp_path: Path, signum: signal.Signals) -> None:
    env = os.environ | {
        "TMPDIR": str(tmp_path),
        "PYTEST_ADDOPTS": "-k test_the_pipelines_login_may_read_and_nothing_else -p no:cacheprovider",
    }
    command = [sys.executable, "-m", "local.cli", "test", "--only", "tests"]
    with (tmp_path / "log").open("w") as log:
        reaper = subprocess.Popen(
            command, cwd=state_dir.REPOSITORY, env=env, stdout=log, stderr=log, start_new_session=True
        )

    def descendants() -> list[psutil.Process]:
        return psutil.Process(reaper.pid).children(recursive=True)

    wait_for(lambda: any(process.name() == "postgres" for process in descendants()), seconds=180)
    # The command is the reaper; its child runs the tests. Killing either must end all.
    started = descendants()
    victim = reaper.pid if signum != signal.SIGKILL else started[0].pid
    os.kill(victim, signum)
    reaper.wait(60)

    wait_for(lambda: not [process for process in started if process.is_running()], seconds=60)
    assert not list(tmp_path.glob("stack-test-*")) or signum == signal.SIGKILL
