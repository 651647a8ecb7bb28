"""The steps of `make run` that load real data through the scheduler of a running stack.

They use the REST API and `airflow dags backfill` only. They can be repeated: data that is loaded already stays.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from local.cli import console
from local.cli.airflow_api import ACTIVE, AirflowApi
from local.stack import airflow_services, stack, state_dir
from local.stack.services import base_environment
from local.stack.stack import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REFERENCE, BACKFILLS, MARTS = "reference_tables", ("flights", "weather"), "daily_performance"
# They look after the tables, so they start once there are some.
MONITORS = ("freshness", "reconcile", "retention")
FIRST_DAY = date(2013, 1, 1)
YEAR_DAYS = 365
KEPT_LOGS = 20
# How soon the scheduler starts the run of a schedule after the DAG is unpaused.
SCHEDULE_SECONDS = 10
PARSE_SECONDS, RUN_SECONDS, BACKFILL_SECONDS_A_DAY, MARTS_SECONDS_A_DAY = 120, 600, 60, 10


class StepFailedError(Exception):
    """A step of the quickstart failed; the message has the task, the end of its log, and what to do."""


@dataclass(frozen=True)
class Quickstart:
    """The state directory of a running stack, the client of its Airflow, and the progress shown."""

    path: Path
    api: AirflowApi
    progress: console.Progress
    started: str = field(default_factory=lambda: f"{datetime.now():%Y%m%dT%H%M%S}-{os.getpid()}")  # noqa: DTZ005

    @property
    def stack(self) -> state_dir.StateDir:
        """The stack with the ports that it has now."""
        return state_dir.create(self.path)

    def log(self, dag_id: str) -> Path:
        """The log of this command's backfill of a DAG."""
        return self.stack.logs / f"backfill-{dag_id}-{self.started}.log"


def load(quickstart: Quickstart, days: int) -> None:
    """Load the first `days` days of 2013 and build the marts. Raises StepFailedError, AirflowApiError."""
    _wait_for_dags(quickstart)
    _refresh(quickstart, REFERENCE)
    for dag_id in (*BACKFILLS, MARTS):
        quickstart.api.unpause(dag_id)
    # Flights that departed on the last day of the year land on the next.
    last = FIRST_DAY + timedelta(days=days - (0 if days == YEAR_DAYS else 1))
    _backfill(quickstart, BACKFILLS, FIRST_DAY, last)
    _build_marts(quickstart, RUN_SECONDS + days * MARTS_SECONDS_A_DAY)
    for dag_id in MONITORS:
        quickstart.api.unpause(dag_id)
    quickstart.progress.done(f"{', '.join(MONITORS)}: on, as scheduled")


def _wait_for_dags(quickstart: Quickstart) -> None:
    wanted = {REFERENCE, *BACKFILLS, MARTS, *MONITORS}

    def parsed() -> bool:
        """Whether Airflow has all DAGs; a file that it cannot import ends the quickstart."""
        if errors := quickstart.api.import_errors():
            raise StepFailedError(f"{errors[0]['filename']} cannot be imported:\n{errors[0]['stack_trace']}")
        missing = wanted - quickstart.api.dag_ids()
        quickstart.progress.now(f"waiting for Airflow to parse the DAGs: {', '.join(sorted(missing))}")
        return not missing

    if not wait_until(parsed, seconds=PARSE_SECONDS):
        log = quickstart.stack.logs / "dag-processor.log"
        raise StepFailedError(f"Airflow did not find all of {', '.join(sorted(wanted))}; see {log}.")


def _refresh(quickstart: Quickstart, dag_id: str) -> None:
    """Run a full refresh and wait for it: the run that its schedule starts at first, or one triggered here."""
    api, begun = quickstart.api, quickstart.progress.elapsed()
    first_time = not api.count(dag_id)
    api.unpause(dag_id)
    if first_time:
        wait_until(lambda: api.count(dag_id) > 0, seconds=SCHEDULE_SECONDS)
    _finish_run(quickstart, dag_id, RUN_SECONDS)
    quickstart.progress.done(f"{dag_id}: loaded in {quickstart.progress.elapsed() - begun:.0f} s")


def _finish_run(quickstart: Quickstart, dag_id: str, seconds: float) -> str:
    """Wait for the DAG's active run, or trigger one, until it succeeds; returns its id."""
    api = quickstart.api
    active = api.runs(dag_id, *ACTIVE)
    run_id = str(active[-1]["dag_run_id"]) if active else api.trigger(dag_id)

    def ended() -> bool:
        """Whether the run has; shows its tasks."""
        state = api.run_state(dag_id, run_id)
        quickstart.progress.now(f"{dag_id}: {state}{_task_progress(quickstart, dag_id, run_id)}")
        return state not in ACTIVE

    if not wait_until(ended, seconds=seconds):
        address = quickstart.stack.url("ui")
        raise StepFailedError(f"{dag_id}: run {run_id} has not ended after {seconds:.0f} s; see the UI at {address}.")
    if api.run_state(dag_id, run_id) != "success":
        advice = f"trigger {dag_id} in the UI, or `airflow dags trigger {dag_id}`"
        raise StepFailedError(_failure(quickstart, dag_id, run_id, advice))
    return run_id


def _task_progress(quickstart: Quickstart, dag_id: str, run_id: str) -> str:
    tasks = quickstart.api.tasks(dag_id, run_id)
    ended = sum(1 for task in tasks if task["state"] in ("success", "skipped"))
    running = [task["task_id"] for task in tasks if task["state"] in ("running", "up_for_retry")]
    return f", {ended} of {len(tasks)} tasks done" + (f", now {', '.join(running)}" if running else "")


