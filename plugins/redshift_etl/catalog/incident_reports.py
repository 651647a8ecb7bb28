"""The incidents in the lake, which is available when the warehouse is not: those that are open, and the reports."""

from __future__ import annotations

import re

from redshift_etl.incidents import lake_store
from redshift_etl.incidents.model import Incident
from redshift_etl.lake.storage import Lake

MAX_BYTES = 1 << 20
_ID = re.compile(r"(\d{4})(\d{2})(\d{2})T\d{6}-[a-z0-9-]+")  # as `incidents.model.incident_id` makes it: never a path


def open_incidents(lake: Lake) -> tuple[Incident, ...]:
    """The open incidents, newest first."""
    return tuple(reversed(lake_store.all_open(lake)))


def read(lake: Lake, incident_id: str) -> str | None:
    """The report of an incident, at most its first ``MAX_BYTES``; None when there is none."""
    match = _ID.fullmatch(incident_id)
    if not match:
        return None
    report = lake.get("/".join(("incidents", "-".join(match.groups()), f"{incident_id}.md")), MAX_BYTES)
    return report[0].decode("utf-8", errors="replace") if report else None
