"""What COPY's options do to one field before its type reads it.

Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, InvalidOperation

from local_redshift.copy.columns import NULL_MARKER, Column
from local_redshift.copy.value_formats import invalid_time, invalid_value, value_format
from local_redshift.sql.data_types import VARBYTE_MAX
from local_redshift.statements.copy import CopyCommand

Converter = Callable[[str], "str | None"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS = {
    "YYYY": r"(?P<Y>\d{4})",
    "YY": r"(?P<y>\d{2})",
    "MONTH": r"(?P<B>[A-Za-z]+)",
    "MON": r"(?P<b>[A-Za-z]{3})",
    "MM": r"(?P<m>\d{1,2})",
    "DD": r"(?P<d>\d{1,2})",
    "HH24": r"(?P<H>\d{1,2})",
    "HH12": r"(?P<H>\d{1,2})",
    "HH": r"(?P<H>\d{1,2})",
    "MI": r"(?P<M>\d{2})",
    "SS": r"(?P<S>\d{2}(?:\.\d{1,6})?)",
    "AM": r"(?P<p>[AaPp][Mm])",
    "PM": r"(?P<p>[AaPp][Mm])",
    "OF": r"(?P<z>[+-]\d{2}(?::?\d{2})?)",
    "TZ": r"(?P<z>[+-]\d{2}(?::?\d{2})?|[A-Za-z]+)",
}
_TOKENS = re.compile("|".join(sorted(_PARTS, key=len, reverse=True)) + r"|.", re.IGNORECASE | re.DOTALL)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WIDE = Context(prec=100)  # a DECIMAL has 38 digits (r_Numeric_types201), a file may have more, and Python keeps 28
_SIZE = re.compile(r"\((\d+)(?:,(\d+))?\)")


class BadValueError(ValueError):
    """A field that its format does not allow; the arguments are the error code and the reason."""


def converter(command: CopyCommand, column: Column) -> Converter:
    """A function from a field's text to the input of the column's type, None for NULL. It raises BadValueError."""
    steps: list[Converter] = []
    if column.is_text:
        steps += _text_steps(command, column)
    elif column.is_time:
        steps += _time_steps(command, column)
    elif pattern := value_format(command, column):
        steps.append(_matching(pattern, lambda value: invalid_value(column.type, value)))
        if column.type == "numeric":
            steps.append(_numeric(column, command.has("roundec")))
    steps += _bytes(column)
    null, empty_is_null = _null_text(command), not column.is_text or command.has("emptyasnull")

    def convert(value: str) -> str | None:
        if value == null or (empty_is_null and value == ""):
            return None
        result: str | None = value
        for step in steps:
            if result is None:
                break
            result = step(result)
        return result

    return convert


def _null_text(command: CopyCommand) -> str:
    return NULL_MARKER if command.null_as is None else command.null_as


def _bytes(column: Column) -> list[Converter]:
    """Of a VARBYTE: hexadecimal digits, two for a byte (copy-usage-varbyte)."""
    most = column.size or VARBYTE_MAX

    def check(value: str) -> str:
        if re.fullmatch("([0-9a-fA-F]{2})*", value) is None:
            raise BadValueError(1225, "Invalid hexadecimal value for a VARBYTE column")
        if len(value) > 2 * most:
            raise BadValueError(1204, "String length exceeds DDL length")
        return value

    return [check] if column.type == "varbyte" else []


def _text_steps(command: CopyCommand, column: Column) -> list[Converter]:
    steps: list[Converter] = []
    if command.has("blanksasnull"):
        steps.append(lambda value: None if value.strip(" \t") == "" and value != "" else value)
    if command.has("trimblanks") and column.type == "character varying":
        steps.append(lambda value: value.rstrip(" "))
    size = _SIZE.search(column.sized_type)
    if command.has("truncatecolumns") and size:
        most = int(size[1])
        steps.append(lambda value: value.encode()[:most].decode("utf-8", "ignore"))
    if size:
        steps.append(_without_excess(int(size[1])))
    return steps


def _without_excess(most: int) -> Converter:
    """Blanks alone beyond a column's size are cut off (r_Character_types), as PostgreSQL does on the fast path."""

    def fit(value: str) -> str:
        raw = value.encode()
        return raw[:most].decode() if len(raw) > most and not raw[most:].strip(b" ") else value

    return fit


