"""`make run`: the local stack, then real data through the running scheduler, and at the end what the warehouse holds.

Only what a person could do as well: the REST API, and `airflow dags backfill`. Everything can be run again: what is
there already stays.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import requests

from local.cli import console
from local.cli.airflow_api import ACTIVE, Rest, RestError, wait_until
from local.cli.summary import Warehouse
from local.stack import airflow_services, stack, state_dir
from local.stack.services import base_environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REFERENCE, BACKFILLS, MARTS = "reference_tables", ("flights", "weather"), "daily_performance"
FIRST_DAY = date(2013, 1, 1)
YEAR_DAYS = 365
# How soon the scheduler starts the run of a schedule after the DAG is switched on.
SCHEDULE_SECONDS = 10
PARSE_SECONDS, RUN_SECONDS, BACKFILL_SECONDS_A_DAY, MARTS_SECONDS, MARTS_SECONDS_A_DAY = 120, 600, 60, 600, 10


class StepFailedError(Exception):
    """A step of the tour failed; the message says the task, the end of its log, and what to do."""


@dataclass(frozen=True)
class Tour:
    """A running stack, the client for it, and where progress is shown."""

    stack: state_dir.Home
    rest: Rest
    progress: console.Progress


def run(path: Path, days: int) -> int:
    """Start the stack unless it runs, load the first `days` days of 2013, print the tables; returns the exit code."""
    if not 1 <= days <= YEAR_DAYS:
        print(f"DAYS={days}: the data has 1 to {YEAR_DAYS} days.", file=sys.stderr)
        return 1
    with console.Progress() as progress:
        try:
            running = stack.start(path, progress.parts)
            progress.done(f"the local stack runs, Airflow at {running.url('ui')}")
            _load(Tour(running, Rest(running), progress), days)
        except (StepFailedError, RestError, requests.RequestException) as error:
            progress.done("failed")
            print(
                f"\n{error}\n\nThe stack stays up; `make run` goes on from here, `make stop` stops it.", file=sys.stderr
            )
            return 1
    print(f"\n{console.login(running)}")
    return 0


def _load(tour: Tour, days: int) -> None:
    _wait_for_dags(tour)
    _refresh(tour, REFERENCE)
    for dag_id in (*BACKFILLS, MARTS):
        tour.rest.unpause(dag_id)
    # Flights that departed on the last day of the year land on the next.
    last = FIRST_DAY + timedelta(days=days - (0 if days == YEAR_DAYS else 1))
    _backfill(tour, BACKFILLS, FIRST_DAY, last)
    _wait_for_marts(tour, MARTS_SECONDS + days * MARTS_SECONDS_A_DAY)
    _show_tables(tour)


def _wait_for_dags(tour: Tour) -> None:
    wanted = {REFERENCE, *BACKFILLS, MARTS}

    def parsed() -> bool:
        """Whether Airflow has all DAGs; a file that it cannot import ends the tour."""
        if errors := tour.rest.import_errors():
            raise StepFailedError(f"{errors[0]['filename']} cannot be imported:\n{errors[0]['stack_trace']}")
        missing = wanted - tour.rest.dag_ids()
        tour.progress.now(f"waiting for Airflow to read the DAGs: {', '.join(sorted(missing))}")
        return not missing

    if not wait_until(parsed, seconds=PARSE_SECONDS):
        raise StepFailedError(
            f"Airflow did not find all of {', '.join(sorted(wanted))}; see {tour.stack.logs / 'dag-processor.log'}."
        )


def _refresh(tour: Tour, dag_id: str) -> None:
    """Run a full refresh and wait for it: the one that its schedule asks for when first switched on, or another."""
    begun, first_time = tour.progress.elapsed(), not tour.rest.count(dag_id)
    tour.rest.unpause(dag_id)
    if first_time:
        wait_until(lambda: tour.rest.count(dag_id), seconds=SCHEDULE_SECONDS)
    active = tour.rest.runs(dag_id, *ACTIVE)
    run_id = active[-1]["dag_run_id"] if active else tour.rest.trigger(dag_id)

    def ended() -> bool:
        """Whether the run has; shows its tasks."""
        state = tour.rest.run_state(dag_id, run_id)
        tour.progress.now(f"{dag_id}: {state}{_tasks(tour, dag_id, run_id)}")
        return state not in ACTIVE

    if not wait_until(ended, seconds=RUN_SECONDS):
        raise StepFailedError(
            f"{dag_id}: run {run_id} has not ended after {RUN_SECONDS} s; see it in the UI at {tour.stack.url('ui')}."
        )
    if tour.rest.run_state(dag_id, run_id) != "success":
        raise StepFailedError(
            _failure(tour, dag_id, run_id, f"trigger {dag_id} in the UI, or `airflow dags trigger {dag_id}`")
        )
    tour.progress.done(f"{dag_id}: loaded in {tour.progress.elapsed() - begun:.0f} s")


def _tasks(tour: Tour, dag_id: str, run_id: str) -> str:
    tasks = tour.rest.tasks(dag_id, run_id)
    ended = sum(1 for task in tasks if task["state"] == "success")
    working = [task["task_id"] for task in tasks if task["state"] in ("running", "up_for_retry")]
    return f", {ended} of {len(tasks)} tasks done" + (f", now {', '.join(working)}" if working else "")


def _backfill(tour: Tour, dag_ids: Sequence[str], first: date, last: date) -> None:
    """Run `airflow dags backfill` for each DAG at the same time; loaded dates stay, failed ones run again."""
    env = {**base_environment(tour.stack.path), **airflow_services.environment(tour.stack)}
    begun, days = tour.progress.elapsed(), (last - first).days + 1
    seconds = RUN_SECONDS + days * BACKFILL_SECONDS_A_DAY
    _wait_for_earlier_backfills(tour, dag_ids, seconds)
    commands: dict[str, subprocess.Popen[bytes]] = {}
    options = ("-s", str(first), "-e", str(last), "--rerun-failed-tasks")
    for dag_id in dag_ids:
        command = [airflow_services.executable("airflow"), "dags", "backfill", dag_id, *options]
        with (tour.stack.logs / f"backfill-{dag_id}.log").open("wb") as log:
            commands[dag_id] = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ended() -> bool:
        """Whether all commands have; shows the days done."""
        counts = (f"{dag_id} {_done(tour, dag_id, first, last)}/{days}" for dag_id in dag_ids)
        tour.progress.now(f"airflow dags backfill: {', '.join(counts)} days; marts: {_running_marts(tour)}")
        return all(process.poll() is not None for process in commands.values())

    try:
        if not wait_until(ended, seconds=seconds, every=1):
            raise StepFailedError(f"The backfill has not ended in time; see the logs in {tour.stack.logs}.")
    finally:
        for process in commands.values():
            process.terminate() if process.poll() is None else None
            process.wait()
    for dag_id, process in commands.items():
        if process.returncode:
            _explain_backfill(tour, dag_id, first, last)
    tour.progress.done(
        f"{' and '.join(dag_ids)}: {days} days from {first} to {last} in {tour.progress.elapsed() - begun:.0f} s"
    )


def _wait_for_earlier_backfills(tour: Tour, dag_ids: Sequence[str], seconds: float) -> None:
    """A `make run` that was interrupted leaves backfills behind, which the scheduler goes on with."""

    def ended() -> bool:
        """Whether no backfill is active; shows the runs left."""
        active = {dag_id: ids for dag_id in dag_ids if (ids := tour.rest.active_backfills(dag_id))}
        left = (f"{dag_id} {tour.rest.count(dag_id, *ACTIVE)} runs left" for dag_id in active)
        tour.progress.now(f"waiting for an earlier backfill: {', '.join(left)}")
        return not active

    if not wait_until(ended, seconds=seconds, every=1):
        raise StepFailedError(
            f"An earlier backfill has not ended after {seconds:.0f} s; cancel it by "
            f"{' or '.join(f'`airflow dags backfill {dag_id} --cancel`' for dag_id in dag_ids)}."
        )


def _done(tour: Tour, dag_id: str, first: date, last: date) -> int:
    between = {"logical_date_gte": f"{first}T00:00:00Z", "logical_date_lte": f"{last}T00:00:00Z"}
    return tour.rest.count(dag_id, "success", **between)


def _running_marts(tour: Tour) -> str:
    return "building" if tour.rest.count(MARTS, *ACTIVE) else "waiting"


def _explain_backfill(tour: Tour, dag_id: str, first: date, last: date) -> None:
    log = tour.stack.logs / f"backfill-{dag_id}.log"
    command = f"airflow dags backfill {dag_id} -s {first} -e {last} --rerun-failed-tasks"
    advice = f'`{command}` in a shell with `eval "$(make -s env)"`'
    between = {"logical_date_gte": f"{first}T00:00:00Z", "logical_date_lte": f"{last}T00:00:00Z"}
    failed = tour.rest.runs(dag_id, "failed", **between)
    if failed:
        raise StepFailedError(_failure(tour, dag_id, failed[-1]["dag_run_id"], advice, others=len(failed) - 1))
    raise StepFailedError(f"`airflow dags backfill {dag_id}` failed. The end of its log ({log}):\n{stack.tail(log)}")


def _wait_for_marts(tour: Tour, seconds: float) -> None:
    begun, warehouse = tour.progress.elapsed(), Warehouse(tour.stack)
    known_failures = {run["dag_run_id"] for run in tour.rest.runs(MARTS, "failed")}

    def fresh() -> bool:
        """Whether no mart has a stale day; a run that fails meanwhile ends the tour."""
        stale = warehouse.stale_days()
        left = ", ".join(f"{len(days)} days of {mart}" for mart, days in stale.items())
        tour.progress.now(f"{MARTS}: {_running_marts(tour)}; to build: {left or 'nothing'}")
        for run in tour.rest.runs(MARTS, "failed"):
            if run["dag_run_id"] not in known_failures:
                raise StepFailedError(
                    _failure(
                        tour, MARTS, run["dag_run_id"], f"trigger {MARTS} in the UI, or `airflow dags trigger {MARTS}`"
                    )
                )
        return not stale and not tour.rest.count(MARTS, *ACTIVE)

    try:
        # After a mart run that failed earlier no asset event comes any more: wake the marts up by hand.
        if not wait_until(fresh, seconds=1) and not tour.rest.count(MARTS, *ACTIVE):
            tour.rest.trigger(MARTS)
        if not wait_until(fresh, seconds=seconds, every=1):
            raise StepFailedError(
                f"{MARTS} left stale days after {seconds:.0f} s: {warehouse.stale_days()}; see it in the UI."
            )
    finally:
        warehouse.close()
    tour.progress.done(f"{MARTS}: nothing stale after {tour.progress.elapsed() - begun:.0f} s more")


def _failure(tour: Tour, dag_id: str, run_id: str, advice: str, *, others: int = 0) -> str:
    lines = [f"{dag_id}: run {run_id} failed" + (f", and {others} other runs" if others else "")]
    for task in tour.rest.failed_tasks(dag_id, run_id)[:3]:
        lines.append(f"Task {dag_id}.{task['task_id']}, try {task['try_number']}. The end of its log:")
        lines += [f"  {line}" for line in tour.rest.log(task)]
    lines.append(f"What to do: mend the cause that the log names, then run it again: {advice}.")
    lines.append(f"The run in the UI: {tour.stack.url('ui')}/dags/{dag_id}/runs/{run_id}")
    return "\n".join(lines)


def _show_tables(tour: Tour) -> None:
    warehouse = Warehouse(tour.stack)
    try:
        rows: list[tuple[Any, ...]] = warehouse.summary()
    finally:
        warehouse.close()
    print()
    print(console.table(("table", "rows", "window", "inserted", "updated", "deleted", "seconds"), rows))
