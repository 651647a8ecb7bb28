"""Looks at all tables and open incidents at once: opens one for each table that has become late, closes what is over.

An incident is over when its table is fresh again, or when each run that failed has been made good since: that run, or
one of a window that holds its own, has committed a load of the table (or, if none is known, a load of its DAG). A
failure of a DAG that loads nothing is ended by a person. Each is announced once when it opens and once when it is
resolved. Incidents that were reported while the warehouse was down are written to ``etl.incidents`` as soon as it is
back; those that were reported while the lake was down are in that table alone, and end there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from redshift_etl.backfill import history
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import reconcile_spec
from redshift_etl.errors import ConfigError, EtlError
from redshift_etl.incidents import alerts, lake_store, model, table_store
from redshift_etl.incidents import report as incident_report
from redshift_etl.incidents.model import LATE, Failure, Incident, Part
from redshift_etl.incidents.report import Evidence
from redshift_etl.lake.storage import Lake
from redshift_etl.lineage import graph
from redshift_etl.settings import RUN_TIMEOUT
from redshift_etl.warehouse import freshness, migrate
from redshift_etl.warehouse import history as load_history
from redshift_etl.warehouse.freshness import Freshness
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.session import Connect, StatementError, open_session

log = logging.getLogger(__name__)

LOADLESS = ("reconcile", "retention")
"""The DAGs that load nothing: no load makes their failures good, a person ends them."""
LATE_CLASS = "Late"


@dataclass(frozen=True)
class Watch:
    """Where the monitor looks, and as whom."""

    connect: Connect
    lake: Lake
    dag_id: str
    run_id: str
    task_id: str


def run(watch: Watch, now: datetime) -> dict[str, list[str]]:
    """Look once. Returns the tables that are late, and the incidents opened and resolved."""
    migrate.ensure(watch.connect, table_store.TABLE)
    history.mark_stale_as_failed(watch.connect, RUN_TIMEOUT + timedelta(hours=1))
    limited = [contract for name in contracts.all_tables() if (contract := contracts.load(name)).fresh_within]
    with open_session(watch.connect, watch.run_id) as session:
        states = freshness.read_freshness(session, limited, now)
        loads = load_history.last_loads(session)
        known = table_store.recorded(session)
    late = [state for state in states if state.status == freshness.LATE]
    opened = [name for state in late if (name := _open(watch, state, loads, now))]
    marked = lake_store.all_open(watch.lake)
    standing = [*marked, *_unmarked(watch, marked, known, now)]
    with open_session(watch.connect, watch.run_id) as session:
        since = load_history.committed_since(session, min((one.opened_at for one in standing), default=now))
    resolved = []
    for incident in standing:
        if incident.incident_id not in known:
            table_store.record(watch.connect, incident, lake_store.url(watch.lake, incident))
        how = over(incident, {state.table: state for state in states}, since, watch.dag_id)
        if how and close(watch, incident, how, now):
            resolved.append(incident.incident_id)
    return {"late": [state.table for state in late], "opened": opened, "resolved": resolved}


def _unmarked(watch: Watch, marked: Sequence[Incident], known: Mapping[str, Incident], now: datetime) -> list[Incident]:
    """The incidents open in the table alone. Of those, one whose cause went quiet and then opened another ends."""
    names, heirs = {one.incident_id for one in marked}, {one.cause: one.incident_id for one in marked}
    found = []
    for incident in (one for name, one in known.items() if name not in names):
        if incident.cause in heirs:
            how = f"it went on as {heirs[incident.cause]}"
            table_store.resolve(watch.connect, incident.incident_id, now, how)
        else:
            found.append(incident)
    return found


def over(incident: Incident, states: Mapping[str, Freshness], since: Sequence[LoadRecord], monitor: str) -> str | None:
    """Why the incident is over, or None. ``since``: what was committed since it opened. Pure."""
    if incident.kind == LATE:
        state = states.get(incident.table_name)
        return None if state and state.status == freshness.LATE else "the table is fresh again"
    if incident.dag_id == monitor:
        return "the monitor runs again"
    if incident.dag_id in LOADLESS:
        return None
    about = [load for load in since if _is_about(load, incident)]
    for part in incident.parts:
        if not any(_makes_good(load, part) for load in about):
            return None
    return f"load {about[-1].load_id} of {about[-1].table} was committed" if about else None


def _is_about(load: LoadRecord, incident: Incident) -> bool:
    if load.committed_at <= incident.opened_at:
        return False
    return load.table == incident.table_name if incident.table_name else load.dag_id == incident.dag_id


def _makes_good(load: LoadRecord, part: Part) -> bool:
    """The same run, or a window that holds the part's; a load without a window is of the whole table."""
    if (
        load.run_id == part.run_id
        or load.window_start is None
        or load.window_end is None
        or part.start is None
        or part.end is None
    ):
        return True
    return load.window_start <= part.start and part.end <= load.window_end


