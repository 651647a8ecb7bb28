"""Where incidents are kept: the lake, so that there is a report even while the warehouse is down.

``incidents/<day>/<id>.md`` is the report; ``incidents/open/<cause>.json`` says that a cause is open, and is written
only if it is not there (S3 conditional writes), so of many tasks that fail at once one opens the incident.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime

from redshift_etl.errors import TransientError
from redshift_etl.incidents.model import QUIET, Incident
from redshift_etl.lake.storage import Lake

log = logging.getLogger(__name__)

_OPEN = "incidents/open"
_ATTEMPTS = 20


def take(lake: Lake, incident: Incident) -> tuple[Incident, bool]:
    """Open the incident, or count one more failure of the open one of that cause. Returns it, and whether it is new."""
    for _ in range(_ATTEMPTS):
        standing, etag = _read(lake, incident.cause)
        if standing is None:
            if _write(lake, incident, None):
                return incident, True
            continue
        if incident.opened_at - standing.last_seen_at > QUIET:
            if _write(lake, incident, etag):
                return incident, True
            continue
        again = standing.again(incident)
        if _write(lake, again, etag):
            return again, False
    raise TransientError("Too many tasks fail with one cause at once.", fix="nothing", cause=incident.cause)


def put_report(lake: Lake, incident: Incident, text: str) -> str:
    """Store the report; returns its URL."""
    return lake.put(incident.report, text.encode()).url


def url(lake: Lake, incident: Incident) -> str:
    """The report's s3:// URL."""
    return lake.location.url(lake.location.key(incident.report))


def is_open(lake: Lake, cause: str) -> bool:
    """Whether an incident of that cause is open."""
    return _read(lake, cause)[0] is not None


def all_open(lake: Lake) -> list[Incident]:
    """The open incidents, oldest first."""
    causes = [listed.key.rsplit("/", 1)[-1].removesuffix(".json") for listed in lake.list_objects(_OPEN)]
    found = [incident for cause in causes if (incident := _read(lake, cause)[0])]
    return sorted(found, key=lambda incident: incident.opened_at)


def close(lake: Lake, incident: Incident, seen: datetime) -> bool:
    """Close it, unless it has failed again after ``seen``. Returns whether it is closed now."""
    standing, etag = _read(lake, incident.cause)
    if standing is None or standing.incident_id != incident.incident_id:
        return True
    if standing.last_seen_at > seen:
        return False
    if not lake.delete_if(_key(incident.cause), etag=etag):
        return False
    log.info("The incident %s is closed (%s)", incident.incident_id, etag)
    return True


def _key(cause: str) -> str:
    return f"{_OPEN}/{cause}.json"


def _read(lake: Lake, cause: str) -> tuple[Incident | None, str]:
    mark = lake.get(_key(cause))
    return (Incident.from_dict(json.loads(mark[0])), mark[1]) if mark else (None, "")


def _write(lake: Lake, incident: Incident, etag: str | None) -> bool:
    """Write the mark in the place of the one with ``etag`` (None: of none); False when another task was first."""
    return lake.put_if(_key(incident.cause), json.dumps(incident.as_dict()).encode(), etag=etag)
