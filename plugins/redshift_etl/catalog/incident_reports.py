"""Incidents as the lake knows them, which is there when the warehouse is not: those that are open, and the reports."""

from __future__ import annotations

import re

from redshift_etl.catalog.model import Incident
from redshift_etl.incidents import lake_store
from redshift_etl.lake.storage import Lake

MAX_BYTES = 1 << 20
_ID = re.compile(r"(\d{4})(\d{2})(\d{2})T\d{6}-[a-z0-9-]+")  # as `incidents.incident_id` makes it: no path fits


def open_incidents(lake: Lake) -> tuple[Incident, ...]:
    """The incidents that are open, newest first."""
    found = [
        Incident(
            it.incident_id, it.opened_at, None, it.dag_id, it.task_id, it.run_id, it.table_name or None,
            it.error_class, it.who_acts, it.summary, it.occurrences,
        )
        for it in lake_store.all_open(lake)
    ]  # fmt: skip
    return tuple(reversed(found))


def read(lake: Lake, incident_id: str) -> str | None:
    """The post-mortem of an incident, its beginning if it is very long; None when there is none."""
    match = _ID.fullmatch(incident_id)
    if not match:
        return None
    report = lake.get("/".join(("incidents", "-".join(match.groups()), f"{incident_id}.md")), MAX_BYTES)
    return report[0].decode("utf-8", errors="replace") if report else None
