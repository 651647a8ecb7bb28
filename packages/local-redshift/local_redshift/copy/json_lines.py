"""JSON COPY's fast path: DuckDB reads objects, one a line, and writes CSV into a pipe for PostgreSQL's COPY.

For `auto`. A value over several lines, or one that a column's type refuses, fails, and the load takes the stage, which
reports the reason; so do files with numbers longer than DuckDB stores, or with objects and arrays for text columns.
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
from local_redshift.copy.row_size import MAX_ROW_BYTES
from local_redshift.copy.value_formats import Layout, ValueFormatCheck
from local_redshift.protocol.host import Host
from local_redshift.s3.client import Source, read_object
from local_redshift.sql.lexer import quote_name

# A double has fifteen digits; translating and finding is much quicker than a regular expression.
_LONG_NUMBER = b"0" * 16
_AS_DIGITS = bytes(0x30 if chr(c) in "0123456789." else 0x65 if chr(c) in "eE" else 0x20 for c in range(256))
# Numbers that DuckDB writes in another way; a text column has them as they are in the file.
_TRAILING_ZERO = re.compile(rb"\.[0-9]+0(?![0-9])")
_EXPONENT = re.compile(rb"[0-9.][eE][+-]?[0-9]")
_PART = 8 << 20  # bytes that DuckDB reads at once
_OVERLAP = 64  # bytes checked again with the next chunk: a number may span both


class UnsupportedDataError(Exception):
    """The files have values that this path would change."""


def is_supported(job: Job) -> bool:
    """Whether the fast path supports the command's options and columns."""
    command = job.command
    strict = (
        command.max_errors <= 1 and command.replace_invalid is None and not command.flags - {"manifest", "explicit_ids"}
    )
    plain = command.null_as is None and command.date_format in (None, "auto") and command.time_format in (None, "auto")
    scaled = any(column.type in ("numeric", "super") for column in job.columns)
    return command.json_paths == "auto" and strict and plain and not scaled


async def run(session: Host, job: Job) -> None:
    """Load. Raises BackendError, UnsupportedDataError or S3Error where the stage must be tried."""
    await load_csv(session, job, _csv)


def _csv(client: Any, job: Job) -> Iterator[bytes]:
    columns = ", ".join(f"{quote_name(column.name)}: 'VARCHAR'" for column in job.columns)
    options = f"format = 'newline_delimited', columns = {{{columns}}}"
    with tempfile.TemporaryDirectory(prefix="redshift-json-") as folder:
        for source in job.sources:
            formats = ValueFormatCheck(job.command, job.columns, Layout(",", '"', NULL_MARKER))
            for path in _prefetched(_parts(client, job, source, Path(folder))):
                query = f"SELECT * FROM read_json({path_literal(path)}, {options})"
                with engine() as reader:
                    for data in piped(reader, query, path.with_suffix(".pipe")):
                        if formats.rejects(data):
                            raise UnsupportedDataError
                        job.bytes += len(data)
                        yield data
                path.unlink()


def _prefetched(parts: Iterator[Path]) -> Iterator[Path]:
    """The parts; while one is used, the next is written."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, parts, None)
        while (part := following.result()) is not None:
            following = pool.submit(next, parts, None)
            yield part


def _parts(client: Any, job: Job, source: Source, folder: Path) -> Iterator[Path]:
    """The object's text on disk, in files of whole lines; its lines go into the job. Raises UnsupportedDataError."""
    check = _TextCheck(any(column.is_text for column in job.columns))
    chunks: list[bytes] = []
    for chunk in read_object(client, source, job.command.compression):
        if check.rejects(chunk):
            raise UnsupportedDataError
        cut = chunk.rfind(b"\n") + 1
        if cut and sum(map(len, chunks)) >= _PART:
            yield _write(folder / f"part-{check.lines}.json", [*chunks, chunk[:cut]])
            chunks = [chunk[cut:]]
        else:
            chunks.append(chunk)
    yield _write(folder / "last.json", chunks)
    job.lines.append(check.lines)


def _write(path: Path, chunks: list[bytes]) -> Path:
    with path.open("wb") as file:
        file.writelines(chunks)
    return path


class _TextCheck:
    """Checks an object's text, chunk by chunk, for what DuckDB reads or writes in another way."""

    def __init__(self, texts: bool) -> None:
        self._texts = texts
        self._tail = b""
        self._objects = 0
        self._row = 0  # bytes since the last newline
        self.lines = 0

    def rejects(self, chunk: bytes) -> bool:
        """Whether the next chunk has it."""
        self._objects += chunk.count(b"{")
        self.lines += chunk.count(b"\n")
        self._row = len(chunk) - chunk.rfind(b"\n") - 1 if b"\n" in chunk else self._row + len(chunk)
        if self._row > MAX_ROW_BYTES:
            return True
        data, self._tail = self._tail + chunk, chunk[-_OVERLAP:]
        # More braces than lines, or any bracket: a value inside a value, or text that resembles one.
        return b"[" in chunk or self._objects > self.lines + 1 or self._rewritten(data)

    def _rewritten(self, data: bytes) -> bool:
        """Whether there are numbers that DuckDB does not write as they are."""
        digits = data.translate(_AS_DIGITS)
        if _LONG_NUMBER in digits:
            return True
        exponents = self._texts and b"0e" in digits and _EXPONENT.search(data) is not None
        return exponents or (self._texts and _TRAILING_ZERO.search(data) is not None)
