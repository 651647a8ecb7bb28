"""``etl.incidents``: the same incidents where analysts and the Warehouse page can read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from redshift_etl.incidents.model import Incident
from redshift_etl.warehouse import migrate
from redshift_etl.warehouse.session import Connect, Session, open_session
from redshift_etl.warehouse.statement import Statement, insert_rows, lock, truncate_bytes
from redshift_etl.window import aware_utc, naive_utc

TABLE = "etl.incidents"
_SUMMARY_BYTES = 2048
_NAMES = tuple(each.name for each in fields(Incident) if each.name != "parts")


def record(connect: Connect, incident: Incident, url: str) -> None:
    """Insert the incident, or bring its count up to date. Safe to repeat and to race."""
    migrate.ensure(connect, TABLE)
    with open_session(connect, incident.incident_id) as session, session.transaction():
        session.run(lock(TABLE))
        if session.run(_find(incident.incident_id)):
            session.run(_count(incident))
        else:
            session.run(_insert(incident, url))


def resolve(connect: Connect, incident_id: str, at: datetime, resolution: str) -> None:
    """Say that it is over, and how."""
    migrate.ensure(connect, TABLE)
    with open_session(connect, incident_id) as session, session.transaction():
        session.run(
            Statement(
                "resolve the incident",
                f"UPDATE {TABLE} SET resolved_at = %s, resolution = %s WHERE incident_id = %s AND resolved_at IS NULL",
                (naive_utc(at), resolution, incident_id),
            )
        )


def recorded(session: Session) -> dict[str, Incident]:
    """The incidents that the table says are open, by id; what each part of them was is not in it."""
    text = f"SELECT {', '.join(_NAMES)} FROM {TABLE} WHERE resolved_at IS NULL"
    found = [_incident(row) for row in session.run(Statement("read open incidents", text))]
    return {incident.incident_id: incident for incident in found}


def _incident(row: Sequence[Any]) -> Incident:
    values = dict(zip(_NAMES, row, strict=True))
    times = {name: aware_utc(values[name]) for name in ("opened_at", "last_seen_at")}
    return Incident(**{**values, **times, "table_name": values["table_name"] or ""})


def _find(incident_id: str) -> Statement:
    return Statement("look for the incident", f"SELECT 1 FROM {TABLE} WHERE incident_id = %s", (incident_id,))


def _count(incident: Incident) -> Statement:
    return Statement(
        "count one more failure",
        f"UPDATE {TABLE} SET occurrences = %s, last_seen_at = %s WHERE incident_id = %s AND occurrences < %s",
        (incident.occurrences, naive_utc(incident.last_seen_at), incident.incident_id, incident.occurrences),
    )


def _insert(incident: Incident, url: str) -> Statement:
    row = incident.row() | {
        "report": url,
        "table_name": incident.table_name or None,
        "summary": truncate_bytes(incident.summary, _SUMMARY_BYTES),
        "opened_at": naive_utc(incident.opened_at),
        "last_seen_at": naive_utc(incident.last_seen_at),
    }
    return insert_rows(TABLE, tuple(row), [tuple(row.values())], "record the incident")
