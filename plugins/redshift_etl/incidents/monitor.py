"""Monitors all tables and open incidents: opens an incident for each late table, and resolves those that are over.

An incident is over when its table is fresh again, or when each run that failed has been made good since: that run, or
one whose window contains the failed run's, has committed a load of its table (or, if no table is concerned, a load of
its DAG). A failure of a DAG that loads nothing is resolved by a person. One alert is sent when an incident opens, and
one when it is resolved. Incidents that were reported while the warehouse was down are written to ``etl.incidents`` as
soon as it is available; those that were reported while the lake was down exist in that table alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from redshift_etl.backfill import history
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import reconcile_spec
from redshift_etl.errors import ConfigError, EtlError, FormError
from redshift_etl.incidents import alerts, lake_store, model, report, table_store
from redshift_etl.incidents.context import IncidentContext, WarehouseState
from redshift_etl.incidents.failure import Failure
from redshift_etl.incidents.model import LATE, FailedRun, Incident
from redshift_etl.lake.storage import Lake
from redshift_etl.lineage import graph
from redshift_etl.settings import RUN_TIMEOUT
from redshift_etl.warehouse import catalog_query, freshness, migrate
from redshift_etl.warehouse import history as load_history
from redshift_etl.warehouse.freshness import Freshness
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.session import Connect, StatementError, open_session

log = logging.getLogger(__name__)

DAGS_WITHOUT_LOADS = ("reconcile", "retention")
"""No load makes a failure of these DAGs good: a person resolves it."""
LATE_CLASS = "Late"

_Readings = tuple[list[Freshness], dict[str, LoadRecord], dict[str, Incident]]


@dataclass(frozen=True)
class Monitor:
    """The warehouse and lake that are monitored, and the task that does it."""

    connect: Connect
    lake: Lake
    dag_id: str
    run_id: str
    task_id: str


def run(monitor: Monitor, now: datetime) -> dict[str, list[str]]:
    """Check everything once. Returns the names of late tables, and the ids of incidents opened and resolved."""
    history.mark_stale_as_failed(monitor.connect, RUN_TIMEOUT + timedelta(hours=1))
    states, loads, in_table = _read(monitor, now)
    late = [state for state in states if state.status == freshness.LATE]
    opened = [incident_id for state in late if (incident_id := _open(monitor, state, loads, now))]
    in_lake = lake_store.all_open(monitor.lake)
    existing = [*in_lake, *_in_table_alone(monitor, in_lake, in_table, now)]
    with open_session(monitor.connect, monitor.run_id) as session:
        commits = load_history.committed_since(session, min((incident.opened_at for incident in existing), default=now))
    resolved = []
    for incident in existing:
        if incident.incident_id not in in_table:
            table_store.record(monitor.connect, incident, lake_store.url(monitor.lake, incident))
        reason = resolution(incident, {state.table: state for state in states}, commits, monitor.dag_id)
        if reason and close(monitor, incident, reason, now):
            resolved.append(incident.incident_id)
    return {"late": [state.table for state in late], "opened": opened, "resolved": resolved}


def _read(monitor: Monitor, now: datetime) -> _Readings:
    """Freshness, last loads and open incidents.

    Only where a table or column is missing, on the first run of a version, are those made that it and the Warehouse
    page read.
    """
    limited = [contract for name in contracts.all_tables() if (contract := contracts.load(name)).fresh_within]

    def read() -> _Readings:
        with open_session(monitor.connect, monitor.run_id) as session:
            states = freshness.read_freshness(session, limited, now)
            return states, load_history.last_loads(session), table_store.open_incidents(session)

    try:
        return read()
    except StatementError as error:
        if error.code not in catalog_query.UNDEFINED:
            raise
    for table in (table_store.TABLE, load_history.TABLE):
        migrate.ensure(monitor.connect, table)
    return read()


def _in_table_alone(
    monitor: Monitor, in_lake: Sequence[Incident], in_table: Mapping[str, Incident], now: datetime
) -> list[Incident]:
    """The incidents that are open in the table alone.

    One whose cause has a newer incident in the lake is resolved here: after ``QUIET`` a cause opens a successor.
    """
    ids, successors = {it.incident_id for it in in_lake}, {it.cause: it.incident_id for it in in_lake}
    remaining = []
    for incident in (it for incident_id, it in in_table.items() if incident_id not in ids):
        if incident.cause in successors:
            reason = f"succeeded by {successors[incident.cause]}"
            table_store.resolve(monitor.connect, incident, now, reason)
        else:
            remaining.append(incident)
    return remaining


def resolution(
    incident: Incident, states: Mapping[str, Freshness], commits: Sequence[LoadRecord], monitor_dag_id: str
) -> str | None:
    """Why the incident is over, or None. ``commits`` are those since it opened. Pure."""
    if incident.kind == LATE:
        state = states.get(incident.table_name)
        return None if state and state.status == freshness.LATE else "the table is fresh again"
    if incident.dag_id == monitor_dag_id:
        return "the monitor runs again"
    # A service that is down stops the DAGs without loads too; they are fine when the others are.
    failed_runs = [it for it in _failed_runs(incident) if it.dag_id not in DAGS_WITHOUT_LOADS]
    since = [load for load in commits if load.committed_at > incident.opened_at]
    good = [[load for load in since if _makes_good(load, failed)] for failed in failed_runs]
    if not good or not all(good):
        return None
    last = max((load for loads in good for load in loads), key=lambda load: load.committed_at)
    return f"load {last.load_id} of {last.table} was committed"


def _failed_runs(incident: Incident) -> list[FailedRun]:
    """Those of the incident, each with its DAG and table; one for each table where only the tables are known."""
    if not incident.failed_runs:
        return [FailedRun("", None, None, incident.dag_id, table) for table in incident.tables or [""]]
    dag, table = incident.dag_id, incident.table_name
    return [it if it.dag_id else replace(it, dag_id=dag, table=table) for it in incident.failed_runs]


def _makes_good(load: LoadRecord, failed: FailedRun) -> bool:
    """Whether it is of the same run or its window contains the failed run's. A load without a window is of all rows."""
    if load_history.HARD_DELETES in (load.dag_id, failed.dag_id) and load.dag_id != failed.dag_id:
        return False  # a comparison of keys makes no load good, and no load a comparison
    if load.table != failed.table if failed.table else load.dag_id != failed.dag_id:
        return False
    if load.run_id == failed.run_id:
        return True
    if not (load.window_start and load.window_end and failed.start and failed.end):
        return True
    return load.window_start <= failed.start and failed.end <= load.window_end


