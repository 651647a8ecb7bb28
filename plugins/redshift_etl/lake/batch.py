"""A batch of a table's rows: the value that tasks pass on, its files, and where they are in the lake.

A key has the table, the window and the try that wrote it, so no two tries ever share one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redshift_etl.window import Window

RAW, STAGED, REJECTS = "raw", "staged", "rejects"
NOT_COUNTED = -1
_NO_WINDOW = "full"


@dataclass(frozen=True)
class Batch:
    """What one task passes to the next: the manifest and its counts, never rows. A dict of it is well under 4 KiB.

    ``window`` is None for a whole table; ``manifest`` is a key of the lake; ``bytes`` and ``files`` are the manifest's;
    ``extracted`` rows came from the source (NOT_COUNTED until an S3 file has been read), ``rows`` of them are in the
    files, ``rejected`` are not; ``extracted_at`` is when the source was read (UTC); ``without_window`` rows of the
    source have no time, and so are in no window (None where nobody counted them); ``left_out`` are the columns of the
    contract that the files do not have: Redshift fills them.
    """

    table: str
    window: Window | None
    run: str
    manifest: str
    rows: int
    bytes: int
    files: int
    extracted: int
    rejected: int
    extracted_at: datetime
    without_window: int | None = None
    left_out: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For XCom."""
        window = self.window.as_dict() if self.window else None
        return {**vars(self), "window": window, "extracted_at": self.extracted_at.isoformat()}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Batch:
        """Back from XCom."""
        window = Window.from_dict(value["window"]) if value["window"] else None
        left_out, extracted_at = tuple(value.get("left_out", ())), datetime.fromisoformat(value["extracted_at"])
        return cls(**{**value, "window": window, "extracted_at": extracted_at, "left_out": left_out})


@dataclass(frozen=True)
class Entry:
    """One file of a manifest. ``rows`` is None when they were not counted; ``about`` has what the file's bytes lack."""

    url: str
    bytes: int
    rows: int | None = None
    etag: str = ""
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def object(self) -> tuple[str, str]:
        """The bucket and the key. A key may have any character: ``#`` and ``?`` end no path here."""
        bucket, _, key = self.url.removeprefix("s3://").partition("/")
        return bucket, key

    def as_dict(self) -> dict[str, Any]:
        """The entry as COPY takes it (AWS, "Using a manifest to specify data files"): a missing file is an error."""
        meta = {"content_length": self.bytes, "record_count": self.rows, "etag": self.etag, **self.about}
        present = {name: value for name, value in meta.items() if value not in (None, "")}
        return {"url": self.url, "mandatory": True, "meta": present}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Entry:
        """Back from a manifest."""
        meta = dict(value["meta"])
        size, rows, etag = meta.pop("content_length"), meta.pop("record_count", None), meta.pop("etag", "")
        return cls(value["url"], size, rows, etag, meta)


def run_slug(dag_id: str, run_id: str, try_number: int, map_index: int = -1) -> str:
    """A part of an S3 key that no other try of any run has: readable, and unique by a hash of what was shortened."""
    unique = hashlib.sha256(f"{dag_id}/{run_id}/{map_index}".encode()).hexdigest()[:10]
    return f"{re.sub('[^A-Za-z0-9]+', '-', run_id)[:60].strip('-')}-{unique}-try{try_number}"


def prefix(zone: str, table: str, window: Window | None, run: str) -> str:
    """The key prefix of one try, below the lake: ``raw/core.flights/20130101T000000-20130102T000000/<run>``."""
    return "/".join((zone, table, window.slug if window else _NO_WINDOW, run))
