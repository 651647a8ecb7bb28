"""A production PostgreSQL table, by ``COPY (query) TO STDOUT`` straight into compressed part files.

One statement is one snapshot, and no row becomes a Python object: the bytes that the server sends are the raw file.
"""

from __future__ import annotations

import logging
import re
import time
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

import psycopg
import sqlglot
from sqlglot import exp

from redshift_etl import settings
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.extract import source_columns
from redshift_etl.extract.postgres_errors import translated
from redshift_etl.extract.unversioned import count_without_window
from redshift_etl.lake.batch import RAW, Batch, prefix
from redshift_etl.lake.part_writer import PartWriter
from redshift_etl.lake.storage import Lake
from redshift_etl.window import Window

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_MESSAGES = 256  # few enough that very wide rows fit in memory, enough that the loop costs nothing
# The source's timestamps without a zone are UTC; its text arrives as UTF-8 and its dates as ISO 8601.
_SESSION = "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601'; SET client_encoding = 'UTF8'"
_TEXTS = re.compile(r"'(?:[^']|'')*'|--[^\n]*")


def extract(
    conn_id: str,
    sql: str,
    *,
    table: str,
    window: Window | None,
    run: str,
    lake: Lake,
    read: Window | None = None,
    zone: str = RAW,
    sql_file: str = "include/sql/extract",
) -> Batch:
    """Copy what ``sql`` selects to the lake: CSV, a header in each part, an empty field for NULL, ``""`` for ''.

    ``sql`` is one SELECT with ``%(start)s`` and ``%(end)s`` for the bounds of ``read``, which is half-open; it is the
    ``window`` of the batch unless more is to be read. ``sql_file`` is where it stands, for errors. Raises ConfigError
    for a connection that is not there or refused, SourceError for a table or column that the source lacks and for more
    bytes than a run may have, TransientError when the connection is lost.
    """
    started, read = time.monotonic(), read or window
    _verify_select(sql, conn_id, sql_file)
    below = prefix(zone, table, window, run)
    columns_today = partial(source_columns.compare, conn_id, sql, table, lake)
    with translated(conn_id, sql, sql_file, columns_today), connect(conn_id) as conn:
        extracted_at = _begin(conn)
        query = psycopg.ClientCursor(conn).mogrify(placeholders_only(sql), vars(read) if read else {})
        with PartWriter(lake, below) as writer:
            rows = _copy_out(conn, f"COPY (\n{query}\n) TO STDOUT (FORMAT csv, HEADER)", writer, table)
            entries = writer.finish()
        if zone == RAW:
            source_columns.remember(conn, sql, table, lake)
        without_window = _count_without_window(conn, sql, table) if read else None
    manifest = lake.write_manifest(below, entries, extracted_at)
    size = sum(entry.bytes for entry in entries)
    log.info(
        "Extracted %s %s: %d rows, %d files, %d bytes, %.1f s",
        table,
        window,
        rows,
        len(entries),
        size,
        time.monotonic() - started,
    )
    return Batch(table, window, run, manifest, rows, size, len(entries), rows, 0, extracted_at, without_window)


def _begin(conn: Any) -> datetime:
    """Open a snapshot, and return the source's clock in it: of two reads, the later one has seen the later state.

    The first statement takes the snapshot of the transaction
    (https://www.postgresql.org/docs/current/transaction-iso.html#XACT-REPEATABLE-READ).
    """
    conn.read_only, conn.isolation_level = True, psycopg.IsolationLevel.REPEATABLE_READ
    moment: datetime = conn.execute("SELECT clock_timestamp()").fetchone()[0]
    conn.execute(_SESSION)
    return moment.astimezone(UTC)


def _verify_select(sql: str, conn_id: str, sql_file: str) -> None:
    """Raises ConfigError for what is not one SELECT. What the parser does not know passes: the source decides."""
    marks = set(re.findall(r"%\((\w+)\)s", _TEXTS.sub("", sql))) - {"start", "end"}
    if marks:
        what = f"The extract has the placeholder %({marks.pop()})s, and there are %(start)s and %(end)s."
        raise ConfigError(what, fix=f"correct {sql_file}", connection=conn_id)
    try:
        statements = [it for it in sqlglot.parse(re.sub(r"%\(\w+\)s", "NULL", sql), dialect="postgres") if it]
    except sqlglot.errors.SqlglotError:
        return
    kinds = [statement.key.upper() for statement in statements]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query | exp.Command):
        found = (
            f"it has {len(statements)} statements"
            if len(statements) > 1
            else f"it is {kinds[0]}"
            if kinds
            else "it is empty"
        )
        raise ConfigError(f"An extract is one SELECT, and {found}.", fix=f"correct {sql_file}", connection=conn_id)


def placeholders_only(sql: str) -> str:
    """The query with every percent sign doubled but those of ``%(start)s`` and ``%(end)s``, as the driver wants it.

    One that is doubled already stays so.
    """
    return re.sub(r"%(?!\((?:start|end)\)s)%?", "%%", sql.strip().rstrip(";"))


def _count_without_window(conn: Any, sql: str, table: str) -> int | None:
    """The rows that no window contains, which are not loaded. None where they cannot be counted, which is logged."""
    query = count_without_window(sql)
    if query is None:
        log.info("%s: rows without a time are not counted: the extract compares no column with the window", table)
        return None
    try:
        number = int(conn.execute(query).fetchone()[0])
    except (psycopg.errors.ProgrammingError, psycopg.errors.QueryCanceled) as error:  # the latter: statement_timeout
        log.warning("%s: rows without a time could not be counted: %s", table, " ".join(str(error).split()))
        return None
    if number:
        log.warning("%s: %d rows of the source have no time, so they are in no window and not loaded", table, number)
    return number


def connect(conn_id: str) -> Any:
    """A psycopg connection by an Airflow connection."""
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    return PostgresHook(postgres_conn_id=conn_id).get_conn()


def _verify_left(left: int, table: str) -> None:
    """Raise SourceError when the query has returned more than a run may have."""
    if left < 0:
        raise SourceError(
            f"The query returns more than {settings.max_batch() / 1e9:g} GB.",
            fix=f"shorten the window, or raise {settings.MAX_BATCH} where the disk has the space",
            table=table,
        )


def _copy_out(conn: Any, statement: str, writer: PartWriter, table: str) -> int:
    """Feed the writer from the server. PostgreSQL sends the header, then each row, as a message of its own."""
    buffer, rows, written, left = bytearray(), 0, 0, settings.max_batch()
    cursor = conn.cursor()
    with cursor.copy(statement) as copy:
        messages = iter(copy)
        writer.header = bytes(next(messages))
        while some := list(islice(messages, _MESSAGES)):
            buffer += b"".join(some)
            rows += len(some)
            if len(buffer) >= _CHUNK:
                left -= len(buffer)
                _verify_left(left, table)
                writer.write(bytes(buffer), rows - written)
                buffer.clear()
                written = rows
    if buffer:
        writer.write(bytes(buffer), rows - written)
    if cursor.rowcount != rows:
        raise TransientError(
            "The source sent another number of rows than it announced.",
            fix="it is retried",
            announced=cursor.rowcount,
            received=rows,
        )
    return rows
