"""How a value may be written in a file: what Redshift's COPY accepts, where PostgreSQL accepts more.

Without DATEFORMAT and TIMEFORMAT a date is YYYY-MM-DD and a time YYYY-MM-DD HH:MI:SS, for TIMESTAMPTZ with an offset
(copy-parameters-data-conversion); PostgreSQL reads a dozen other spellings. It also reads 0x10 and 1_000 as numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from local_redshift.copy.columns import Column
from local_redshift.statements.copy import CopyCommand

_DATE = r"[ \t]*[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"(?: [0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]*)?)?)?"
_WHOLE = r"[ \t]*[+-]?[0-9]+[ \t]*"
_NUMBER = r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
_FORMATS = {
    "date": _DATE + r"(?:[ T][0-9:.+-]*Z?)?[ \t]*",  # a time after the date is cut off
    "timestamp without time zone": _DATE + _CLOCK + r"[ \t]*",
    "timestamp with time zone": _DATE + _CLOCK + r"(?:[+-][0-9]{2}(?::?[0-9]{2})?)?[ \t]*",
    "smallint": _WHOLE,
    "integer": _WHOLE,
    "bigint": _WHOLE,
    "numeric": _NUMBER,
    # r_Boolean_type; PostgreSQL also takes on and off, and the beginnings of words.
    "boolean": r"[ \t]*(?i:t|true|y|yes|1|f|false|n|no|0)[ \t]*",
}
# How a load error names a column's type of numbers.
NUMBERS = {
    "smallint": "Short",
    "integer": "Integer",
    "bigint": "Long",
    "numeric": "Decimal",
    "real": "Float",
    "double precision": "Double",
}


# How most values of a type are written, each digit a 0 and the delimiter a newline.
_MASKS = {
    "date": b"0000-00-00\n",
    "timestamp without time zone": b"0000-00-00 00:00:00\n",
    "timestamp with time zone": b"0000-00-00 00:00:00+00\n",
}


def value_format(command: CopyCommand, column: Column) -> str | None:
    """A regular expression of the column's values; None where its type alone decides, or DATEFORMAT or TIMEFORMAT."""
    if column.is_time and not by_default(command, column):
        return None
    return _FORMATS.get(column.type)


def by_default(command: CopyCommand, column: Column) -> bool:
    """Whether a column of dates or times is read by the default format, named or not."""
    if column.type == "date":
        return (command.date_format or "yyyy-mm-dd").lower() == "yyyy-mm-dd"
    return (command.time_format or "yyyy-mm-dd hh:mi:ss").lower() in ("yyyy-mm-dd hh:mi:ss", "yyyy-mm-dd hh24:mi:ss")


@dataclass(frozen=True)
class Layout:
    """How a stream of rows writes fields, quotes ("" for none) and NULL."""

    delimiter: str
    quote: str
    null: str


def layout(command: CopyCommand) -> Layout:
    """The layout of the files of a CSV or delimited COPY."""
    if command.format == "csv":
        return Layout(command.delimiter or ",", command.quote, command.null_as or "")
    return Layout(command.delimiter or "|", "", command.null_as or "")


