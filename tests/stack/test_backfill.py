"""`airflow dags backfill` against a live scheduler: what it does, says and returns."""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psycopg
import pytest

from local import postgres

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

AIRFLOW = str(Path(sys.executable).with_name("airflow"))
SERVICES = (["api-server"], ["dag-processor"], ["scheduler", "--skip-serve-logs"])
DAGS = """
import datetime, time
from airflow.sdk import DAG, CronDataIntervalTimetable, task

# Over long ago: no scheduled run mixes with those of the tests.
DATES = {"start_date": datetime.datetime(2013, 1, 1), "end_date": datetime.datetime(2013, 1, 2), "catchup": False}

def daily(name, **more):
    timetable = CronDataIntervalTimetable("0 0 * * *", timezone="UTC")
    return DAG(name, schedule=timetable, **DATES, **more)

@task
def work(sleep=0.0, fail_on=None, data_interval_start=None):
    time.sleep(sleep)
    if data_interval_start.date().isoformat() == fail_on:
        raise ValueError("planted")

for name, arguments in {"plain": {}, "failing": {"fail_on": "2013-01-02"}, "slow": {"sleep": 20}}.items():
    with daily(name, is_paused_upon_creation=False):
        work(**arguments)

with daily("paused", is_paused_upon_creation=True):
    work()
"""


