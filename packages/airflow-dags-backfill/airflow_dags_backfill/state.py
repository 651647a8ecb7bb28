"""The state of a backfill in Airflow's metadata database: scheduler, DAG, runs. Read-only, except for `cancel`."""

import difflib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow._shared.timezones import timezone
from airflow.configuration import conf
from airflow.jobs.job import most_recent_job
from airflow.models.backfill import Backfill, BackfillDagRun
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from airflow_dags_backfill.progress import Snapshot

START_ONE = "No run would start. Start it (`airflow scheduler`) and try again"


class BackfillError(Exception):
    """The backfill cannot start or continue; the message has the reason and what to do."""


@dataclass(frozen=True)
class FailedRun:
    """A run that did not end in success: its logical date, and its tasks in state failed.

    The run's id is left out: it has the date of `run_after`, a day later in a daily DAG.
    """

    date: datetime
    tasks: tuple[str, ...]


def scheduler_is_alive() -> bool:
    """Return whether a scheduler is alive by Airflow's own health check."""
    job = most_recent_job("SchedulerJob")
    return job is not None and job.is_alive()


def require_scheduler() -> None:
    """Raise BackfillError unless a scheduler sends heartbeats; when the last one is late, wait for the next.

    Airflow counts a killed scheduler as alive until `scheduler_health_check_threshold` (30 s) has passed, and on a busy
    machine a running one is late by half of that: neither the health check nor a late heartbeat is sufficient.
    """
    late = 1 + conf.getfloat("scheduler", "scheduler_heartbeat_sec")
    while True:
        job = most_recent_job("SchedulerJob")
        if job is None or job.state != "running" or job.latest_heartbeat is None:
            raise BackfillError(f"no live scheduler: none is running. {START_ONE}")
        silence = (timezone.utcnow() - job.latest_heartbeat).total_seconds()
        if silence < late:
            return
        if not job.is_alive():
            raise BackfillError(f"no live scheduler: the last one was heard of {silence:.0f} s ago. {START_ONE}")
        time.sleep(0.5)


def require_runnable(dag_id: str) -> None:
    """Raise BackfillError when the DAG is unknown, missing from its bundle, paused, or has an active backfill."""
    with create_session() as session:
        dag = session.get(DagModel, dag_id)
        known = list(session.scalars(select(DagModel.dag_id).where(DagModel.is_stale.is_(False))))
        active = active_backfill(dag_id)
    if dag is None or dag.is_stale:
        near = difflib.get_close_matches(dag_id, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "See `airflow dags list` and `airflow dags list-import-errors`."
        raise BackfillError(f"no DAG {dag_id}. {hint}")
    if dag.is_paused:
        raise BackfillError(f"DAG {dag_id} is paused, its runs would never start: airflow dags unpause {dag_id}")
    if active is not None:
        raise BackfillError(
            f"DAG {dag_id} has an active backfill already (id {active.id}, {active.from_date.isoformat()} to "
            f"{active.to_date.isoformat()}), and Airflow allows one. Wait for it, or cancel it: "
            f"airflow dags backfill {dag_id} --cancel"
        )


def active_backfill(dag_id: str) -> Backfill | None:
    """Return the backfill of a DAG that the scheduler has not closed yet."""
    query = select(Backfill).where(Backfill.dag_id == dag_id, Backfill.completed_at.is_(None)).limit(1)
    with create_session() as session:
        backfill: Backfill | None = session.scalar(query)
    return backfill


def newest_backfill(dag_id: str) -> int:
    """Return the id of the DAG's last backfill, 0 when it never had one."""
    with create_session() as session:
        return session.scalar(select(func.max(Backfill.id)).where(Backfill.dag_id == dag_id)) or 0


def is_closed(backfill_id: int) -> bool:
    """Return whether the backfill was closed, by the scheduler (which checks every 30 s) or by a cancellation."""
    with create_session() as session:
        return session.scalar(select(Backfill.completed_at).where(Backfill.id == backfill_id)) is not None


def dates_of(backfill_id: int) -> list[datetime]:
    """Return the logical dates of a backfill, including those whose run it did not start."""
    query = select(BackfillDagRun.logical_date).where(BackfillDagRun.backfill_id == backfill_id)
    with create_session() as session:
        return [date for date in session.scalars(query) if date is not None]


def snapshot(dag_id: str, dates: Iterable[datetime]) -> Snapshot:
    """Return the state of the run of each of these dates."""
    wanted = list(dates)
    query = select(DagRun.logical_date, DagRun.state).where(DagRun.dag_id == dag_id)
    if wanted:  # by their ends: a list of them would grow with the range
        query = query.where(DagRun.logical_date.between(min(wanted), max(wanted)))
    with create_session() as session:
        states = {date: str(state) for date, state in session.execute(query)}
    return Snapshot({date: states.get(date, "gone") for date in wanted})


def failed_runs(dag_id: str, dates: Sequence[datetime]) -> list[FailedRun]:
    """Return the runs of these dates, oldest first, each with its failed tasks."""
    runs = select(DagRun.logical_date, DagRun.run_id).where(DagRun.dag_id == dag_id, DagRun.logical_date.in_(dates))
    runs = runs.order_by(DagRun.logical_date)
    with create_session() as session:
        return [
            FailedRun(date, _failed_tasks(session, dag_id, run_id))
            for date, run_id in session.execute(runs).all()
            if date is not None
        ]


def _failed_tasks(session: Session, dag_id: str, run_id: str) -> tuple[str, ...]:
    query = select(TaskInstance.task_id).where(
        TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.state == "failed"
    )
    return tuple(sorted(set(session.scalars(query))))


def cancel(dag_id: str) -> int:
    """Cancel the DAG's active backfill as the UI does, and return its id: queued runs fail, running ones continue.

    Raises BackfillError when there is none.
    """
    from airflow.api_fastapi.core_api.routes.public.backfills import cancel_backfill

    backfill = active_backfill(dag_id)
    if backfill is None:
        raise BackfillError(f"DAG {dag_id} has no active backfill")
    with create_session() as session:
        cancel_backfill(backfill.id, session)
    return int(backfill.id)
