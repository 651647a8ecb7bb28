"""Why a text is not a value of a type, for people: the commonest mistakes by name. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from redshift_etl.contracts.column_type import Type

_WHOLE = re.compile(r"[+-]?[0-9]+")
_FRACTION = re.compile(r"[+-]?[0-9]*[.][0-9]+")
_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OFFSET = re.compile(r".*[0-9] ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)")
_WHOLE_TYPES = ("SMALLINT", "INTEGER", "BIGINT")
_FLOATS = ("REAL", "DOUBLE PRECISION")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.I)


def reason(kind: Type, value: str) -> str | None:
    """What is wrong with a value that is not of the type; None where there is nothing more to say than that."""
    found = (check(kind, value.strip()) for check in _CHECKS)
    return next(filter(None, found), None)


def _number(kind: Type, value: str) -> str | None:
    if not kind.is_number:
        return None
    if _COMMA.fullmatch(value):
        return f"is not a valid {kind}: it has a comma, and the decimal point is a full stop"
    if kind.name in _FLOATS and _NOT_FINITE.fullmatch(value):
        return f"is not finite, which no {kind} of the warehouse may be"
    if kind.name in _WHOLE_TYPES and _WHOLE.fullmatch(value):
        return f"is out of the range of {kind}"
    return None


def _decimal(kind: Type, value: str) -> str | None:
    if kind.name != "DECIMAL" or not (_WHOLE.fullmatch(value) or _FRACTION.fullmatch(value)):
        return None
    if len(value.partition(".")[2].rstrip("0")) > (kind.scale or 0):
        return f"has more decimals than {kind}, and would be rounded"
    return f"is out of the range of {kind}"


def _time(kind: Type, value: str) -> str | None:
    if not kind.is_time:
        return None
    if not _DAY.match(value):
        return f"is not a valid {kind}: a day is written 2013-01-31"
    clock = value[len("2013-01-31") :]
    if kind.name == "TIMESTAMP" and _OFFSET.fullmatch(clock):
        return "has an offset from UTC, which a TIMESTAMP would lose; it is a TIMESTAMPTZ"
    if kind.name == "TIMESTAMPTZ" and not _OFFSET.fullmatch(clock):
        return "has no offset from UTC, without which a TIMESTAMPTZ is no moment"
    if kind.name == "DATE" and not clock:
        return "is no day of the calendar"
    return None


_CHECKS: tuple[Callable[[Type, str], str | None], ...] = (_number, _decimal, _time)