class Airflow:
    """A throw-away Airflow: its own PostgreSQL, three services, four DAGs."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def database(self) -> str:
        return self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")

    def start(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            self.processes[command[0]] = subprocess.Popen(
                [AIRFLOW, *command], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, name: str) -> None:
        """Only the leader gets the signal: its executor's processes are its own to end."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([AIRFLOW, *command], env=self.environment, capture_output=True, text=True, timeout=300)

    def backfill(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("dags", "backfill", *arguments)

    def spawn_backfill(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [AIRFLOW, "dags", "backfill", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, dsn: str, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHONDONT"))}
    address = f"http://127.0.0.1:{port}"
    return kept | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "no-plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": dsn,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("airflow")
    (folder / "dags").mkdir()
    (folder / "dags" / "backfilled.py").write_text(DAGS)
    database = postgres.Postgres(folder / "postgres", free_port(), secrets.token_hex(16))
    with ExitStack() as cleanup:
        postgres.init(database)
        postgres.start(database)
        cleanup.callback(postgres.stop, database)
        with psycopg.connect(postgres.dsn(database, "postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE airflow")
        dsn = postgres.dsn(database, "airflow").replace("postgresql://", "postgresql+psycopg2://")
        server = Airflow(folder, environment(folder, dsn, free_port()))
        assert server.run("db", "migrate").returncode == 0
        for service in SERVICES:
            server.start(*service)
        cleanup.callback(lambda: [server.stop(name) for name in list(server.processes)])
        wait_until_parsed(server)
        yield server


def wait_until_parsed(server: Airflow) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        dead = [name for name, process in server.processes.items() if process.poll() is not None]
        assert not dead, (server.folder / f"{dead[0]}.log").read_text()[-2000:]
        if '"slow"' in server.run("dags", "list", "-o", "json").stdout.replace(" ", "") and alive(server):
            return
    raise AssertionError((server.folder / "dag-processor.log").read_text()[-2000:])


def alive(server: Airflow) -> bool:
    return server.run("jobs", "check", "--job-type", "SchedulerJob").returncode == 0


def runs(server: Airflow, dag_id: str) -> str:
    with psycopg.connect(server.database) as database:
        query = "SELECT logical_date, state, start_date FROM dag_run WHERE dag_id = %s ORDER BY 1"
        return "\n".join(" ".join(map(str, row)) for row in database.execute(query, [dag_id]))


def test_a_week_runs_to_its_end_and_again_changes_nothing(airflow: Airflow) -> None:
    first = airflow.backfill("plain", "-s", "2013-01-01", "-e", "2013-01-07")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "plain: 7 of 7 succeeded" in first.stdout
    assert re.search(r"^plain: \d/7 done, \d running, 0:\d\d$", first.stdout, re.MULTILINE)
    assert "\r" not in first.stdout
    assert runs(airflow, "plain").count("success") == 7
    before = runs(airflow, "plain")
    again = airflow.backfill("plain", "-s", "2013-01-01", "-e", "2013-01-07")
    assert again.returncode == 0
    assert "all 7 dates have a run already" in again.stdout
    assert runs(airflow, "plain") == before
    # The first one is closed by now, so that Airflow's own command is not refused.
    own = airflow.run("backfill", "create", "--dag-id", "plain", "--from-date", "2013-01-08", "--to-date", "2013-01-08")
    assert own.returncode == 0, own.stdout + own.stderr


def test_a_terminal_gets_a_bar(airflow: Airflow) -> None:
    ours, theirs = os.openpty()
    command = [AIRFLOW, "dags", "backfill", "plain", "-s", "2013-01-01", "-e", "2013-01-07"]
    with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
        process = subprocess.Popen(command, env=airflow.environment, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = read_terminal(terminal.fileno())
    assert process.wait(60) == 0, shown
    assert f"\r\x1b[K[{'#' * 30}] plain: 7/7 done" in shown


def read_terminal(number: int) -> str:
    shown = b""
    # Linux ends a terminal whose other side is closed with EIO.
    with suppress(OSError):
        while block := os.read(number, 4096):
            shown += block
    return shown.decode()


def test_a_dry_run_lists_the_dates_and_starts_none(airflow: Airflow) -> None:
    before = runs(airflow, "failing")
    dry = airflow.backfill("failing", "-s", "2014-01-01", "-e", "2014-01-03", "-n")
    assert dry.returncode == 0, dry.stderr
    assert re.findall(r"2014-01-\d\d", dry.stdout) == ["2014-01-01", "2014-01-02", "2014-01-03"]
    assert runs(airflow, "failing") == before


def test_a_failed_run_makes_the_exit_code_1_and_is_named_with_the_way_to_repeat_it(airflow: Airflow) -> None:
    done = airflow.backfill("failing", "-s", "2013-01-01", "-e", "2013-01-03")
    assert done.returncode == 1
    assert "failing: 2 of 3 succeeded" in done.stdout
    assert re.search(r"failed: 2013-01-02T00:00:00\S*, task work", done.stdout)
    assert "--rerun-failed-tasks" in done.stdout
    existing = airflow.backfill("failing", "-s", "2013-01-01", "-e", "2013-01-03")
    assert existing.returncode == 1, "a run that failed before is no success now"
    again = airflow.backfill("failing", "-s", "2013-01-01", "-e", "2013-01-03", "--rerun-failed-tasks")
    assert again.returncode == 1
    assert "3 dates, 1 to run" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["plian", "-s", "2013-01-01"], 1, "no DAG plian. Did you mean plain?"),
        (["paused", "-s", "2013-01-01"], 1, "airflow dags unpause paused"),
        (["plain", "-s", "2013-01-07", "-e", "2013-01-01"], 2, "is before the start"),
        (["plain", "-s", "2999-01-01"], 1, "Backfill cannot be executed for future dates"),
        (["plain", "-s", "2013-01-01", "--pool", "small"], 2, "--pool has no counterpart in Airflow 3"),
        (["plain", "--cancel"], 1, "has no active backfill"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(
    airflow: Airflow, arguments: list[str], code: int, message: str
) -> None:
    wait_until_closed(airflow)
    refused = airflow.backfill(*arguments)
    assert refused.returncode == code, refused.stdout + refused.stderr
    last = refused.stderr.strip().splitlines()[-1]
    assert last.startswith("airflow dags backfill: ")
    assert message in last
    assert "Traceback" not in refused.stderr


def wait_until_closed(server: Airflow) -> None:
    """The backfill that Airflow's own command made is closed within 30 s."""
    deadline = time.monotonic() + 60
    with psycopg.connect(server.database) as database:
        while database.execute("SELECT count(*) FROM backfill WHERE completed_at IS NULL").fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(1)
            database.rollback()


def test_ctrl_c_leaves_the_backfill_running_and_says_how_to_cancel_it(airflow: Airflow) -> None:
    waiting = airflow.spawn_backfill("slow", "-s", "2013-01-01", "-e", "2013-01-06", "--max-active-runs", "1")
    said = read_until(waiting, "1 running")
    second = airflow.backfill("slow", "-s", "2013-02-01")
    assert second.returncode == 1
    assert "has an active backfill already" in second.stderr
    waiting.send_signal(signal.SIGINT)
    said += waiting.communicate(timeout=60)[0]
    assert waiting.returncode == 130, said
    assert "Traceback" not in said
    assert "airflow dags backfill slow --cancel" in said
    assert " running" in runs(airflow, "slow")
    cancelled = airflow.backfill("slow", "--cancel")
    assert cancelled.returncode == 0, cancelled.stderr
    assert "queued" not in runs(airflow, "slow")


def test_a_time_out_stops_the_waiting_and_not_the_backfill(airflow: Airflow) -> None:
    late = airflow.backfill("slow", "-s", "2013-03-01", "--timeout", "2")
    assert late.returncode == 1
    assert "timed out" in late.stderr
    assert airflow.backfill("slow", "--cancel").returncode == 0


def read_until(process: subprocess.Popen[str], text: str) -> str:
    said = ""
    while text not in said:
        line = process.stdout.readline() if process.stdout else ""
        assert line, said
        said += line
    return said


def test_a_backfill_outlives_a_restart_of_the_scheduler(airflow: Airflow) -> None:
    waiting = airflow.spawn_backfill("plain", "-s", "2013-05-01", "-e", "2013-05-20", "--max-active-runs", "1")
    said = read_until(waiting, "2/20 done")
    airflow.stop("scheduler")
    airflow.start("scheduler", "--skip-serve-logs")
    said += waiting.communicate(timeout=240)[0]
    assert waiting.returncode == 0, said
    assert "plain: 20 of 20 succeeded" in said


def test_without_a_scheduler_nothing_is_created(airflow: Airflow) -> None:
    """The last one, as it leaves no scheduler behind."""
    airflow.stop("scheduler")
    before = runs(airflow, "plain")
    refused = airflow.backfill("plain", "-s", "2013-06-01")
    assert refused.returncode == 1
    assert "no live scheduler: none is running" in refused.stderr
    # What a scheduler leaves behind that was killed 8 s ago: Airflow still holds it for alive.
    with psycopg.connect(airflow.database, autocommit=True) as database:
        beat = "latest_heartbeat = now() - interval '8 s'"
        database.execute(f"UPDATE job SET state = 'running', {beat} WHERE job_type = 'SchedulerJob'")
    refused = airflow.backfill("plain", "-s", "2013-06-01")
    assert refused.returncode == 1
    assert "no live scheduler: the last one was heard of" in refused.stderr
    assert runs(airflow, "plain") == before