class ValueFormatCheck:
    """Checks one stream of rows, chunk by chunk: by counting, and row by row only where the counts do not suffice."""

    def __init__(self, command: CopyCommand, columns: list[Column], layout: Layout) -> None:
        formats = [value_format(command, column) for column in columns]
        self._any = any(formats)
        self._quote = layout.quote.encode() if layout.quote else None
        self._plain = _rows(formats, layout.delimiter, "", layout.null)
        self._quoted = _rows(formats, layout.delimiter, layout.quote, layout.null)
        kinds = [column.type for column, pattern in zip(columns, formats, strict=True) if pattern]
        self._counts = _FieldCounts(kinds, layout.delimiter)
        self._rest = b""
        self.lines = 0  # of the stream so far

    @property
    def incomplete(self) -> bool:
        """Whether the stream so far ends within a row."""
        return self._rest != b""

    def rejects(self, data: bytes) -> bool:
        """Whether a row that ends in the stream's next chunk has a value that Redshift refuses."""
        lines = data.count(b"\n")
        self.lines += lines
        if not self._any:
            return False
        rows = self._rest + data
        end = rows.rfind(b"\n") + 1
        quoted = self._quote is not None and self._quote in rows
        pattern = self._quoted if quoted else self._plain
        first = rows.find(b"\n") + 1  # the first row is always checked: a text column may have times too
        if pattern.fullmatch(rows, 0, first) and not self._counts.uncertain(rows[:end], lines):
            self._rest = rows[end:]
            return False
        match = pattern.match(rows, 0, end)
        at = match.end() if match else 0
        self._rest = rows[at:]
        # A newline inside quotes may have ended the chunk; otherwise the row at this offset is refused.
        return at < end and not (quoted and rows.count(self._quote or b"", at, end) % 2)


class _FieldCounts:
    """Counts of masked fields, which valid rows have as often as there are rows."""

    def __init__(self, kinds: list[str], delimiter: str) -> None:
        ends = delimiter.encode() + b"\r\n"
        self._times = {_MASKS[kind]: kinds.count(kind) for kind in kinds if kind in _MASKS}
        self._numbers = any(kind not in _MASKS for kind in kinds)
        self._booleans = "boolean" in kinds
        self._named = (b"nan", b"NaN", b"NAN") if "numeric" in kinds else ()
        # Each digit a 0, each end of a field a newline, and an x for what 0x10 and 1_000 have between digits.
        self._fields = bytes(
            ord("0") if c in b"0123456789" else 10 if c in ends else ord("x") if c in b"xXoObB_" else c
            for c in range(256)
        )

    def uncertain(self, rows: bytes, count: int) -> bool:
        """Whether one of `count` rows may have a value that Redshift refuses."""
        if self._booleans or any(name in rows for name in self._named):
            return True
        fields = rows.translate(self._fields)
        if self._numbers and b"0x0" in fields:
            return True
        return any(fields.count(key) != number * count for key, number in self._times.items())


def _rows(formats: list[str | None], delimiter: str, quote: str, null: str) -> re.Pattern[bytes]:
    """Rows whose fields have their format, are empty or NULL; possessive, so that a match never backtracks."""
    by, mark, nothing = re.escape(delimiter), re.escape(quote), re.escape(null)
    quoted = rf"{mark}(?:[^{mark}]|{mark}{mark})*+{mark}|"

    def field(pattern: str | None, last: bool) -> str:
        if pattern is not None:
            return f"(?:{pattern}|{nothing})?+" + (f"(?:{mark}(?:{pattern}|{nothing})?{mark})?+" if quote else "")
        if quote:
            return rf"(?:{quoted}[^{mark}{by}\n]*+)"
        # Of a row that is too short the next one is taken as a part: it does not fit, and PostgreSQL refuses it too.
        return r"[^\n]*+" if last else f"[^{by}]*+"

    fields = [field(pattern, at == len(formats)) for at, pattern in enumerate(formats, 1)]
    return re.compile(rf"(?:{by.join(fields)}\r?\n)*+".encode())


def invalid_value(kind: str, value: str) -> tuple[int, str]:
    """Error code and reason for what is not a number or boolean of a column's type."""
    if kind == "boolean":
        return 1210, "Unknown boolean format"
    at = next((i for i, c in enumerate(value) if not (c.isdecimal() or (i == 0 and c in "+-"))), 0)
    return 1207, f"Invalid digit, Value '{value[at : at + 1]}', Pos {at}, Type: {NUMBERS[kind]} "


def invalid_time(kind: str, value: str) -> tuple[int, str]:
    """Error code and reason for what is not a date or time of a column's type."""
    if kind == "date":
        return 1205, "Invalid date format - length must be 10 or more" if len(value) < 10 else "Invalid Date Format"
    return 1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"
