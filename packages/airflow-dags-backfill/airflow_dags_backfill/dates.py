"""Which runs the dates of a request are: those that it would start, and those that have taken a date by hand.

A run that is started by hand with a logical date has a data interval that is not of that date (Airflow takes it from
the period before, or from the time of the start; https://github.com/apache/airflow/issues/54119), and it keeps the
interval when a backfill runs it again. So it does not count: it loses its logical date, as a run by hand without one,
and the date gets a run with the interval of the timetable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from airflow.models.backfill import ReprocessBehavior, _do_dry_run, _get_info_list
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.timetables.base import TimeRestriction
from airflow.utils.session import create_session
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from airflow_dags_backfill.arguments import Request, is_day
from airflow_dags_backfill.state import BackfillError

ENDED = ("success", "failed")
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class RunByHand:
    """A run on one of the dates whose data interval is not the timetable's, or that has a conf."""

    id: int
    run_id: str
    date: datetime
    state: str


def in_timetable(request: Request) -> Request:
    """Return the request with its days as moments of the DAG's timetable. Raises BackfillError for an unknown DAG."""
    with create_session() as session:
        return whole_days(request, _dag(session, request.dag_id).timetable)


def whole_days(request: Request, timetable: Any) -> Request:
    """Return the request with its days as moments of the timetable. Pure.

    The first is the start of the data interval that its day begins in, the last the end of its day: together the runs
    cover the days, whatever the schedule.
    """
    timetable = getattr(timetable, "timetable", timetable)  # of AssetOrTimeSchedule
    start, end = request.start, request.end
    if is_day(request.typed[0]):
        start = timetable.localize_partition_datetime(datetime.fromisoformat(request.typed[0]))
        if timetable.periodic and not timetable.partitioned:
            start = _interval_start(timetable, start)
    if is_day(request.typed[1]):
        midnight = datetime.fromisoformat(request.typed[1]) + timedelta(days=1)
        end = timetable.localize_partition_datetime(midnight) - _TICK
    return replace(request, start=start, end=end)


def _interval_start(timetable: Any, moment: Any) -> Any:
    """The start of the data interval that contains the moment; the moment itself if there is none."""
    restriction = TimeRestriction(earliest=moment, latest=None, catchup=True)
    info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    if info is None or info.data_interval.start <= moment:
        return moment
    before = timetable.infer_manual_data_interval(run_after=info.data_interval.start)
    return before.start if before.start < moment < before.end else moment


def runs_by_hand(request: Request) -> list[RunByHand]:
    """Return the runs of the range that do not cover their date. Raises BackfillError when one has not ended."""
    with create_session() as session:
        intervals = _intervals(session, request)
        found = [
            RunByHand(run.id, run.run_id, run.logical_date, str(run.state))
            for run in session.scalars(select(DagRun).where(*_in_range(request)))
            if run.logical_date in intervals and not _covers(run, intervals[run.logical_date])
        ]
    for run in found:
        if run.state not in ENDED:
            raise BackfillError(
                f"run {run.run_id} of {run.date.isoformat()} was started by hand for another data interval, and has "
                f"not ended. Wait for it, or mark it as failed, and try again"
            )
    return found


def _covers(run: DagRun, interval: Any) -> bool:
    if run.run_type in ("scheduled", "backfill"):
        return bool(run.data_interval_start == run.logical_date)
    return (run.data_interval_start, run.data_interval_end) == (interval.start, interval.end) and not run.conf


def release(runs: Sequence[RunByHand]) -> None:
    """Take the logical date of these runs from them, so that the date is free."""
    with create_session() as session:
        for run in runs:
            session.execute(update(DagRun).where(DagRun.id == run.id).values(logical_date=None))


def to_run(request: Request, by_hand: Sequence[RunByHand]) -> list[datetime]:
    """Return the logical dates that this backfill would start runs for. Airflow's own errors are raised unchanged."""
    with create_session() as session:
        infos = _do_dry_run(
            dag_id=request.dag_id,
            from_date=request.start,
            to_date=request.end,
            reverse=request.backwards,
            reprocess_behavior=ReprocessBehavior(request.reprocess),
            session=session,
        )
        planned = [info.logical_date for info in infos]
    dates = {date for date in planned if date is not None}
    if len(dates) < len(planned):
        raise BackfillError(
            f"DAG {request.dag_id} is partitioned: use `airflow backfill create`, and watch it in the UI"
        )
    return sorted(dates | {run.date for run in by_hand}, reverse=request.backwards)


def with_runs(request: Request) -> list[datetime]:
    """Return the logical dates of the range that have a run already."""
    query = select(DagRun.logical_date).where(*_in_range(request))
    with create_session() as session:
        return sorted(set(session.scalars(query)) & set(_intervals(session, request)))


def _intervals(session: Session, request: Request) -> dict[datetime, Any]:
    """The data intervals of the range that are over, by logical date; none for a DAG without a schedule."""
    dag = _dag(session, request.dag_id)
    if not dag.timetable.periodic or dag.timetable.partitioned:
        return {}
    infos = _get_info_list(from_date=request.start, to_date=request.end, reverse=False, dag=dag)
    return {info.logical_date: info.data_interval for info in infos if info.logical_date}


def _in_range(request: Request) -> tuple[Any, ...]:
    return DagRun.dag_id == request.dag_id, DagRun.logical_date.between(request.start, request.end)


def _dag(session: Session, dag_id: str) -> Any:
    stored = session.scalar(SerializedDagModel.latest_item_select_object(dag_id))
    if stored is None:
        raise BackfillError(f"no DAG {dag_id}. See `airflow dags list` and `airflow dags list-import-errors`.")
    return stored.dag
