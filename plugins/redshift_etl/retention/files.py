"""Deletes what is past its age in the lake's working zones, and old task logs on this machine's disk.

Incidents, archives and reports are not touched, and neither is anything outside the lake's prefix.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path

from redshift_etl.lake.batch import RAW, REJECTS, STAGED
from redshift_etl.lake.storage import Lake

log = logging.getLogger(__name__)

ZONES = (RAW, STAGED, REJECTS)
_AT_ONCE = 10_000  # in memory


def expire(lake: Lake, before: Mapping[str, datetime], dry_run: bool) -> dict[str, dict[str, int]]:
    """Delete the objects of each zone last written before its date (zone-aware). Returns files and bytes by zone.

    With ``dry_run`` they are only counted. Raises SourceError when S3 does not delete some.
    """
    return {zone: _expire(lake, zone, moment, dry_run) for zone, moment in before.items() if zone in ZONES}


def _expire(lake: Lake, zone: str, before: datetime, dry_run: bool) -> dict[str, int]:
    files, size = 0, 0
    objects = (listed for listed in lake.list_objects(zone) if listed.written_at < before)
    while some := list(islice(objects, _AT_ONCE)):
        files, size = files + len(some), size + sum(listed.bytes for listed in some)
        if not dry_run:
            lake.delete(listed.key for listed in some)
    log.info("%s: %d files, %d bytes before %s%s", zone, files, size, before, " (dry run)" if dry_run else " deleted")
    return {"files": files, "bytes": size}


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
