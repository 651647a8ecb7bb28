"""Where incidents are kept: the lake, so that there is a report even while the warehouse is down.

``incidents/<day>/<id>.md`` is the report; ``incidents/open/<cause>.json`` says that a cause is open, and is written
only if it is not there (S3 conditional writes), so of many tasks that fail at once one opens the incident.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime

from botocore.exceptions import ClientError

from redshift_etl.errors import TransientError
from redshift_etl.incidents.model import QUIET, Incident
from redshift_etl.lake.storage import Lake

log = logging.getLogger(__name__)

_OPEN = "incidents/open"
_ATTEMPTS = 20
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
_GONE = ("NoSuchKey", "404")


def take(lake: Lake, incident: Incident) -> tuple[Incident, bool]:
    """Open the incident, or count one more failure of the open one of that cause. Returns it, and whether it is new."""
    for _ in range(_ATTEMPTS):
        standing, etag = _read(lake, incident.cause)
        if standing is None:
            if _write(lake, incident, IfNoneMatch="*"):
                return incident, True
            continue
        if incident.opened_at - standing.last_seen_at > QUIET:
            if _write(lake, incident, IfMatch=etag):
                return incident, True
            continue
        again = standing.again(incident)
        if _write(lake, again, IfMatch=etag):
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
    prefix = lake.location.key(_OPEN) + "/"
    pages = lake.client.get_paginator("list_objects_v2").paginate(Bucket=lake.location.bucket, Prefix=prefix)
    causes = [entry["Key"].rsplit("/", 1)[-1][:-5] for page in pages for entry in page.get("Contents", ())]
    found = [incident for cause in causes if (incident := _read(lake, cause)[0])]
    return sorted(found, key=lambda incident: incident.opened_at)


def close(lake: Lake, incident: Incident, seen: datetime) -> bool:
    """Close it, unless it has failed again after ``seen``. Returns whether it is closed now."""
    standing, etag = _read(lake, incident.cause)
    if standing is None or standing.incident_id != incident.incident_id:
        return True
    if standing.last_seen_at > seen:
        return False
    name = lake.location.key(_OPEN, f"{incident.cause}.json")
    lake.client.delete_object(Bucket=lake.location.bucket, Key=name)
    log.info("The incident %s is closed (%s)", incident.incident_id, etag)
    return True


def _read(lake: Lake, cause: str) -> tuple[Incident | None, str]:
    try:
        answer = lake.client.get_object(Bucket=lake.location.bucket, Key=lake.location.key(_OPEN, f"{cause}.json"))
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None, ""
        raise
    return Incident.from_dict(json.loads(answer["Body"].read())), answer["ETag"]


def _write(lake: Lake, incident: Incident, **condition: str) -> bool:
    """Write the mark under a condition; False when somebody else was first."""
    try:
        lake.client.put_object(
            Bucket=lake.location.bucket,
            Key=lake.location.key(_OPEN, f"{incident.cause}.json"),
            Body=json.dumps(incident.as_dict()).encode(),
            **condition,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _TAKEN or error.response["Error"]["Code"] in _GONE:
            return False
        raise
    return True
