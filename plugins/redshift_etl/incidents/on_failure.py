"""``on_failure_callback`` of every task: after the last try it writes a report and a row, and then sends an alert.

``on_retry_callback`` keeps the error of each earlier try for the report, in the task's state store, which Airflow keeps
from try to try.

It cannot fail the task or hide the task's error: each step is guarded and limited in time, and a step that fails is
listed in the report. The report is written before the alert is sent. Without the lake it goes to the task's log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from redshift_etl import run_conf, window
from redshift_etl.errors import EtlError, FormError
from redshift_etl.incidents import model
from redshift_etl.incidents.context import IncidentContext, read_warehouse
from redshift_etl.incidents.failure import FailedTry, Failure, describe_error, rerun_commands
from redshift_etl.incidents.model import Incident
from redshift_etl.incidents.report import render
from redshift_etl.incidents.tracebacks import traceback_of
from redshift_etl.redaction import redact
from redshift_etl.schedule import Schedule

if TYPE_CHECKING:
    from redshift_etl.contracts.model import Contract

log = logging.getLogger(__name__)

T = TypeVar("T")

WAREHOUSE_SECONDS = 45  # for all reads from the warehouse together, and again for the row
TRACEBACK_CHARS = 6000
MAX_TASK_STATES = 60
TRIES, MAX_TRIES = "failed_tries", 20


def on_failure(task_context: Mapping[str, Any]) -> None:
    """Report the failure in Airflow's task context. Never raises.

    A form that a person filled in wrongly is no failure of a pipeline: that person has the error in the task's log.
    """
    if isinstance(task_context.get("exception"), FormError) and run_conf.started_by_hand(task_context):
        log.info("No incident is opened: the run was started by hand with a wrong form")
        return
    try:
        _report(task_context)
    except Exception as error:  # noqa: BLE001 — the task's own error is the one that counts
        log.warning("The incident report could not be written: %s", redact(f"{type(error).__name__}: {error}"))


def on_retry(task_context: Mapping[str, Any]) -> None:
    """Keep the error of a try that is followed by another. Never raises."""
    try:
        described = describe_error(task_context.get("exception"), _contract(task_context))
        number, message = task_context["ti"].try_number, described["message"][: model.SUMMARY_CHARS]
        tries = [*_tries(task_context), FailedTry(number, datetime.now(UTC), described["error_class"], message)]
        task_context["task_state_store"].set(TRIES, [it.as_dict() for it in tries[-MAX_TRIES:]])
    except Exception as error:  # noqa: BLE001 — the task's own error is the one that counts
        log.warning("The error of this try could not be kept: %s", redact(f"{type(error).__name__}: {error}"))


def _tries(task_context: Mapping[str, Any]) -> list[FailedTry]:
    return [FailedTry.from_dict(value) for value in task_context["task_state_store"].get(TRIES, [])]


def _report(task_context: Mapping[str, Any]) -> None:
    context = IncidentContext()
    failure = read_failure(task_context, context)
    context.attempt("the earlier tries", lambda: setattr(context, "tries", _tries(task_context)))
    context.attempt("the run's tasks", lambda: _read_run(task_context, context))
    context.attempt("the tables downstream", lambda: _read_downstream(failure, context))
    context.attempt("the warehouse", lambda: _read_warehouse(failure, context))
    incident, new = _store(model.new_incident(failure), failure, context)
    if new:
        _send_alert(incident, failure)
    else:
        log.error("This is failure %d of the open incident %s", incident.occurrences, incident.incident_id)


def read_failure(task_context: Mapping[str, Any], context: IncidentContext) -> Failure:
    """The failure in Airflow's task context. Only the identifiers are required there; the rest may be missing."""
    instance, task = task_context["ti"], task_context.get("task")
    error = task_context.get("exception")
    values: dict[str, Any] = {
        "dag_id": instance.dag_id,
        "run_id": instance.run_id,
        "task_id": instance.task_id,
        "failed_at": datetime.now(UTC),
        "map_index": -1 if getattr(instance, "map_index", None) is None else instance.map_index,
        "try_number": getattr(instance, "try_number", 1),
        "first_try": _first_try(instance, task),
        "started_at": getattr(instance, "start_date", None),
        "run_started_at": getattr(task_context.get("dag_run"), "start_date", None),
        "tables": _tables(task),
    }
    contract = _contract(task_context)
    values |= describe_error(error, contract)
    context.attempt("the log's address", lambda: values.update(log_url=instance.log_url))
    context.attempt("the window", lambda: values.update(_read_window(task_context, context)))
    if isinstance(error, BaseException):
        # Redact before cutting: a secret that is cut in two is no longer recognized.
        values["traceback"] = redact(traceback_of(error, with_messages=not (contract and contract.pii)))[
            -TRACEBACK_CHARS:
        ]
    return Failure(**values)


def _contract(task_context: Mapping[str, Any]) -> Contract | None:
    """The contract of the table that the task writes or its error names, which says what may be shown."""
    from redshift_etl.contracts import contract as contracts

    error = task_context.get("exception")
    named = error.where.get("table") if isinstance(error, EtlError) else None
    table = next(iter(_tables(task_context.get("task"))), named)
    try:
        return contracts.load(str(table)) if table else None
    except EtlError:
        return None  # of a table without a contract nothing is marked


