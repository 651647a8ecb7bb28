"""The errors of failed tasks, from their logs: Airflow's database has none of them.

They are read by Airflow's own reader, which finds the logs where the UI does: on this machine, on the workers or in a
remote store. A log that cannot be read is left out.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.log.log_reader import TaskLogReader
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.orm import joinedload

READ_SECONDS = 30.0
MAX_CHARS = 300
_FAILED = "Task failed with exception"  # https://github.com/apache/airflow/blob/3.3.2/task-sdk/src/airflow/sdk/execution_time/task_runner.py

Errors = Mapping[tuple[str, str], int]
"""How many tasks failed with an error, by the task's id and the first line of the error; most first."""


def of_runs(dag_id: str, dates: Sequence[datetime]) -> Errors:
    """Return the errors of the failed tasks of these dates' runs, as many as are read in ``READ_SECONDS``."""
    query = (
        select(TaskInstance)
        .join(TaskInstance.dag_run)
        .where(TaskInstance.dag_id == dag_id, DagRun.logical_date.in_(dates), TaskInstance.state == "failed")
        .order_by(DagRun.logical_date, TaskInstance.task_id, TaskInstance.map_index)
        .options(joinedload(TaskInstance.trigger), joinedload(TaskInstance.dag_model))
    )
    found, until = Counter[tuple[str, str]](), time.monotonic() + READ_SECONDS
    with create_session() as session:
        for task in session.scalars(query):
            if time.monotonic() > until:
                break
            if text := _error(task):
                found[task.task_id, text] += 1
    return dict(found.most_common())


def _error(task: TaskInstance) -> str | None:
    try:
        entries, _ = TaskLogReader().read_log_chunks(task, task.try_number, {"end_of_log": False})
        return first_line([entry.model_dump() for entry in entries])
    except Exception as error:  # noqa: BLE001 — whatever a log store does, the backfill's outcome is printed
        logging.getLogger(__name__).debug("The log of %s cannot be read: %s", task, error)
        return None


def first_line(entries: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the first line of the error that ended a task, from the entries of its log; None if there is none. Pure.

    An entry has it in `error_detail`; what is logged after it, by callbacks for example, may have errors of its own.
    """
    errors = [entry for entry in entries if entry.get("error_detail")]
    ending = [entry for entry in errors if entry.get("event") == _FAILED] or errors
    if not ending:
        return None
    error = ending[-1]["error_detail"][0]
    text = str(error.get("exc_value") or "").strip().splitlines()
    line = f"{error.get('exc_type')}: {text[0]}" if text else str(error.get("exc_type"))
    return line if len(line) <= MAX_CHARS else line[: MAX_CHARS - 1] + "…"