def _open(watch: Watch, state: Freshness, loads: Mapping[str, LoadRecord], now: datetime) -> str | None:
    """Open the incident of a late table, unless it is open. Returns its id if it is new."""
    cause = model.late_cause(state.table)
    if lake_store.is_open(watch.lake, cause):
        return None
    load = loads.get(state.table)
    failure = Failure(
        dag_id=watch.dag_id,
        run_id=watch.run_id,
        task_id=watch.task_id,
        error_class=LATE_CLASS,
        message=state.sentence(now),
        who_acts=f"the owner of the table: {state.owner}",
        fix="see whether the DAG that fills it is paused, failing or waiting for its source",
        failed_at=now,
        tables=(state.table,),
    )
    first = replace(model.first(failure), cause=cause, kind=LATE)
    incident, new = lake_store.take(watch.lake, first)
    if not new:
        return None
    found = Evidence(
        last_loads=[load] if load else [],
        committed_by_run={},
        lateness=[state.sentence(now)],
        downstream=graph.read().downstream(state.table),
    )
    dag = _loader(state.table, load)
    commands = (f"airflow dags list-runs {dag}", f"airflow dags unpause {dag}", f"airflow dags trigger {dag}")
    lake_store.put_report(watch.lake, incident, incident_report.render(incident, failure, found, commands))
    try:
        table_store.record(watch.connect, incident, lake_store.url(watch.lake, incident))
    except (EtlError, StatementError) as error:
        # Told all the same: at the next look it is open already, and only its row is written.
        log.warning("The row of %s is not written yet: %s", incident.incident_id, error)
    _tell(incident, f"Late: {state.table}", f"{failure.message}\nReport: {incident.report}", "open")
    return incident.incident_id


def _loader(table: str, load: LoadRecord | None) -> str:
    """The DAG that fills a table: its last load can be that of another, which swapped rows in."""
    try:
        plan = reconcile_spec.read(contracts.load(table))
    except ConfigError as error:
        log.warning("Which DAG loads %s cannot be read: %s", table, error)
        plan = None
    if plan:
        return plan.dag_id
    return load.dag_id if load else "<dag>"


def close(watch: Watch, incident: Incident, how: str, now: datetime) -> bool:
    """Resolve an incident and say so. False when it has failed again meanwhile."""
    if not lake_store.close(watch.lake, incident, seen=incident.last_seen_at):
        return False
    table_store.resolve(watch.connect, incident.incident_id, now, how)
    about = incident.table_name or incident.dag_id
    _tell(incident, f"Resolved: {incident.error_class} on {about}", f"{incident.incident_id}: {how}.", "resolved")
    return True


def close_by_hand(watch: Watch, incident_id: str, now: datetime) -> None:
    """Resolve the incident that a person names. Raises ConfigError when it is not open."""
    migrate.ensure(watch.connect, table_store.TABLE)
    with open_session(watch.connect, watch.run_id) as session:
        known = table_store.recorded(session)
    for incident in (*lake_store.all_open(watch.lake), *known.values()):
        if incident.incident_id == incident_id:
            close(watch, incident, "a person resolved it", now)
            return
    raise ConfigError(
        "There is no such open incident.",
        fix="take an id of: SELECT incident_id FROM etl.incidents WHERE resolved_at IS NULL",
        incident=incident_id,
    )


def _tell(incident: Incident, subject: str, text: str, state: str) -> None:
    log.warning("%s (%s)", subject, incident.incident_id)
    alerts.send(alerts.Notice(subject, text, {"incident": incident.as_dict(), "state": state}))