def _open(monitor: Monitor, state: Freshness, loads: Mapping[str, LoadRecord], now: datetime) -> str | None:
    """Open the incident of a late table, unless it is open. Returns its id if it is new."""
    cause = model.late_cause(state.table)
    if lake_store.is_open(monitor.lake, cause):
        return None
    load = loads.get(state.table)
    failure = Failure(
        dag_id=monitor.dag_id,
        run_id=monitor.run_id,
        task_id=monitor.task_id,
        error_class=LATE_CLASS,
        message=state.sentence(now),
        who_acts=f"the owner of the table: {state.owner}",
        fix="check whether the DAG that fills it is paused, failing or waiting for its source",
        failed_at=now,
        tables=(state.table,),
    )
    late = replace(model.new_incident(failure), cause=cause, kind=LATE)
    incident, new = lake_store.open_or_count(monitor.lake, late)
    if not new:
        return None
    incident_context = IncidentContext(
        warehouse=WarehouseState([load] if load else [], committed_by_run={}, lateness=[state.sentence(now)]),
        downstream=graph.read().downstream(state.table),
    )
    dag = _loader(state.table, load)
    commands = [f"airflow dags {verb} {dag}" for verb in ("list-runs", "unpause", "trigger")] if dag else []
    lake_store.put_report(monitor.lake, incident, report.render(incident, failure, incident_context, commands))
    try:
        table_store.record(monitor.connect, incident, lake_store.url(monitor.lake, incident))
    except (EtlError, StatementError) as error:
        # The alert is sent all the same: the next run finds the incident open in the lake and writes its row only.
        log.warning("The row of %s is not written yet: %s", incident.incident_id, error)
    _send_alert(incident, f"Late: {state.table}", f"{failure.message}\nReport: {incident.report}", "open")
    return incident.incident_id


def _loader(table: str, load: LoadRecord | None) -> str | None:
    """The DAG that fills a table. The DAG of its last load can be another one, which swapped rows in."""
    try:
        plan = reconcile_spec.read(contracts.load(table))
    except ConfigError as error:
        log.warning("The DAG that loads %s cannot be read: %s", table, error)
        plan = None
    if plan:
        return plan.dag_id
    return load.dag_id if load else None


def close(monitor: Monitor, incident: Incident, reason: str, now: datetime) -> bool:
    """Resolve an incident and send the alert. False when there was another failure in the meantime."""
    if not lake_store.close(monitor.lake, incident, incident.last_seen_at):
        return False
    if not table_store.resolve(monitor.connect, incident, now, reason):
        return False
    subject = f"Resolved: {incident.error_class} on {incident.table_name or incident.dag_id}"
    _send_alert(incident, subject, f"{incident.incident_id}: {reason}.", "resolved")
    return True


def close_by_hand(monitor: Monitor, incident_id: str, now: datetime) -> None:
    """Resolve the incident that a person names. Raises FormError when it is not open."""
    migrate.ensure(monitor.connect, table_store.TABLE)
    with open_session(monitor.connect, monitor.run_id) as session:
        in_table = table_store.open_incidents(session)
    for incident in (*lake_store.all_open(monitor.lake), *in_table.values()):
        if incident.incident_id == incident_id:
            close(monitor, incident, "a person resolved it", now)
            return
    raise FormError(
        "There is no such open incident.",
        fix="use an id of: SELECT incident_id FROM etl.incidents WHERE resolved_at IS NULL",
        incident=incident_id,
    )


def _send_alert(incident: Incident, subject: str, text: str, state: str) -> None:
    log.warning("%s (%s)", subject, incident.incident_id)
    alerts.send(alerts.Alert(subject, text, {"incident": incident.as_dict(), "state": state}))
