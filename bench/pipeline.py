"""All 336,776 flights in one window, source to warehouse, against a raw COPY of the same rows in the same run.

    python -m bench.pipeline [rounds]

The table and the reference tables that its checks read exist before. Each task runs in a process of its own,
as the local scheduler runs it, through its operator; its time is that of `execute`, its memory the peak of the process
and its children with Airflow imported. The limit is PostgreSQL's own COPY of a CSV of the same rows into a table of the
same columns, past the local Redshift. What the checks add is the time of their statements against that of the rest of
the load.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg

from bench.servers import Servers, servers
from local.stack.scheduler import PRELOADED

FLIGHTS = 336_776
YEAR = {"start": "2013-01-01", "end": "2014-01-01"}
REFERENCES = ("core.airlines", "core.airports", "core.planes")
TASKS = ("extract", "transform", "load")
CHECKING = ("check ", "read what fails ", "record the checks", "keep the failing rows")
"""How the purposes of the audit's statements begin."""


def main(rounds: int) -> None:
    """Print rows a second and peak memory of each task, and the ratio to the limit; medians over the rounds."""
    with servers() as running:
        seconds: dict[str, list[float]] = {task: [] for task in (*TASKS, "checks", "raw COPY")}
        memory: dict[str, list[float]] = {task: [] for task in TASKS}
        for table in REFERENCES:
            batch: dict[str, Any] = {}
            for task in TASKS:
                batch = _in_its_own_process(running, task, table, batch)["returned"]
        for _ in range(rounds):
            batch = {}
            for task in TASKS:
                if task == "load":
                    _empty(running)
                result = _in_its_own_process(running, task, "core.flights", batch)
                seconds[task].append(result["seconds"])
                memory[task].append(result["peak_mib"])
                batch = result["returned"]
            seconds["checks"].append(result["checking"])
            assert (batch["inserted"] + batch["deleted"], batch["rows_after"]) == (FLIGHTS, FLIGHTS), batch
            seconds["raw COPY"].append(_raw_copy(running))
    _report({name: statistics.median(each) for name, each in seconds.items()}, memory)


def _empty(running: Servers) -> None:
    """Create the table, without rows."""
    ensure = "from redshift_etl.warehouse import migrate; from redshift_etl.warehouse.connect import warehouse; "
    command = [sys.executable, "-c", ensure + "migrate.ensure(warehouse('redshift_default'), 'core.flights')"]
    subprocess.run(command, env={**os.environ, **running.airflow}, stdout=subprocess.DEVNULL, check=True)
    running.warehouse("TRUNCATE core.flights")


def _report(seconds: dict[str, float], memory: dict[str, list[float]]) -> None:
    for task in TASKS:
        rate, peak = FLIGHTS / seconds[task], max(memory[task])
        print(f"{task:10} {seconds[task]:6.2f} s {rate:>10,.0f} rows/s  peak {peak:4.0f} MiB")
    checks = seconds["checks"]
    print(f"{'checks':10} {checks:6.2f} s, {checks / (seconds['load'] - checks):.1%} of the load without them")
    total, limit = sum(seconds[task] for task in TASKS), seconds["raw COPY"]
    print(f"{'end to end':10} {total:6.2f} s {FLIGHTS / total:>10,.0f} rows/s")
    print(f"{'raw COPY':10} {limit:6.2f} s {FLIGHTS / limit:>10,.0f} rows/s  (the limit)")
    print(f"ratio to the limit: {limit / total:.2f}")


def _in_its_own_process(running: Servers, task: str, table: str, batch: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.pipeline", "task", task, table, json.dumps(batch)]
    done = subprocess.run(command, env={**os.environ, **running.airflow}, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


class Checking(logging.Handler):
    """Adds up the seconds of the audit's statements, from the sessions' log."""

    seconds = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Read one line: label, purpose, seconds."""
        if isinstance(record.args, tuple) and str(record.args[1]).startswith(CHECKING):
            self.seconds += float(str(record.args[2]))


def run_task(task: str, table: str, batch: dict[str, Any]) -> None:
    """Run one operator as a worker would, and print its time, memory and what it returned as JSON."""
    from redshift_etl.operators import extract, load
    from redshift_etl.operators.transform import TransformOperator
    from redshift_etl.settings import sql_dir
    from redshift_etl.warehouse import session

    for module in PRELOADED:
        importlib.import_module(module)
    if task == "extract" and table in REFERENCES:
        files = [f"{table.removeprefix('core.')}.csv"]
        operator: Any = extract.S3ToLakeOperator(task_id=task, table=table, files=files)
    elif task == "extract":
        text = (sql_dir() / "extract/flights.sql").read_text()
        operator = extract.PostgresToLakeOperator(task_id=task, table=table, sql=text, postgres_conn_id="airline_db")
    elif task == "transform":
        operator = TransformOperator(task_id=task, batch=batch)
    else:
        operator = load.LoadToRedshiftOperator(task_id=task, table=table, batch=batch)
    instance = SimpleNamespace(
        dag_id="flights", run_id=f"bench-{time.time_ns()}", task_id=task, try_number=1, map_index=-1
    )
    checking = Checking()
    session.log.addHandler(checking)
    session.log.setLevel(logging.INFO)
    started = time.monotonic()
    returned = operator.execute(
        {"ti": instance, "dag_run": SimpleNamespace(conf={}), "params": YEAR if table not in REFERENCES else {}}
    )
    seconds = time.monotonic() - started
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    result = {"seconds": seconds, "checking": checking.seconds, "peak_mib": peak, "returned": returned}
    print(json.dumps(result))


def _raw_copy(running: Servers) -> float:
    """Seconds of COPY FROM STDIN of the loaded rows as plain CSV, into an unlogged copy of nothing but the columns."""
    with tempfile.TemporaryDirectory() as folder, psycopg.connect(running.storage_dsn, autocommit=True) as connection:
        path = Path(folder) / "flights.csv"
        with path.open("wb") as file, connection.cursor().copy("COPY core.flights TO STDOUT (FORMAT csv)") as out:
            for block in out:
                file.write(block)
        connection.execute("CREATE TEMP TABLE raw (LIKE core.flights)")
        started = time.monotonic()
        with path.open("rb") as file, connection.cursor().copy("COPY raw FROM STDIN (FORMAT csv)") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        return time.monotonic() - started


if __name__ == "__main__":
    if sys.argv[1:2] == ["task"]:
        run_task(sys.argv[2], sys.argv[3], json.loads(sys.argv[4]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 3)
