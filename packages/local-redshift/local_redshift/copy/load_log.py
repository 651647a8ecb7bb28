"""COPY's rows in the system tables, written on a connection of its own so that no rollback removes them."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg

from local_redshift.config import Config
from local_redshift.copy.job import Job, LoadError

_ERRORS = """INSERT INTO redshift_internal.load_errors (userid, database_name, query, session,
    transaction_id, tbl, starttime, filename, line_number, colname, type, col_length, "position", raw_line,
    raw_field_value, err_code, err_reason)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s, %s)"""
_LOAD = """INSERT INTO redshift_internal.loads (query, userid, database_name, session, transaction_id, status, tbl,
    table_name, starttime, endtime, data_source, file_format, loaded_rows, loaded_bytes, source_file_count,
    source_file_bytes, error_count, error_message)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_FILE = """INSERT INTO redshift_internal.load_files (query, userid, session, filename, lines_scanned, bytes,
    curtime, committed)
    VALUES (%s, %s, %s, %s, %s, %s, %s, true)"""


def completed(config: Config, database: str, job: Job) -> None:
    """Record a load that succeeded, its files and the rows that it left out within MAXERROR."""
    with psycopg.connect(config.admin(database)) as log:
        now = _now()
        _write_load(log, database, job, "completed", now, job.errors, None)
        files = zip(job.sources, job.lines, strict=False)
        rows = [(job.query_id, job.user_id, job.pid, source.url, lines, source.size, now) for source, lines in files]
        log.cursor().executemany(_FILE, rows)


def failed(config: Config, database: str, job: Job, errors: list[LoadError], message: str) -> None:
    """Record a load that failed and the rows that made it fail."""
    with psycopg.connect(config.admin(database)) as log:
        _write_load(log, database, job, "aborted", _now(), errors, message)


def _write_load(
    log: psycopg.Connection,
    database: str,
    job: Job,
    status: str,
    now: datetime,
    errors: list[LoadError],
    message: str | None,
) -> None:
    loaded = (job.rows, job.bytes) if status == "completed" else (0, 0)
    command = job.command
    size = sum(source.size for source in job.sources)
    log.execute(
        _LOAD,
        [
            job.query_id,
            job.user_id,
            database,
            job.pid,
            job.transaction,
            status,
            job.table_oid,
            command.table[-1],
            job.started,
            now,
            command.source,
            command.format,
            *loaded,
            len(job.sources),
            size,
            len(errors),
            message,
        ],
    )
    common = (job.user_id, database, job.query_id, job.pid, job.transaction, job.table_oid, now)
    rows = [
        (*common, e.file, e.line, e.column, e.type, e.size, _clean(e.raw_line), _clean(e.value), e.code, e.reason)
        for e in errors
    ]
    log.cursor().executemany(_ERRORS, rows)


def _clean(text: str) -> str:
    return text.replace("\0", "\\0")[:1024]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
