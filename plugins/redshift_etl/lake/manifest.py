"""Reads a manifest, which whoever can write to the lake may have written: its form, and what it may name. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from redshift_etl import settings
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.lake.batch import RAW, Entry
from redshift_etl.settings import S3Location

_FIX = "clear the extract task and those after it; ask who can write to the lake"


def entries(body: bytes, key: str, lake: S3Location) -> tuple[Entry, ...]:
    """The files that the manifest of a key below the lake names.

    They are below the same zone and table of the lake; of raw files also below the landing zone. Raises SourceError for
    others, and for a manifest of another form.
    """
    listed = _document(body, key).get("entries")
    if not isinstance(listed, list):
        raise _malformed(key, "it has no list `entries`")
    found = tuple(_entry(value, key) for value in listed)
    zone, table = (*key.split("/"), "")[:2]
    own = [lake.url(lake.key(zone, table)) + "/"]
    if zone == RAW and (landing := _landing()):
        own.append(landing)
    for entry in found:
        if not entry.url.startswith(tuple(own)):
            raise SourceError(
                "The manifest names an object that is neither the table's nor in the landing zone: not read.",
                fix=_FIX,
                url=entry.url,
                manifest=lake.url(lake.key(key)),
            )
    return found


def extracted_at(body: bytes, key: str) -> datetime:
    """When the source of a raw manifest's files was read. Raises SourceError for a manifest of another form."""
    try:
        moment = datetime.fromisoformat(_document(body, key)["extracted_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(key, "its `extracted_at` is no time") from error
    if moment.tzinfo is None:
        raise _malformed(key, "its `extracted_at` has no time zone")
    return moment


def _document(body: bytes, key: str) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _malformed(key, f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _malformed(key, "it is not an object")
    return document


def _entry(value: object, key: str) -> Entry:
    try:
        entry = Entry.from_dict(value)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(key, "an entry lacks `url`, `meta` or `content_length`") from error
    texts = (entry.url, entry.etag, *entry.about.values())
    counts = (entry.bytes, 0 if entry.rows is None else entry.rows)
    if not all(isinstance(text, str) for text in texts) or any(type(count) is not int or count < 0 for count in counts):
        raise _malformed(key, "an entry has a value of another type")
    return entry


def _malformed(key: str, reason: str) -> SourceError:
    return SourceError(f"The manifest has not the form of one: {reason}.", fix=_FIX, manifest=key)


def _landing() -> str | None:
    """The beginning of the URLs in the landing zone; None where there is none."""
    try:
        landing = settings.landing()
    except ConfigError:
        return None
    return landing.url(landing.key("")) + ("/" if landing.prefix else "")
