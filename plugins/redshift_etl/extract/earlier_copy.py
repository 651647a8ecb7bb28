"""Full copies of the past: a source has its present state only, so a past window's copy is the one in the lake."""

from __future__ import annotations

import logging
from datetime import datetime

from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import SourceError
from redshift_etl.lake.batch import NOT_COUNTED, RAW, Batch
from redshift_etl.lake.storage import Lake
from redshift_etl.window import Window

log = logging.getLogger(__name__)


def find(lake: Lake, contract: Contract, window: Window, now: datetime) -> Batch | None:
    """The newest copy that was extracted for a past window of a history of full copies; None for any other extract.

    A window is past once the following one is over. Raises SourceError when the lake has no copy of it.
    """
    is_history = contract.load == "snapshot" and not contract.version
    if not is_history or now < window.end + (window.end - window.start):
        return None
    manifests = lake.manifests(f"{RAW}/{contract.table}/{window.slug}")
    if not manifests:
        raise SourceError(
            "The source has its present state only, and no copy of this window is in the lake any more.",
            fix="run the last complete interval; what earlier copies had is in the history",
            table=contract.table,
            window=window,
        )
    key = manifests[-1]
    entries, extracted_at = lake.read_manifest(key), lake.read_extracted_at(key)
    counted = [entry.rows for entry in entries if entry.rows is not None]
    rows = sum(counted) if len(counted) == len(entries) else NOT_COUNTED
    log.info("%s %s: a past window; its copy of %s is loaded again", contract.table, window, extracted_at)
    size = sum(entry.bytes for entry in entries)
    return Batch(
        contract.table, window, key.split("/")[-2], key, rows, size, len(entries), rows, 0, extracted_at
    )  # fmt: skip