def _first_try(instance: Any, task: Any) -> int:
    """The first try since the task was last cleared: a clear adds its retries to ``max_tries``, and no try is lost."""
    return max(1, getattr(instance, "max_tries", 0) - (getattr(task, "retries", 0) or 0) + 1)


def _read_window(task_context: Mapping[str, Any], context: IncidentContext) -> dict[str, datetime]:
    params = task_context.get("params") or {}
    if run_conf.START not in params:
        return {}
    form = {name: str(params[name]) for name in (run_conf.START, run_conf.END) if params.get(name)}
    schedule = Schedule(task_context["dag"]) if task_context.get("dag") else None
    if schedule and schedule.periodic and not schedule.has_intervals and not form:
        return {}  # a mart builds the days that are stale
    resolved = window.resolve(task_context)
    context.days = tuple(day.isoformat() for day in resolved.days)
    if schedule and not schedule.periodic:  # Airflow backfills no DAG without a schedule
        form = form or {run_conf.START: context.days[0], run_conf.END: context.days[-1]}
    context.form = form or None
    return {"window_start": resolved.start, "window_end": resolved.end}


def _tables(task: Any) -> tuple[str, ...]:
    """The tables that a task writes (its outlets), or else the one that its arguments name."""
    outlets = (outlet.name for outlet in getattr(task, "outlets", ()) if getattr(outlet, "group", "") == "warehouse")
    argument = getattr(task, "table", None) or getattr(task, "mart", None)
    return tuple(outlets) or ((argument,) if isinstance(argument, str) else ())


def _read_run(task_context: Mapping[str, Any], context: IncidentContext) -> None:
    """States and results of the run's other tasks; they come from Airflow through the task's own supervisor."""
    instance, task = task_context["ti"], task_context.get("task")
    breadcrumbs = instance.get_task_breadcrumbs(instance.dag_id, instance.run_id)
    context.task_states = [dict(state) for state in breadcrumbs][:MAX_TASK_STATES]
    for upstream in sorted(task.get_flat_relative_ids(upstream=True)) if task else ():
        value = instance.xcom_pull(task_ids=upstream)
        if isinstance(value, Mapping):
            context.results[upstream] = value


def _read_downstream(failure: Failure, context: IncidentContext) -> None:
    from redshift_etl.lineage import graph as lineage

    graph = lineage.read()
    names = (name for table in failure.affected_tables for name in graph.downstream(table))
    context.downstream = tuple(dict.fromkeys(names))


def _read_warehouse(failure: Failure, context: IncidentContext) -> None:
    from redshift_etl import settings
    from redshift_etl.warehouse.connect import warehouse_at_once

    connect, downstream = warehouse_at_once(settings.REDSHIFT), context.downstream
    context.warehouse = _within(WAREHOUSE_SECONDS, lambda: read_warehouse(connect, failure, downstream))


def _store(incident: Incident, failure: Failure, context: IncidentContext) -> tuple[Incident, bool]:
    """Write the report to the lake, else to the log; then the row. Returns the incident, and whether it is new."""
    from redshift_etl.incidents import lake_store
    from redshift_etl.lake.storage import Lake

    commands = rerun_commands(failure, context.days, context.form)
    text = render(incident, failure, context, commands)
    try:
        lake = Lake.connect()
        incident, new = lake_store.open_or_count(lake, incident)
        if new:
            lake_store.put_report(lake, incident, text)
        else:
            lake_store.add_command(lake, incident, commands[0])
        url = lake_store.url(lake, incident)
    except Exception as error:  # noqa: BLE001 — the log is the report's last place
        log.warning("The report could not be written to the lake (%s); here it is:\n%s", redact(str(error)), text)
        new, url = True, "the task's log"
    else:
        log.info("The report is %s", url)
    context.attempt("the row of etl.incidents", lambda: _within(WAREHOUSE_SECONDS, lambda: _record(incident, url)))
    return incident, new


def _record(incident: Incident, url: str) -> None:
    from redshift_etl import settings
    from redshift_etl.incidents import table_store
    from redshift_etl.warehouse.connect import warehouse_at_once

    table_store.record(warehouse_at_once(settings.REDSHIFT), incident, url)


def _send_alert(incident: Incident, failure: Failure) -> None:
    from redshift_etl.incidents import alerts

    subject = f"{failure.error_class} on {failure.table or failure.dag_id}"
    text = (
        f"{failure.message}\nWho acts: {failure.who_acts}\nFix: {failure.fix or 'see the report'}\n"
        f"Task: {failure.dag_id}.{failure.task_id}, run {failure.run_id}\n"
        f"Report: {incident.report}\nLog: {failure.log_url}"
    )
    alerts.send(alerts.Alert(subject, redact(text), {"incident": incident.as_dict(), "state": "open"}))


def _within(seconds: float, work: Callable[[], T]) -> T:
    """The result of the work, in at most ``seconds``: a network that drops packets must not block the task.

    The thread of work that takes longer goes on, so it must change nothing that the caller reads: its result is lost.
    Raises TimeoutError, or what ``work`` raises.
    """
    done: Future[T] = Future()

    def run() -> None:
        """Do the work and store its result, or its error, for the caller."""
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 — raised again by the caller's thread
            done.set_exception(error)

    # Not a pool: the process would wait for its threads at the end.
    threading.Thread(target=run, daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():
            raise  # the work's own
        raise TimeoutError(f"no answer in {seconds:g} s") from None
