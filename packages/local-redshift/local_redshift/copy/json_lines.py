"""JSON COPY's fast path: DuckDB reads objects, one a line, and writes CSV into a pipe for PostgreSQL's COPY.

For `auto`. Whatever it cannot take (a value over several lines, one that a column's type refuses) fails, and the load
goes through the stage, which knows the reasons; so do files with numbers longer than DuckDB keeps, or with objects
and arrays for text columns.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local_redshift.copy.columns import NULL_MARKER
from local_redshift.copy.duckdb_pipe import engine, load_csv, path_literal, piped
from local_redshift.copy.job import Job
from local_redshift.copy.value_formats import Layout, Shapes
from local_redshift.protocol.host import Host
from local_redshift.s3.client import Source, read_object
from local_redshift.sql.lexer import quote_name

# A double keeps fifteen digits; translating and finding is much quicker than a regular expression.
_LONG_NUMBER = b"0" * 16
_AS_DIGITS = bytes(0x30 if chr(c) in "0123456789." else 0x65 if chr(c) in "eE" else 0x20 for c in range(256))
# Numbers that DuckDB writes in another way: for a text column they are to stay as they are.
_TRAILING_ZERO = re.compile(rb"\.[0-9]+0(?![0-9])")
_EXPONENT = re.compile(rb"[0-9.][eE][+-]?[0-9]")
_PART = 8 << 20  # bytes that DuckDB gets at once
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


async def run(session: Host, job: Job) -> None:
    """Load. Raises BackendError, UnsuitedError or S3Error where the stage must be tried."""
    await load_csv(session, job, _csv)


def _csv(client: Any, job: Job) -> Iterator[bytes]:
    columns = ", ".join(f"{quote_name(column.name)}: 'VARCHAR'" for column in job.columns)
    options = f"format = 'newline_delimited', columns = {{{columns}}}"
    with tempfile.TemporaryDirectory(prefix="redshift-json-") as folder:
        for source in job.sources:
            shapes = Shapes(job.command, job.columns, Layout(",", '"', NULL_MARKER))
            for path in _one_ahead(_parts(client, job, source, Path(folder))):
                query = f"SELECT * FROM read_json({path_literal(path)}, {options})"
                with engine() as reader:
                    for data in piped(reader, query, path.with_suffix(".pipe")):
                        if shapes.odd(data):
                            raise UnsuitedError
                        job.bytes += len(data)
                        yield data
                path.unlink()


def _one_ahead(parts: Iterator[Path]) -> Iterator[Path]:
    """The parts; while one is used, the next is made."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, parts, None)
        while (part := following.result()) is not None:
            following = pool.submit(next, parts, None)
            yield part


def _parts(client: Any, job: Job, source: Source, folder: Path) -> Iterator[Path]:
    """The object's text on disk, in files of whole lines; its lines go into the job. Raises UnsuitedError."""
    look = _Look(any(column.is_text for column in job.columns))
    pieces: list[bytes] = []
    for chunk in read_object(client, source, job.command.compression):
        if look.finds(chunk):
            raise UnsuitedError
        cut = chunk.rfind(b"\n") + 1
        if cut and sum(map(len, pieces)) >= _PART:
            yield _written(folder / f"part-{look.lines}.json", [*pieces, chunk[:cut]])
            pieces = [chunk[cut:]]
        else:
            pieces.append(chunk)
    yield _written(folder / "last.json", pieces)
    job.lines.append(look.lines)


def _written(path: Path, pieces: list[bytes]) -> Path:
    with path.open("wb") as file:
        file.writelines(pieces)
    return path


class _Look:
    """Looks at an object's text, piece by piece, for what DuckDB reads or writes in another way."""

    def __init__(self, texts: bool) -> None:
        self._texts = texts
        self._tail = b""
        self._objects = 0
        self.lines = 0

    def finds(self, chunk: bytes) -> bool:
        """Whether there is such a thing in the next piece."""
        self._objects += chunk.count(b"{")
        self.lines += chunk.count(b"\n")
        data, self._tail = self._tail + chunk, chunk[-_OVERLAP:]
        # More braces than lines, or any bracket: a value inside a value, or text that looks like one.
        return b"[" in chunk or self._objects > self.lines + 1 or self._rewritten(data)

    def _rewritten(self, data: bytes) -> bool:
        """Whether there are numbers that DuckDB does not write as they are."""
        digits = data.translate(_AS_DIGITS)
        if _LONG_NUMBER in digits:
            return True
        exponents = self._texts and b"0e" in digits and _EXPONENT.search(data) is not None
        return exponents or (self._texts and _TRAILING_ZERO.search(data) is not None)
