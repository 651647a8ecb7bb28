"""JSON COPY's fast path: DuckDB reads objects, one a line, and writes CSV into a pipe for PostgreSQL's COPY.

For `auto`. Whatever it cannot take (a value over several lines, one that a column's type refuses) fails, and the load
goes through the stage, which knows the reasons; so do files with numbers longer than DuckDB keeps, or with objects
and arrays for text columns.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.redshift import s3
from local.redshift.copy_columns import Column
from local.redshift.copy_piped import engine, load_csv, path_literal, piped
from local.redshift.copy_shapes import shape
from local.redshift.lexer import quote_name

if TYPE_CHECKING:
    from local.redshift.carrier import Carrier
    from local.redshift.load import Job

# A double keeps fifteen digits; translating and finding is much quicker than a regular expression.
_LONG_NUMBER = b"0" * 16
_DIGITS = bytes(0x30 if 0x30 <= c <= 0x39 else c for c in range(256))
_AS_DIGITS = bytes(0x30 if chr(c) in "0123456789." else 0x20 for c in range(256))
# Numbers that DuckDB writes in another way: for a text column they are to stay as they are.
_TRAILING_ZERO = re.compile(rb"\.[0-9]+0(?![0-9])")
_EXPONENTS = (b"0e0", b"0E0", b"0e-0", b"0E-0", b"0e+0", b"0E+0")
_OVERLAP = 64  # bytes looked at again, so that a number is seen across chunks


class UnsuitedError(Exception):
    """The files hold what this path would change."""


def suits(job: Job) -> bool:
    """Whether the command's options leave the fast path open."""
    command = job.command
    strict = (
        command.max_errors <= 1 and command.replace_invalid is None and not command.flags - {"manifest", "explicit_ids"}
    )
    plain = command.null_as is None and command.date_format in (None, "auto") and command.time_format in (None, "auto")
    scaled = any(column.type in ("numeric", "super") for column in job.columns)
    return command.json_paths == "auto" and strict and plain and not scaled


async def run(session: Carrier, job: Job) -> None:
    """Load. Raises BackendError, UnsuitedError or s3.S3Error where the stage must be tried."""
    await load_csv(session, job, _csv)


def _csv(client: Any, job: Job) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="redshift-json-") as folder:
        for source in job.sources:
            path = Path(folder) / "object.json"
            job.lines.append(_fetch(client, job, source, path))
            columns = ", ".join(f"{quote_name(column.name)}: 'VARCHAR'" for column in job.columns)
            options = f"format = 'newline_delimited', columns = {{{columns}}}"
            values = ", ".join(_value(column, job) for column in job.columns)
            query = f"SELECT {values} FROM read_json({path_literal(path)}, {options})"
            with engine() as reader:
                for data in piped(reader, query, path.with_suffix(".pipe")):
                    job.bytes += len(data)
                    yield data


def _value(column: Column, job: Job) -> str:
    """The column, or an error for what only PostgreSQL takes as a value of its type."""
    name, found = quote_name(column.name), shape(job.command, column)
    if found is None:
        return name
    sound = f"{name} IS NULL OR {name} = '' OR regexp_full_match({name}, '{found}')"
    return f"CASE WHEN {sound} THEN {name} ELSE error('odd value') END"


def _fetch(client: Any, job: Job, source: s3.Source, path: Path) -> int:
    """Put the object's text on disk; return its lines. Raises UnsuitedError."""
    tail, lines, objects = b"", 0, 0
    texts = any(column.is_text for column in job.columns)
    with path.open("wb") as file:
        for chunk in s3.read(client, source, job.command.compression):
            objects += chunk.count(b"{")
            lines += chunk.count(b"\n")
            # More braces than lines, or any bracket: a value inside a value, or text that looks like one.
            if b"[" in chunk or objects > lines + 1 or _rewritten(tail + chunk, texts):
                raise UnsuitedError
            file.write(chunk)
            tail = chunk[-_OVERLAP:]
    return lines


def _rewritten(data: bytes, texts: bool) -> bool:
    """Whether there are numbers that DuckDB does not write as they are."""
    digits = data.translate(_AS_DIGITS)
    if _LONG_NUMBER in digits:
        return True
    return texts and (_TRAILING_ZERO.search(data) is not None or _has_exponent(data))


def _has_exponent(data: bytes) -> bool:
    digits = data.translate(_DIGITS)
    return any(exponent in digits for exponent in _EXPONENTS)
