"""DuckDB reads a file and writes it as CSV into a pipe; the bytes go into PostgreSQL's COPY."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from local_redshift.copy.columns import NULL_MARKER
from local_redshift.copy.job import Job
from local_redshift.protocol.host import Host
from local_redshift.s3.ahead import ahead
from local_redshift.s3.client import S3Error, s3_client
from local_redshift.sql.lexer import quote_literal, quote_name

_READ = 1 << 18
_PIPE = 1 << 20  # bytes; the most that Linux allows without being root


async def load_csv(session: Host, job: Job, csv: Callable[[Any, Job], Iterator[bytes]]) -> None:
    """Load the CSV that `csv` yields for a boto3 client and the job. Raises BackendError, and what `csv` raises."""
    client = s3_client(session.config, job.command.credentials, job.command.region)
    names = ", ".join(quote_name(column.name) for column in job.columns)
    options = f"FORMAT csv, NULL {quote_literal(NULL_MARKER)}, ENCODING 'UTF8'"
    sql = f"COPY {job.target} ({names}) FROM STDIN WITH ({options})"
    result = await session.backend.copy_in(sql, ahead(csv(client, job)))
    job.rows = int(result.tags[0].split()[1])


@functools.cache
def _engine() -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect()
    engine.execute("SET threads = 2")
    return engine


def engine() -> duckdb.DuckDBPyConnection:
    """A connection of its own to the process's DuckDB, whose start takes longer than reading a small file."""
    connection = _engine().cursor()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def piped(reader: duckdb.DuckDBPyConnection, query: str, pipe: Path) -> Iterator[bytes]:
    """The CSV that DuckDB writes for a query. Raises S3Error when it fails on the way."""
    os.mkfifo(pipe)
    failure: list[duckdb.Error] = []
    # The null string is quoted where it is a value, so that PostgreSQL can distinguish the two.
    copy = f"COPY ({query}) TO {path_literal(pipe)} (FORMAT csv, HEADER false, NULLSTR '{NULL_MARKER}')"

    def write() -> None:
        try:
            reader.execute(copy)
        except duckdb.Error as error:
            failure.append(error)

    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # so that neither end waits for the other to open
    os.set_blocking(reading, True)
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux's pipe holds 64 KB, and each read of it wakes two threads
        with contextlib.suppress(OSError):  # the user's pipes hold as much as they may already
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE)
    keeper = os.open(pipe, os.O_WRONLY)  # keeps the pipe open until DuckDB has opened it
    writer = threading.Thread(target=write, daemon=True)
    writer.start()

    def close() -> None:
        writer.join()
        os.close(keeper)

    closer = threading.Thread(target=close, daemon=True)
    closer.start()
    try:
        while data := os.read(reading, _READ):
            yield data
    finally:
        reader.interrupt() if writer.is_alive() else None
        os.close(reading)
        closer.join()
        pipe.unlink()
    if failure:
        raise S3Error(f"The file cannot be read: {failure[0]}")


def path_literal(path: Path) -> str:
    """A path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"