def _time_steps(command: CopyCommand, column: Column) -> list[Converter]:
    pattern = value_format(command, column)
    if pattern is not None:
        matching, checked = (
            _matching(pattern, lambda value: invalid_time(column.type, value)),
            _format_reader(None, column),
        )
        steps = [matching, checked]
    else:
        steps = [_format_reader(command.date_format if column.type == "date" else command.time_format, column)]
    return [_lenient(steps)] if command.has("acceptanydate") else steps


def _lenient(steps: list[Converter]) -> Converter:
    """The steps, with NULL for a value that they refuse (ACCEPTANYDATE)."""

    def read(value: str) -> str | None:
        result: str | None = value
        try:
            for step in steps:
                result = step(result) if result is not None else None
        except BadValueError:
            return None
        return result

    return read


def _matching(pattern: str, wrong: Callable[[str], tuple[int, str]]) -> Converter:
    matches = re.compile(pattern).fullmatch

    def check(value: str) -> str:
        if matches(value) is None:
            raise BadValueError(*wrong(value))
        return value

    return check


def _format_reader(wanted: str | None, column: Column) -> Converter:
    wrong = (
        (1205, "Invalid Date Format")
        if column.type == "date"
        else (1206, f"Invalid timestamp format or value [{wanted or 'YYYY-MM-DD HH24:MI:SS'}]")
    )
    if wanted is None or wanted.lower() == "auto":
        return _checked(wrong)
    if wanted.lower() in ("epochsecs", "epochmillisecs"):
        unit = 1 if wanted.lower() == "epochsecs" else 1000

        def from_epoch(value: str) -> str:
            try:
                return (_EPOCH + timedelta(seconds=float(Decimal(value) / unit))).replace(tzinfo=None).isoformat(" ")
            except (InvalidOperation, OverflowError, ValueError) as bad:
                raise BadValueError(*wrong) from bad

        return from_epoch
    pattern = re.compile("".join(_PARTS.get(token.upper(), re.escape(token)) for token in _TOKENS.findall(wanted)))

    def by_format(value: str) -> str:
        match = pattern.fullmatch(value.strip())
        if match is None:
            raise BadValueError(*wrong)
        try:
            return _iso(match.groupdict())
        except (ValueError, KeyError) as bad:
            raise BadValueError(*wrong) from bad

    return by_format


def _checked(wrong: tuple[int, str]) -> Converter:
    def check(value: str) -> str:
        # A plain ISO date is checked here, so that ACCEPTANYDATE can make NULL of 2020-02-30; PostgreSQL checks the
        # other spellings.
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value[:10]):
            try:
                date.fromisoformat(value[:10])
            except ValueError as bad:
                raise BadValueError(*wrong) from bad
        return value

    return check


def _iso(parts: dict[str, str | None]) -> str:
    year = int(parts.get("Y") or 0) or 2000 + int(parts.get("y") or 0)
    name = (parts.get("b") or parts.get("B") or "").lower()[:3]
    month = _MONTHS.index(name) + 1 if name else int(parts.get("m") or 1)
    day = date(year, month, int(parts.get("d") or 1))
    hour = int(parts.get("H") or 0)
    if parts.get("p"):
        hour = hour % 12 + (12 if (parts["p"] or "").lower() == "pm" else 0)
    if parts.get("H") is None:
        return day.isoformat()
    return f"{day.isoformat()} {hour:02d}:{parts.get('M') or '00'}:{parts.get('S') or '00'}{parts.get('z') or ''}"


def _numeric(column: Column, rounding: bool) -> Converter:
    size = _SIZE.search(column.sized_type)
    step = Decimal(1).scaleb(-int(size[2] or 0)) if size else None

    def fit(value: str) -> str:
        if step is None or "." not in value:
            return value
        try:
            # Without ROUNDEC, COPY cuts what does not fit the scale.
            return str(Decimal(value).quantize(step, ROUND_HALF_UP if rounding else ROUND_DOWN, _WIDE))
        except InvalidOperation:
            return value  # PostgreSQL refuses what is not a number

    return fit
