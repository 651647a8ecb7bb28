"""A temporary Airflow: its own PostgreSQL, three services and four DAGs, for `airflow dags backfill`."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from local_redshift.storage import embedded_postgres
from local_redshift.storage.processes import free_port

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

# Each `airflow` imports for 5 seconds of a processor, and `dags test` builds the versions of the task API for 12 more.
SEVERAL = """
import json, sys
from airflow.__main__ import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["airflow", *words]
    main()
"""


class Airflow:
    """A temporary Airflow: its own PostgreSQL, three services, four DAGs."""

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
            process.wait(120)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def stop_all(self) -> None:
        for name in list(self.processes):
            self.stop(name)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([AIRFLOW, *command], env=self.environment, capture_output=True, text=True, timeout=300)

    def run_all(self, *commands: tuple[str, ...]) -> str:
        """Commands that end by themselves, one after the other in one process; what they print. Each must succeed."""
        program = [sys.executable, "-c", SEVERAL, json.dumps(commands)]
        done = subprocess.run(program, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout + done.stderr

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


def environment(folder: Path, dsn: str, port: int) -> dict[str, str]:
    base = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHONDONT"))}
    address = f"http://127.0.0.1:{port}"
    return base | {
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


@contextmanager
def running(folder: Path, more_dags: str = "") -> Iterator[Airflow]:
    """Start it in a folder, wait until it has parsed the DAGs, and stop it at the end."""
    (folder / "dags").mkdir()
    (folder / "dags" / "backfilled.py").write_text(DAGS + more_dags)
    database = embedded_postgres.Postgres(folder / "postgres", free_port(), secrets.token_hex(16))
    with ExitStack() as cleanup:
        embedded_postgres.init(database)
        embedded_postgres.start(database)
        cleanup.callback(embedded_postgres.stop, database)
        with psycopg.connect(embedded_postgres.dsn(database, "postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE airflow")
        dsn = embedded_postgres.dsn(database, "airflow").replace("postgresql://", "postgresql+psycopg2://")
        server = Airflow(folder, environment(folder, dsn, free_port()))
        assert server.run("db", "migrate").returncode == 0
        cleanup.callback(server.stop_all)
        for service in SERVICES:
            server.start(*service)
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


def wait_until_closed(server: Airflow) -> None:
    """The backfill that Airflow's own command made is closed within 30 s."""
    deadline = time.monotonic() + 60
    with psycopg.connect(server.database) as database:
        while database.execute("SELECT count(*) FROM backfill WHERE completed_at IS NULL").fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(1)
            database.rollback()


def read_terminal(number: int) -> str:
    shown = b""
    # Linux ends a terminal whose other side is closed with EIO.
    with suppress(OSError):
        while block := os.read(number, 4096):
            shown += block
    return shown.decode()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    output = ""
    while text not in output:
        line = process.stdout.readline() if process.stdout else ""
        assert line, output
        output += line
    return output
