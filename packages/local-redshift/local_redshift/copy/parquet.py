"""Parquet COPY: DuckDB reads the file and writes CSV into a pipe, whose bytes go into PostgreSQL's COPY.

Columns map by position, their number and types must match. A file is on disk while it is loaded, since Parquet is read
from its end. Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from local_redshift.copy.columns import Column
from local_redshift.copy.duckdb_pipe import engine, load_csv, path_literal, piped
from local_redshift.copy.job import Job
from local_redshift.protocol.host import Host
from local_redshift.s3.client import S3Error, Source, read_object

_TYPES = {
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


async def run(session: Host, job: Job) -> None:
    """Load the job's Parquet files. Raises S3Error, BackendError."""
    await load_csv(session, job, _csv)


def _csv(client: Any, job: Job) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="redshift-parquet-") as folder:
        for source in job.sources:
            path = Path(folder) / "object.parquet"
            with path.open("wb") as file:
                for chunk in read_object(client, source, None):
                    file.write(chunk)
            yield from _convert(path, source, job)


def _convert(path: Path, source: Source, job: Job) -> Iterator[bytes]:
    with engine() as reader:
        try:
            described = reader.execute(f"DESCRIBE SELECT * FROM read_parquet({path_literal(path)})").fetchall()
        except duckdb.Error as error:
            raise S3Error(f"{source.url} has an invalid Parquet file format: {error}") from error
        columns = [(str(row[0]), str(row[1])) for row in described]
        _check_schema(columns, source, job.columns)
        job.lines.append(reader.execute(f"SELECT count(*) FROM read_parquet({path_literal(path)})").fetchall()[0][0])
        for data in piped(reader, f"SELECT * FROM read_parquet({path_literal(path)})", path.with_suffix(".pipe")):
            job.bytes += len(data)
            yield data


def _check_schema(file_columns: list[tuple[str, str]], source: Source, columns: list[Column]) -> None:
    if len(file_columns) != len(columns):
        raise S3Error(
            f"Unmatched number of columns between table and file. Table columns: {len(columns)}, "
            f"Data columns: {len(file_columns)}, File name: {source.url}"
        )
    for (name, kind), column in zip(file_columns, columns, strict=True):
        fits = kind.startswith(_TYPES.get(column.type, ())) and not kind.endswith("[]")
        if not fits or (column.type == "numeric" and not kind.endswith(f",{column.scale})")):
            raise S3Error(
                f"File '{source.url}' has an incompatible Parquet schema for column '{name}'. "
                f"Column type: {column.sized_type.upper()}, Parquet type: {kind}"
            )
