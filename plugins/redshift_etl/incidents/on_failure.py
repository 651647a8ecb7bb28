"""``on_failure_callback`` of every task: after the last try, a report, a row, and then an alert.

It cannot fail the task, nor hide its error: each part is guarded, bounded in time, and left out of the report with a
reason if it does not work. The report is written before anyone is told. Without the lake it goes to the task's log.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from redshift_etl import window
from redshift_etl.incidents import model
from redshift_etl.incidents.model import Failure, Incident, concerned
from redshift_etl.incidents.report import Evidence, render
from redshift_etl.redaction import redact

log = logging.getLogger(__name__)

WAREHOUSE_SECONDS = 45  # for everything that is asked of the warehouse, and again for the row
TRACEBACK_CHARS = 6000
MAX_STEPS = 60


def on_failure(context: Mapping[str, Any]) -> None:
    """Report the failure that ``context`` is about. Never raises."""
    try:
        _report(context)
    except Exception as error:  # noqa: BLE001 — the task's own error is the one that counts
        log.warning("The incident report could not be written: %s", redact(f"{type(error).__name__}: {error}"))


def _report(context: Mapping[str, Any]) -> None:
    evidence = Evidence()
    failure = read_failure(context, evidence)
    _try(evidence, "the run's tasks", lambda: _run_evidence(context, evidence))
    _try(evidence, "the tables downstream", lambda: _downstream(failure, evidence))
    _try(evidence, "the warehouse", lambda: _within(WAREHOUSE_SECONDS, lambda: _ask_warehouse(failure, evidence)))
    incident, new = _keep(model.first(failure), failure, evidence)
    if new:
        _tell(incident, failure)
    else:
        log.error("This is failure %d of the open incident %s", incident.occurrences, incident.incident_id)


def read_failure(context: Mapping[str, Any], evidence: Evidence) -> Failure:
    """What the context says. Only the identifiers must be there; the rest may be missing."""
    instance, task = context["ti"], context.get("task")
    error = context.get("exception")
    found: dict[str, Any] = {
        "dag_id": instance.dag_id,
        "run_id": instance.run_id,
        "task_id": instance.task_id,
        "failed_at": datetime.now(UTC),
        "map_index": -1 if getattr(instance, "map_index", None) is None else instance.map_index,
        "try_number": getattr(instance, "try_number", 1),
        "started_at": getattr(instance, "start_date", None),
        "tables": _tables(task),
    }
    found |= model.failure_of(error)
    _try(evidence, "the log's address", lambda: found.update(log_url=instance.log_url))
    _try(evidence, "the window", lambda: found.update(_window(context, evidence)))
    if isinstance(error, BaseException):
        # A secret that is cut in two is not recognized any more.
        found["traceback"] = redact("".join(traceback.format_exception(error)))[-TRACEBACK_CHARS:]
    return Failure(**found)


def _window(context: Mapping[str, Any], evidence: Evidence) -> dict[str, datetime]:
    params = context.get("params") or {}
    if window.START not in params:
        return {}
    found = window.resolve(context)
    evidence.days = tuple(day.isoformat() for day in found.days)
    if params.get(window.START):
        evidence.form = {name: str(params[name]) for name in (window.START, window.END)}
    return {"window_start": found.start, "window_end": found.end}


def _tables(task: Any) -> tuple[str, ...]:
    """The tables that a task writes (its outlets), or else the one that it works for."""
    outlets = (outlet.name for outlet in getattr(task, "outlets", ()) if getattr(outlet, "group", "") == "warehouse")
    works_for = getattr(task, "table", None) or getattr(task, "mart", None)
    return tuple(outlets) or ((works_for,) if isinstance(works_for, str) else ())


def _run_evidence(context: Mapping[str, Any], evidence: Evidence) -> None:
    """States and results of the run's other tasks; they come from Airflow through the task's own supervisor."""
    instance, task = context["ti"], context.get("task")
    evidence.steps = [dict(step) for step in instance.get_task_breadcrumbs(instance.dag_id, instance.run_id)][
        :MAX_STEPS
    ]
    for upstream in sorted(task.get_flat_relative_ids(upstream=True)) if task else ():
        value = instance.xcom_pull(task_ids=upstream)
        if isinstance(value, Mapping):
            evidence.counts[upstream] = value


def _downstream(failure: Failure, evidence: Evidence) -> None:
    from redshift_etl.lineage import graph as lineage

    graph = lineage.read()
    found = (name for table in concerned(failure) for name in graph.downstream(table))
    evidence.downstream = tuple(dict.fromkeys(found))


def _ask_warehouse(failure: Failure, evidence: Evidence) -> None:
    from redshift_etl import settings
    from redshift_etl.incidents import context as asked
    from redshift_etl.warehouse.connect import warehouse_at_once

    asked.gather(warehouse_at_once(settings.REDSHIFT), failure, evidence)


def _keep(incident: Incident, failure: Failure, evidence: Evidence) -> tuple[Incident, bool]:
    """The report to the lake, else to the log; then the row. Returns the incident, and whether it is a new one."""
    from redshift_etl.incidents import lake_store
    from redshift_etl.lake.storage import Lake

    text = render(incident, failure, evidence, model.commands(failure, evidence.days, evidence.form))
    try:
        lake = Lake.connect()
        incident, new = lake_store.take(lake, incident)
        url = lake_store.put_report(lake, incident, text) if new else lake_store.url(lake, incident)
    except Exception as error:  # noqa: BLE001 — the report must be somewhere
        log.warning("The lake did not take the report (%s); here it is:\n%s", redact(str(error)), text)
        new, url = True, "the task's log"
    else:
        log.info("The report is %s", url)
    _try(evidence, "the row of etl.incidents", lambda: _within(WAREHOUSE_SECONDS, lambda: _record(incident, url)))
    return incident, new


def _record(incident: Incident, url: str) -> None:
    from redshift_etl import settings
    from redshift_etl.incidents import table_store
    from redshift_etl.warehouse.connect import warehouse_at_once

    table_store.record(warehouse_at_once(settings.REDSHIFT), incident, url)


def _tell(incident: Incident, failure: Failure) -> None:
    from redshift_etl.incidents import alerts

    where = failure.table or failure.dag_id
    text = (
        f"{failure.message}\nWho acts: {failure.who_acts}\nFix: {failure.fix or 'see the report'}\n"
        f"Task: {failure.dag_id}.{failure.task_id}, run {failure.run_id}\n"
        f"Report: {incident.report}\nLog: {failure.log_url}"
    )
    about = {"incident": incident.as_dict(), "state": "open"}
    alerts.send(alerts.Notice(f"{failure.error_class} on {where}", redact(text), about))


def _try(evidence: Evidence, what: str, ask: Callable[[], None]) -> None:
    try:
        ask()
    except Exception as error:  # noqa: BLE001 — what cannot be found out is said in the report
        evidence.missing.append(f"{what}: {type(error).__name__}: {error}")
        log.warning("Could not find out %s: %s", what, redact(str(error)))


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Do it in at most so long: a network that swallows packets must not hold the task."""
    failed: list[Exception] = []

    def run() -> None:
        """Do the work, keeping its error for the caller."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 — raised again by the caller's thread
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer in {seconds:g} s")
    if failed:
        raise failed[0]
