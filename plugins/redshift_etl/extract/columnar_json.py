"""Responses in the form of Open-Meteo's archive: one JSON object with parallel arrays by the hour.

Numbers stay the text they came as: through a float, 1234567890123456.789 would become …456.8.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from redshift_etl import settings
from redshift_etl.contracts.transform_spec import TransformSpec
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.extract.http_page import MAX_BYTES
from redshift_etl.lake.batch import Entry
from redshift_etl.lake.files import opened
from redshift_etl.redaction import redact

_SHOWN_BYTES = 120
_TIME = "time"
_UNIX_TIME = re.compile(r"-?\d{9,12}")
_FIX = "ask the API's owner; nothing was loaded"


def parse(
    body: bytes,
    arrays: Sequence[str],
    url: str,
    units: Mapping[str, str] | None = None,
    days: Sequence[date] | None = None,
) -> dict[str, list[Any]]:
    """The named arrays of a response, of equal length, in these units, numbers as text.

    An error page with status 200 is refused, and so is a response in other units than requested, or with hours of other
    days (UTC): services ignore parameters that they do not know.

    Raises SourceError naming the URL, and the field or the response's first bytes.
    """
    shown = redact(body[:_SHOWN_BYTES].decode("utf-8", errors="replace"))
    try:
        response = json.loads(body, parse_float=str, parse_int=str, parse_constant=str)  # NaN is a reject later
    except (ValueError, RecursionError) as error:
        raise SourceError(_not_json(body, error), fix=_FIX, url=url, answer=shown) from error
    if not isinstance(response, dict) or response.get("error"):
        reason = response.get("reason", "no reason") if isinstance(response, dict) else "it is not an object"
        raise SourceError(f"The API returned an error: {reason}.", fix=_FIX, url=url, answer=shown)
    offset = response.get("utc_offset_seconds", "0")
    if offset != "0":
        raise SourceError("The response's hours are not UTC.", fix=_FIX, url=url, utc_offset_seconds=offset)
    hours = response.get("hourly")
    if not isinstance(hours, dict):
        raise SourceError("The response lacks a field.", fix=_FIX, url=url, field="hourly", answer=shown)
    for name in arrays:
        _verify(hours, name, arrays, url)
    if days is not None:
        _verify_days(hours, days, url)
    _verify_units(response.get("hourly_units") or {}, units or {}, url)
    return {name: hours[name] for name in arrays}


def _not_json(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "The response is empty."
    if body.lstrip().startswith(b"<"):
        return "The response is HTML or XML, not JSON."
    return f"The response is not JSON: {error}."


def _verify(hours: dict[str, Any], name: str, arrays: Sequence[str], url: str) -> None:
    values, field = hours.get(name), f"hourly.{name}"
    if values is None:
        new = ", ".join(each for each in hours if each not in arrays) or "none"
        raise SourceError(
            "The response lacks a field.",
            fix=_FIX,
            url=url,
            field=field,
            source_columns=", ".join(hours),
            new_columns=new,
        )
    if not isinstance(values, list):
        raise SourceError("The response's field is not a list of a value an hour.", fix=_FIX, url=url, field=field)
    nested = next((number for number, value in enumerate(values) if isinstance(value, dict | list)), None)
    if nested is not None:
        what = "The response has an object or a list where a value is expected."
        raise SourceError(what, fix=_FIX, url=url, field=f"{field}[{nested}]", value=values[nested])
    if len(values) != len(hours[arrays[0]]):
        raise SourceError(
            "The response's arrays are not equally long.",
            fix=_FIX,
            url=url,
            field=field,
            values=len(values),
            hours=len(hours[arrays[0]]),
        )


def _verify_days(hours: dict[str, Any], days: Sequence[date], url: str) -> None:
    _verify(hours, _TIME, (_TIME,), url)
    requested = set(days)
    for hour in hours[_TIME]:
        day = _day(hour)
        if day is None:
            what = "The response has a time that is not one of ISO 8601, and not in seconds since 1970."
            raise SourceError(what, fix=_FIX, url=url, field=f"hourly.{_TIME}", hour=hour)
        if day not in requested:
            raise SourceError(
                "The response has an hour outside the days requested.",
                fix="compare the names of the query's dates with the API's documentation; nothing was loaded",
                url=url,
                hour=hour,
                requested=f"{days[0]} to {days[-1]}",
            )


def _verify_units(actual: object, units: Mapping[str, str], url: str) -> None:
    if not isinstance(actual, dict):
        what = "The response's units are not an object, with the unit of each field."
        raise SourceError(what, fix=_FIX, url=url, field="hourly_units", found=actual)
    for name, unit in units.items():
        if actual.get(name) != unit:
            raise SourceError(
                "The response is in another unit.",
                fix="correct the query's unit parameters, or convert in the transform and change its `units`",
                url=url,
                field=f"hourly_units.{name}",
                expected=unit,
                found=actual.get(name, "none"),
            )


def _day(hour: object) -> date | None:
    """The UTC day of an ISO 8601 time or of seconds since 1970; None for what is neither."""
    text = str(hour)
    try:
        if _UNIX_TIME.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC).date()
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def flatten(path: Path, entry: Entry, spec: TransformSpec) -> Path:
    """Write a response as CSV beside it, one line an hour, with the manifest's values about it. Returns the path."""
    with opened(path) as stream:
        body = stream.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        what = f"The response is larger than {MAX_BYTES / (1 << 20):g} MiB, unpacked."
        raise SourceError(what, fix="clear the extract task and those after it", file=entry.url)
    arrays = parse(body, spec.arrays, entry.url, spec.units)
    length = len(arrays[spec.arrays[0]])
    unknown = [name for name in spec.about if name not in entry.about]
    if unknown:
        raise ConfigError(
            "The transform needs a value that the extract does not have.",
            fix=f"name only {', '.join(entry.about)} in `about`: {settings.shown(spec.path)}",
            about=", ".join(unknown),
        )
    columns = [arrays[name] if name in arrays else [entry.about[name]] * length for name in spec.columns]
    flat = path.with_name(path.name.split(".")[0] + ".flat.csv")
    with flat.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(spec.columns)
        writer.writerows(zip(*columns, strict=True))
    return flat
