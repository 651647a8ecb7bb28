"""``etl.incidents``: the same incidents as in the lake, for analysts and for the Warehouse page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from redshift_etl.incidents.model import Incident
from redshift_etl.warehouse import migrate
from redshift_etl.warehouse.retry import transaction
from redshift_etl.warehouse.session import Connect, Session
from redshift_etl.warehouse.statement import Statement, insert_row, truncate_bytes
from redshift_etl.window import aware_utc, naive_utc

TABLE = "etl.incidents"
COLUMNS = tuple(each.name for each in fields(Incident) if each.name != "failed_runs")
_SUMMARY_BYTES, _TABLES_BYTES, _SOURCE_BYTES = 2048, 4096, 1024


def record(connect: Connect, incident: Incident, url: str) -> None:
    """Insert the incident, or update its count. Safe to repeat and to run concurrently."""
    migrate.ensure(connect, TABLE)

    def write(session: Session) -> None:
        """Insert or update, after those who do the same."""
        if session.run(_select(incident.incident_id)):
            session.run(_update_count(incident))
        else:
            session.run(_insert(incident, url))

    transaction(connect, incident.incident_id, TABLE, write)


def resolve(connect: Connect, incident: Incident, at: datetime, resolution: str) -> bool:
    """Set when (UTC) and how the incident was resolved, if it is open and has not failed again since it was read.

    Returns False when it has.
    """
    migrate.ensure(connect, TABLE)
    update = Statement(
        "resolve the incident",
        f"UPDATE {TABLE} SET resolved_at = %s, resolution = %s\n"
        "WHERE incident_id = %s AND resolved_at IS NULL AND last_seen_at <= %s",
        (naive_utc(at), resolution, incident.incident_id, naive_utc(incident.last_seen_at)),
    )
    still_open = Statement(
        "see whether it is open still",
        f"SELECT 1 FROM {TABLE} WHERE incident_id = %s AND resolved_at IS NULL",
        (incident.incident_id,),
    )
    return not transaction(connect, incident.incident_id, TABLE, lambda it: it.run_step((update, still_open))[-1])


def open_incidents(session: Session) -> dict[str, Incident]:
    """The incidents that are open in the table, by id, without their failed runs."""
    text = f"SELECT {', '.join(COLUMNS)} FROM {TABLE} WHERE resolved_at IS NULL"
    incidents = [from_row(row) for row in session.run(Statement("read open incidents", text))]
    return {incident.incident_id: incident for incident in incidents}


def from_row(row: Sequence[Any]) -> Incident:
    """The incident in a row of ``COLUMNS``."""
    values = dict(zip(COLUMNS, row, strict=True))
    times = {name: aware_utc(values[name]) for name in ("opened_at", "last_seen_at", "resolved_at")}
    first = values["table_name"] or ""
    tables = tuple(filter(None, (values["tables"] or first).split(", ")))
    return Incident(**{**values, **times, "table_name": first, "tables": tables, "source": values["source"] or ""})


def _select(incident_id: str) -> Statement:
    return Statement("find the incident", f"SELECT 1 FROM {TABLE} WHERE incident_id = %s", (incident_id,))


def _update_count(incident: Incident) -> Statement:
    return Statement(
        "count one more failure",
        f"UPDATE {TABLE} SET occurrences = %s, last_seen_at = %s, tables = %s\n"
        "WHERE incident_id = %s AND occurrences < %s",
        (
            incident.occurrences,
            naive_utc(incident.last_seen_at),
            _names(incident.tables),
            incident.incident_id,
            incident.occurrences,
        ),
    )


def _insert(incident: Incident, url: str) -> Statement:
    row = incident.row() | {
        "report": url,
        "table_name": incident.table_name or None,
        "summary": truncate_bytes(incident.summary, _SUMMARY_BYTES),
        "source": truncate_bytes(incident.source, _SOURCE_BYTES) or None,
        "tables": _names(incident.tables),
        "opened_at": naive_utc(incident.opened_at),
        "last_seen_at": naive_utc(incident.last_seen_at),
    }
    return insert_row(TABLE, row, "record the incident")


def _names(tables: Sequence[str]) -> str | None:
    """As many whole names as the column holds."""
    kept = list(tables)
    while len(", ".join(kept).encode()) > _TABLES_BYTES:
        kept.pop()
    return ", ".join(kept) or None
