"""Incidents in the lake, so that there is a report even while the warehouse is down.

``incidents/<day>/<id>.md`` is the report; ``incidents/open/<cause>.json`` marks a cause as open. The mark is created
by a conditional write, so of many tasks that fail at the same time exactly one opens the incident.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime
from time import sleep

from redshift_etl.errors import TransientError
from redshift_etl.incidents import report
from redshift_etl.incidents.model import QUIET, Incident
from redshift_etl.lake.storage import Lake

log = logging.getLogger(__name__)

_OPEN = "incidents/open"
_REPORT = re.compile(r"incidents/\d{4}-\d{2}-\d{2}/[A-Za-z0-9-]+\.md")
_ATTEMPTS = 20
_PAUSE_SECONDS = 0.1


def open_or_count(lake: Lake, incident: Incident) -> tuple[Incident, bool]:
    """Open the incident, or count one more failure in the open one of its cause.

    Returns the incident as stored, and whether it is new. Raises TransientError when too many writers compete.
    """
    for _ in range(_ATTEMPTS):
        existing, etag = _read(lake, incident.cause)
        if existing is None:
            if _write(lake, incident, etag or None):
                return incident, True
            continue
        if incident.opened_at - existing.last_seen_at > QUIET:
            if _write(lake, incident, etag):
                return incident, True
            continue
        counted = existing.with_failure(incident)
        if _write(lake, counted, etag):
            return counted, False
    raise TransientError("Too many tasks fail with one cause at once.", fix="nothing", cause=incident.cause)


def put_report(lake: Lake, incident: Incident, text: str) -> str:
    """Store the report; returns its URL."""
    return lake.put(incident.report, text.encode()).url


def add_command(lake: Lake, incident: Incident, command: str) -> None:
    """Add what runs a further failed run again to the report; what cannot be added is logged."""
    for _ in range(_ATTEMPTS):
        stored = lake.get(incident.report)
        if stored is None:  # whoever opened the incident is about to write it
            sleep(_PAUSE_SECONDS)
            continue
        text = stored[0].decode()
        longer = report.with_command(text, command)
        if longer == text or lake.put_if(incident.report, longer.encode(), etag=stored[1]):
            return
    log.warning("The report of %s could not be changed; run again what it lacks: %s", incident.incident_id, command)


def url(lake: Lake, incident: Incident) -> str:
    """The report's s3:// URL."""
    return lake.location.url(lake.location.key(incident.report))


def is_open(lake: Lake, cause: str) -> bool:
    """Whether an incident of that cause is open."""
    return _read(lake, cause)[0] is not None


def all_open(lake: Lake) -> list[Incident]:
    """The open incidents, oldest first."""
    causes = [listed.key.rsplit("/", 1)[-1].removesuffix(".json") for listed in lake.list_objects(_OPEN)]
    incidents = [incident for cause in causes if (incident := _read(lake, cause)[0])]
    return sorted(incidents, key=lambda incident: incident.opened_at)


def close(lake: Lake, incident: Incident, last_seen_at: datetime) -> bool:
    """Delete the mark, unless there was a failure after ``last_seen_at``. Returns whether the incident is closed."""
    existing, etag = _read(lake, incident.cause)
    if existing is None or existing.incident_id != incident.incident_id:
        return True
    if existing.last_seen_at > last_seen_at:
        return False
    if not lake.delete_if(_key(incident.cause), etag=etag):
        return False
    log.info("The incident %s is closed (%s)", incident.incident_id, etag)
    return True


def _key(cause: str) -> str:
    return f"{_OPEN}/{cause}.json"


def _read(lake: Lake, cause: str) -> tuple[Incident | None, str]:
    """The open incident of a cause and its ETag; None, and an empty text where there is no mark.

    A mark that is no incident of this cause is none: whoever can write to the lake may have written it.
    """
    mark = lake.get(_key(cause))
    if mark is None:
        return None, ""
    try:
        incident = Incident.from_dict(json.loads(mark[0]))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        log.warning("The mark %s is no incident: %r", _key(cause), error)
        return None, mark[1]
    if not _is_sound(incident, cause):
        log.warning("The mark %s is that of no incident of its cause", _key(cause))
        return None, mark[1]
    return incident, mark[1]


def _is_sound(incident: Incident, cause: str) -> bool:
    """Whether the values have their types, and the report is where reports are: it is written to."""
    named = (incident.opened_at, incident.last_seen_at)
    others = ("occurrences", "opened_at", "last_seen_at", "resolved_at", "tables", "failed_runs")
    texts = (*(value for name, value in vars(incident).items() if name not in others), *incident.tables)
    return (
        all(isinstance(text, str) for text in texts)
        and type(incident.occurrences) is int
        and all(moment.tzinfo for moment in named)
        and incident.cause == cause
        and bool(_REPORT.fullmatch(incident.report))
    )


def _write(lake: Lake, incident: Incident, etag: str | None) -> bool:
    """Replace the mark that has this etag (None: create it); False when another writer was first."""
    return lake.put_if(_key(incident.cause), json.dumps(incident.as_dict()).encode(), etag=etag)