def _backfill(quickstart: Quickstart, dag_ids: Sequence[str], first: date, last: date) -> None:
    """Run `airflow dags backfill` for each DAG at the same time; loaded dates stay, failed ones run again."""
    env = {**base_environment(quickstart.stack.path), **airflow_services.environment(quickstart.stack)}
    begun, days = quickstart.progress.elapsed(), (last - first).days + 1
    seconds = RUN_SECONDS + days * BACKFILL_SECONDS_A_DAY
    _wait_for_earlier_backfills(quickstart, dag_ids, seconds)
    delete_old_logs(quickstart.stack.logs)
    commands: dict[str, subprocess.Popen[bytes]] = {}
    options = ("-s", str(first), "-e", str(last), "--rerun-failed-tasks")
    for dag_id in dag_ids:
        command = [airflow_services.executable("airflow"), "dags", "backfill", dag_id, *options]
        with quickstart.log(dag_id).open("wb") as log:
            commands[dag_id] = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ended() -> bool:
        """Whether all commands have; shows the days done."""
        done = {dag_id: quickstart.api.count(dag_id, "success", **_between(first, last)) for dag_id in dag_ids}
        counts = ", ".join(f"{dag_id} {count}/{days}" for dag_id, count in done.items())
        marts = "building" if quickstart.api.count(MARTS, *ACTIVE) else "waiting"
        quickstart.progress.now(f"airflow dags backfill: {counts} days; marts: {marts}")
        return all(process.poll() is not None for process in commands.values())

    try:
        if not wait_until(ended, seconds=seconds, every=1):
            raise StepFailedError(f"The backfill has not ended in time; see the logs in {quickstart.stack.logs}.")
    finally:
        for process in commands.values():
            process.terminate() if process.poll() is None else None
            process.wait()
    for dag_id, process in commands.items():
        if process.returncode:
            raise StepFailedError(_backfill_failure(quickstart, dag_id, first, last))
    elapsed = quickstart.progress.elapsed() - begun
    quickstart.progress.done(f"{' and '.join(dag_ids)}: {days} days from {first} to {last} in {elapsed:.0f} s")


def delete_old_logs(logs: Path) -> None:
    """Keep the newest KEPT_LOGS logs of backfills."""
    for old in sorted(logs.glob("backfill-*.log"), key=lambda log: log.stat().st_mtime)[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)


def _wait_for_earlier_backfills(quickstart: Quickstart, dag_ids: Sequence[str], seconds: float) -> None:
    """A `make run` that was interrupted leaves backfills behind, which the scheduler continues."""

    def ended() -> bool:
        """Whether no backfill is active; shows the runs left."""
        active = [dag_id for dag_id in dag_ids if quickstart.api.active_backfills(dag_id)]
        left = (f"{dag_id} {quickstart.api.count(dag_id, *ACTIVE)} runs left" for dag_id in active)
        quickstart.progress.now(f"waiting for an earlier backfill: {', '.join(left)}")
        return not active

    if not wait_until(ended, seconds=seconds, every=1):
        commands = " or ".join(f"`airflow dags backfill {dag_id} --cancel`" for dag_id in dag_ids)
        raise StepFailedError(f"An earlier backfill has not ended after {seconds:.0f} s; cancel it by {commands}.")


def _between(first: date, last: date) -> dict[str, str]:
    return {"logical_date_gte": f"{first}T00:00:00Z", "logical_date_lte": f"{last}T00:00:00Z"}


def _backfill_failure(quickstart: Quickstart, dag_id: str, first: date, last: date) -> str:
    log = quickstart.log(dag_id)
    command = f"airflow dags backfill {dag_id} -s {first} -e {last} --rerun-failed-tasks"
    advice = f'`{command}` in a shell with `eval "$(make -s env)"`'
    if failed := quickstart.api.runs(dag_id, "failed", **_between(first, last)):
        return _failure(quickstart, dag_id, failed[-1]["dag_run_id"], advice, others=len(failed) - 1)
    return f"`airflow dags backfill {dag_id}` failed. The end of its log ({log}):\n{stack.tail(log)}"


def _build_marts(quickstart: Quickstart, seconds: float) -> None:
    """Run the marts' DAG until a run that started after the last load has found no stale day."""
    api, begun = quickstart.api, quickstart.progress.elapsed()
    while api.count(MARTS, *ACTIVE):  # started by a load, perhaps before the last one
        _finish_run(quickstart, MARTS, seconds)
    while True:
        run_id = _finish_run(quickstart, MARTS, seconds)
        # `build` is mapped over the stale days that the DAG finds: it is skipped when there is none.
        succeeded = [task["task_id"] for task in api.tasks(MARTS, run_id) if task["state"] == "success"]
        if not any(task_id.endswith(".build") for task_id in succeeded):
            break
    quickstart.progress.done(f"{MARTS}: nothing stale after {quickstart.progress.elapsed() - begun:.0f} s more")


def _failure(quickstart: Quickstart, dag_id: str, run_id: str, advice: str, *, others: int = 0) -> str:
    lines = [f"{dag_id}: run {run_id} failed" + (f", and {others} other runs" if others else "")]
    for task in quickstart.api.failed_tasks(dag_id, run_id)[:3]:
        lines.append(f"Task {dag_id}.{task['task_id']}, try {task['try_number']}. The end of its log:")
        lines += [f"  {line}" for line in quickstart.api.log(task)]
    lines.append(f"What to do: fix the cause that is in the log, then run it again: {advice}.")
    lines.append(f"The run in the UI: {quickstart.stack.url('ui')}/dags/{dag_id}/runs/{run_id}")
    return "\n".join(lines)
