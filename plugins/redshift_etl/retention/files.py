"""Deletes what is past its age in the lake's working zones, and old task logs on this machine's disk.

Incidents, archives and reports are not touched, and neither is anything outside the lake's prefix.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from redshift_etl.errors import SourceError
from redshift_etl.lake import storage as lakes
from redshift_etl.lake.storage import Lake

log = logging.getLogger(__name__)

ZONES = (lakes.RAW, lakes.STAGED, lakes.REJECTS)
_AT_ONCE = 1000  # AWS, DeleteObjects


def expire(lake: Lake, before: Mapping[str, datetime], dry_run: bool) -> dict[str, dict[str, int]]:
    """Delete the objects of each zone last written before its date (zone-aware). Returns files and bytes by zone.

    With ``dry_run`` they are only counted. Raises SourceError when S3 keeps some of them.
    """
    return {zone: _expire(lake, zone, moment, dry_run) for zone, moment in before.items() if zone in ZONES}


def _expire(lake: Lake, zone: str, before: datetime, dry_run: bool) -> dict[str, int]:
    files, size, batch = 0, 0, []
    for entry in _objects(lake, zone):
        if entry["LastModified"] >= before:
            continue
        files, size = files + 1, size + entry["Size"]
        batch.append({"Key": entry["Key"]})
        if len(batch) == _AT_ONCE and not dry_run:
            _delete(lake, batch)
            batch = []
    if batch and not dry_run:
        _delete(lake, batch)
    log.info("%s: %d files, %d bytes before %s%s", zone, files, size, before, " (dry run)" if dry_run else " deleted")
    return {"files": files, "bytes": size}


def _objects(lake: Lake, zone: str) -> Iterator[dict[str, Any]]:
    prefix = lake.location.key(zone) + "/"
    pages = lake.client.get_paginator("list_objects_v2").paginate(Bucket=lake.location.bucket, Prefix=prefix)
    for page in pages:
        yield from page.get("Contents", ())


def _delete(lake: Lake, batch: list[dict[str, str]]) -> None:
    answer = lake.client.delete_objects(Bucket=lake.location.bucket, Delete={"Objects": batch, "Quiet": True})
    if answer.get("Errors"):
        first = answer["Errors"][0]
        raise SourceError(
            f"S3 keeps {len(answer['Errors'])} files: {first.get('Message')}.",
            fix="look at the bucket's policy and object locks",
            key=first.get("Key"),
        )


def expire_logs(folder: Path, before: datetime, dry_run: bool) -> int:
    """Delete log files last written before a date, and the folders that this empties. Returns how many files."""
    old = [path for path in folder.rglob("*.log") if path.is_file() and path.stat().st_mtime < before.timestamp()]
    if dry_run:
        return len(old)
    for path in old:
        path.unlink(missing_ok=True)
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not path.is_symlink() and not any(path.iterdir()) and path.stat().st_mtime < before.timestamp():
            path.rmdir()
    return len(old)
