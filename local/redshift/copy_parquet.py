"""Parquet COPY: DuckDB reads the file and writes CSV into a pipe, whose bytes go into PostgreSQL's COPY.

Columns map by position, their number and types must match (copy-usage_notes-copy-from-columnar). A file is kept on
disk while it is loaded, since Parquet is read from its end.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from local.redshift import s3
from local.redshift.copy_text import NULL_MARKER, Column
from local.redshift.lexer import quote_literal, quote_name

if TYPE_CHECKING:
    from local.redshift.carrier import Carrier
    from local.redshift.load import Job

_READ = 1 << 18
_FITS = {
    "boolean": ("BOOLEAN",),
    "smallint": ("SMALLINT", "TINYINT", "UTINYINT"),
    "integer": ("INTEGER", "USMALLINT"),
    "bigint": ("BIGINT", "UINTEGER"),
    "real": ("FLOAT",),
    "double precision": ("DOUBLE",),
    "numeric": ("DECIMAL",),
    "date": ("DATE",),
    "timestamp without time zone": ("TIMESTAMP",),
    "timestamp with time zone": ("TIMESTAMP",),
    "character varying": ("VARCHAR",),
    "character": ("VARCHAR",),
    "super": ("VARCHAR",),
}


async def run(session: Carrier, job: Job) -> None:
    """Load the job's Parquet files. Raises s3.S3Error, BackendError."""
    from local.redshift.load import ahead

    client = s3.client(session.config, job.command.credentials, job.command.region)
    names = ", ".join(quote_name(column.name) for column in job.columns)
    options = f"FORMAT csv, NULL {quote_literal(NULL_MARKER)}, ENCODING 'UTF8'"
    sql = f"COPY {job.target} ({names}) FROM STDIN WITH ({options})"
    answer = await session.backend.ask_copy(sql, ahead(_csv(client, job)))
    job.rows = int(answer.tags[0].split()[1])


def _csv(client: Any, job: Job) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="redshift-parquet-") as folder:
        for source in job.sources:
            path = Path(folder) / "object.parquet"
            with path.open("wb") as file:
                for chunk in s3.read(client, source, None):
                    file.write(chunk)
            yield from _convert(path, source, job)


def _convert(path: Path, source: s3.Source, job: Job) -> Iterator[bytes]:
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'; SET threads = 2")
        try:
            described = engine.execute(f"DESCRIBE SELECT * FROM read_parquet({path_literal(path)})").fetchall()
        except duckdb.Error as error:
            raise s3.S3Error(f"{source.url} has an invalid Parquet file format: {error}") from error
        columns = [(str(row[0]), str(row[1])) for row in described]
        _check(columns, source, job.columns)
        job.lines.append(engine.execute(f"SELECT count(*) FROM read_parquet({path_literal(path)})").fetchall()[0][0])
        for data in piped(engine, f"SELECT * FROM read_parquet({path_literal(path)})", path.with_suffix(".pipe")):
            job.bytes += len(data)
            yield data


def piped(engine: duckdb.DuckDBPyConnection, query: str, pipe: Path) -> Iterator[bytes]:
    """The CSV that DuckDB writes for a query. Raises s3.S3Error when it fails on the way."""
    os.mkfifo(pipe)
    failure: list[duckdb.Error] = []
    # The null string is quoted where it is a value, so that PostgreSQL tells the two apart.
    copy = f"COPY ({query}) TO {path_literal(pipe)} (FORMAT csv, HEADER false, NULLSTR '{NULL_MARKER}')"

    def write() -> None:
        try:
            engine.execute(copy)
        except duckdb.Error as error:
            failure.append(error)

    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # so that neither end waits for the other to open
    os.set_blocking(reading, True)
    guard = os.open(pipe, os.O_WRONLY)  # no end of file before DuckDB has opened it
    writer = threading.Thread(target=write, daemon=True)
    writer.start()

    def close() -> None:
        writer.join()
        os.close(guard)

    closer = threading.Thread(target=close, daemon=True)
    closer.start()
    try:
        while data := os.read(reading, _READ):
            yield data
    finally:
        engine.interrupt() if writer.is_alive() else None
        os.close(reading)
        closer.join()
        pipe.unlink()
    if failure:
        raise s3.S3Error(f"The file cannot be read: {failure[0]}")


def _check(found: list[tuple[str, str]], source: s3.Source, columns: list[Column]) -> None:
    if len(found) != len(columns):
        raise s3.S3Error(
            f"Unmatched number of columns between table and file. Table columns: {len(columns)}, "
            f"Data columns: {len(found)}, File name: {source.url}"
        )
    for (name, kind), column in zip(found, columns, strict=True):
        if not kind.startswith(_FITS.get(column.type, ())) or (kind.endswith("[]")):
            raise s3.S3Error(
                f"File '{source.url}' has an incompatible Parquet schema for column '{name}'. "
                f"Column type: {column.sized_type.upper()}, Parquet type: {kind}"
            )


def path_literal(path: Path) -> str:
    """A path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
