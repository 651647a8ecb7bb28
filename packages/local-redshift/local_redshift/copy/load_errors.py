"""From PostgreSQL's COPY errors to rows of stl_load_errors.

Source of codes and reasons: https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html
"""

from __future__ import annotations

import re
from collections import deque

from local_redshift.copy.columns import Column
from local_redshift.copy.conversions import converter
from local_redshift.copy.delimited import split_fields
from local_redshift.copy.job import Job, LoadError, LoadFailedError
from local_redshift.copy.value_formats import NUMBERS, invalid_time, invalid_value
from local_redshift.protocol.backend import BackendError

# A byte-length error comes from a function, whose own context is before COPY's.
_WHERE = re.compile(
    r"(?:^|\n)COPY .+?, line (?P<line>\d+)(?:, column (?P<column>.+?): (?:\"(?P<value>.*)\"|null input))?", re.DOTALL
)
_RECENT_BYTES = 16 << 20  # more than PostgreSQL and the sockets buffer, so that the line of an error is among them


class LineTracker:
    """Maps a line of the stream to its file and line, and has the text of the lines sent last."""

    def __init__(self) -> None:
        self._lines = 0
        self._files: list[tuple[str, int, int]] = []  # name, lines before it in the stream, header lines left out
        self._recent: deque[tuple[bytes, int]] = deque()  # with their numbers of lines
        self._recent_lines = 0  # lines before the recent chunks
        self._recent_size = 0

    def begin(self, file: str, header_lines: int) -> None:
        """The next chunks belong to this file, of which so many lines are not sent."""
        self._files.append((file, self._lines, header_lines))

    def sent(self, data: bytes, count: int) -> None:
        """Store a chunk and its number of lines."""
        self._lines += count
        self._recent.append((data, count))
        self._recent_size += len(data)
        while self._recent_size > _RECENT_BYTES and len(self._recent) > 1:
            old, count = self._recent.popleft()
            self._recent_size -= len(old)
            self._recent_lines += count

    def lines(self, at: int) -> int:
        """How many lines the file with this index has sent."""
        end = self._files[at + 1][1] if at + 1 < len(self._files) else self._lines
        return end - self._files[at][1]

    def locate(self, line: int) -> tuple[str, int]:
        """File and line in it for a line of the stream, both from 1."""
        for file, before, header in reversed(self._files):
            if line > before:
                return file, line - before + header
        return "", line

    def text(self, line: int) -> str:
        """The line's text, if it was sent not long ago."""
        before = self._recent_lines
        part = b""
        for chunk, count in self._recent:
            if before <= line - 1 <= before + count:
                rows = chunk.split(b"\n")
                part += rows[line - 1 - before]
                if line - 1 < before + count:
                    break
            before += count
        return part.decode("utf-8", "replace").rstrip("\r")[:1023]


def position(fields: dict[str, str]) -> tuple[int, str, str] | None:
    """Line of the stream, column and value from an error's context; None when it is not about a row."""
    match = _WHERE.search(fields.get("W", ""))
    if match is None:
        return None
    return int(match["line"]), match["column"] or "", match["value"] or ""


def classify(fields: dict[str, str], value: str, type_name: str) -> tuple[int, str]:
    """Redshift's error code and reason for PostgreSQL's error on a value of a column's type."""
    state, message = fields.get("C", ""), fields.get("M", "")
    if "extra data after last expected column" in message:
        return 1202, "Extra column(s) found"
    if "missing data for column" in message:
        return 1203, "Delimiter not found"
    if state == "22001" and type_name == "character" and not value.isascii():
        bad = next(c for c in value if not c.isascii()).encode("utf-8", "surrogateescape").hex(" ")
        return 1220, f"Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: {bad}"
    if state == "22001":
        return 1204, "String length exceeds DDL length"
    if state == "23502":
        return 1213, "Missing data for not-null field"
    if state in ("22021", "22P05"):
        return 1220, "String contains invalid or unsupported UTF8 codepoints."
    if "quoted" in message:
        return 1214, "Delimited value missing end quote"
    return _by_type(type_name, value, state)


def _by_type(type_name: str, value: str, state: str) -> tuple[int, str]:
    if type_name == "date" or type_name.startswith("time"):
        return invalid_time(type_name, value)
    if state == "22003":
        return 1207, f"Overflow, Value '{value}', Pos 0, Type: {NUMBERS.get(type_name, 'Decimal')}"
    return invalid_value(type_name, value) if type_name in (*NUMBERS, "boolean") else (1216, "Invalid input line")


# How stl_load_errors names a column's type.
TYPE_NAMES = {
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "numeric": "numeric",
    "real": "float4",
    "double precision": "float8",
    "boolean": "bool",
    "character varying": "varchar",
    "character": "char",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}


def as_load_failure(job: Job, tracker: LineTracker, error: BackendError) -> Exception:
    """The row that an error of PostgreSQL's COPY is about; the error itself when it is about none."""
    where = position(error.fields)
    if where is None:
        return error
    line, column_name, value = where
    file, line_in_file = tracker.locate(line)
    text = tracker.text(line)
    column = next((each for each in job.columns if each.name == column_name), None)
    if column is None:
        column, value = violating_column(job, text, error.fields.get("C", ""))
    kind = column.type if column else ""
    code, reason = classify(error.fields, value, kind)
    size = str(column.size or "") if column else ""
    name = column.name if column else column_name
    return LoadFailedError(
        [LoadError(file, line_in_file, name, TYPE_NAMES.get(kind, kind), size or "0", text, value, code, reason)]
    )


def violating_column(job: Job, text: str, state: str) -> tuple[Column | None, str]:
    """The column and value of a NOT NULL or byte-length violation, which PostgreSQL's context does not name."""
    try:
        fields = split_fields(text, job.command)
    except ValueError:
        return None, ""
    for column, value in zip(job.columns, fields, strict=False):
        size = column.size
        if state == "23502" and column.not_null and converter(job.command, column)(value) is None:
            return column, value
        multibyte = column.type == "character" and not value.isascii()
        if state == "22001" and column.is_text and size and (multibyte or len(value.encode()) > size):
            return column, value
    return None, ""
