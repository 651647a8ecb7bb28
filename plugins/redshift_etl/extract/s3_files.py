"""Files that others drop in the landing zone: pinned by key, etag and size, and read where they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from redshift_etl import settings
from redshift_etl.errors import SourceError
from redshift_etl.lake.batch import NOT_COUNTED, RAW, Batch, Entry, prefix
from redshift_etl.lake.storage import Lake

log = logging.getLogger(__name__)


def extract(files: Sequence[str], *, table: str, run: str, lake: Lake) -> Batch:
    """Write a manifest of the named files (below the landing zone) as they are now. Nothing is copied.

    The transform reads these versions or fails. Raises SourceError for a file that is not there or has no bytes.
    """
    landing, extracted_at = settings.landing(), datetime.now(UTC)
    entries = [_pinned(lake.head(landing, landing.key(name)), table) for name in files]
    below = prefix(RAW, table, None, run)
    manifest = lake.write_manifest(below, entries)
    size = sum(entry.bytes for entry in entries)
    log.info("Pinned %s: %d files, %d bytes", table, len(entries), size)
    return Batch(table, None, run, manifest, NOT_COUNTED, size, len(entries), NOT_COUNTED, 0, extracted_at)


def _pinned(entry: Entry, table: str) -> Entry:
    if not entry.bytes:
        raise SourceError("The file is empty.", fix="ask who writes it", table=table, key=entry.url)
    return entry
