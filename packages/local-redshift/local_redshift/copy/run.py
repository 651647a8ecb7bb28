"""COPY: lock, list the objects, stream them into PostgreSQL on the session's own connection, report.

The load is atomic over its files: it runs under a savepoint, and any failure (a row, S3, a truncated file) undoes all.
Rows that cannot be loaded are recorded on another connection, so that the rollback does not remove them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from local_redshift.copy import json_lines, load_log, parquet, staged
from local_redshift.copy.columns import Column
from local_redshift.copy.fast_path import FastCopy, fast_copy
from local_redshift.copy.job import Job, LoadFailedError
from local_redshift.copy.load_errors import LineTracker, as_load_failure, position
from local_redshift.copy.object_stream import chunks
from local_redshift.protocol import messages
from local_redshift.protocol.backend import Backend, BackendError
from local_redshift.protocol.host import Host
from local_redshift.s3.ahead import ahead
from local_redshift.s3.client import S3Error, Source, list_sources, s3_client
from local_redshift.s3.region import check_region
from local_redshift.sql.lexer import quote_literal
from local_redshift.sql.refusal import Refusal
from local_redshift.sql.token_reader import qualified_sql
from local_redshift.statements.copy import CopyCommand

_SAVEPOINT = "redshift_copy"
_CHECKED_BYTES = 1 << 17  # bytes; small enough for the memory's caches
_EMPTY_VALUE_STATES = ("22P02", "22007", "22008")


class NeedStageError(Exception):
    """The fast path cannot read the data; load it through a stage of text columns."""


async def run_copy(session: Host, command: CopyCommand) -> bytes:
    """Load, and return the client's replies. Raises BackendError, after failing the client's transaction."""
    backend = session.backend
    own = backend.status == b"I"
    if own:
        await backend.query("BEGIN")
    job = None
    try:
        job = await _prepare(session, command)
        await _load(session, job)
    except BaseException as error:
        raise await _fail(session, job, error, own) from error
    settings = (
        f"set_config('redshift.last_copy_count', '{job.rows}', false), "
        f"set_config('redshift.last_copy_id', '{job.query_id}', false)"
    )
    await backend.query(f"RELEASE SAVEPOINT {_SAVEPOINT}; SELECT {settings}")
    if own:
        await backend.query("COMMIT")
    await asyncio.to_thread(load_log.completed, session.config, session.parameters["database"], job)
    done = f"Load into table '{command.table[-1]}' completed, {job.rows} record(s) loaded successfully."
    return messages.notice(done) + messages.command_complete("COPY")


async def _prepare(session: Host, command: CopyCommand) -> Job:
    """Lock the table, read its columns, list the objects."""
    backend, target = session.backend, qualified_sql(command.table)
    # Before anything that takes a snapshot: a lock after it does not help (c_serial_isolation).
    await backend.query(f"LOCK TABLE {target} IN SHARE ROW EXCLUSIVE MODE")
    job = await _describe(backend, command, target)
    await backend.query(f"SAVEPOINT {_SAVEPOINT}")
    client = await asyncio.to_thread(s3_client, session.config, command.credentials, command.region)
    await asyncio.to_thread(check_region, client, session.config, command.region, command.source)
    job.sources = await asyncio.to_thread(list_sources, client, command)
    return job


async def _describe(backend: Backend, command: CopyCommand, target: str) -> Job:
    name = quote_literal(target)
    target_row = await backend.query(
        "SELECT nextval('redshift_internal.query_ids'), pg_backend_pid(), txid_current(), c.oid, u.usesysid, c.relkind "
        f"FROM pg_class c, pg_user u WHERE c.oid = {name}::regclass AND u.usename = current_user"
    )
    query_id, pid, transaction, oid, user, kind = target_row.rows[0]
    if kind != "r":
        raise BackendError(
            {"S": "ERROR", "C": "42809", "M": f'cannot copy to "{command.table[-1]}": it is not a table'}
        )
    attributes = await backend.query(
        "SELECT attname, format_type(atttypid, NULL), format_type(atttypid, atttypmod), attnotnull, attidentity <> '' "
        f"FROM pg_attribute WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    columns = [Column(str(r[0]), str(r[1]), str(r[2]), r[3] == "t", r[4] == "t") for r in attributes.rows]
    chosen = choose_columns(command, columns)
    return Job(command, int(query_id or 0), int(pid or 0), int(transaction or 0), int(oid or 0), int(user or 0), chosen)


def choose_columns(command: CopyCommand, columns: list[Column]) -> list[Column]:
    """The columns that the files hold, in order. Raises BackendError for one that cannot be loaded."""
    explicit = command.has("explicit_ids")
    if not command.columns:
        return [column for column in columns if explicit or not column.identity]
    by_name = {column.name: column for column in columns}
    missing = [column.name for column in columns if column.identity and column.name not in command.columns]
    if explicit and missing:  # copy-parameters-data-conversion, EXPLICIT_IDS
        message = f'EXPLICIT_IDS needs the identity column "{missing[0]}" in the column list'
        raise BackendError({"S": "ERROR", "C": "XX000", "M": message})
    for name in command.columns:
        if name not in by_name:
            raise BackendError(
                {"S": "ERROR", "C": "42703", "M": f'column "{name}" of relation "{command.table[-1]}" does not exist'}
            )
        if by_name[name].identity and not explicit:
            raise BackendError(
                {"S": "ERROR", "C": "XX000", "M": f'Cannot copy into identity column "{name}" without EXPLICIT_IDS'}
            )
    return [by_name[name] for name in command.columns]


async def _load(session: Host, job: Job) -> None:
    """By PostgreSQL's own COPY where it reads the same, through the stage where it does not."""
    command = job.command
    if command.format == "parquet":
        return await parquet.run(session, job)
    try:
        if command.format == "json" and json_lines.is_supported(job):
            return await _json_lines(session, job)
        fast = fast_copy(command, job.columns) if command.format != "json" else None
        if fast is not None and command.max_errors <= 1 and not command.has("noload"):
            return await _stream(session, job, fast)
    except NeedStageError:
        await session.backend.query(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        job.rows = job.bytes = 0
        job.lines.clear()
    return await staged.run(session, job)


async def _json_lines(session: Host, job: Job) -> None:
    try:
        await json_lines.run(session, job)
    except (BackendError, S3Error, json_lines.UnsupportedDataError) as error:
        raise NeedStageError from error


async def _stream(session: Host, job: Job, fast: FastCopy) -> None:
    tracker = LineTracker()
    try:
        result = await session.backend.copy_in(fast.sql, _tracked(session, job, tracker, fast))
    except BackendError as error:
        if _needs_stage(fast, error):
            raise NeedStageError from error
        raise as_load_failure(job, tracker, error) from error
    job.rows = int(result.tags[0].split()[1])
    job.lines = [tracker.lines(at) for at in range(len(job.sources))]


def _needs_stage(fast: FastCopy, error: BackendError) -> bool:
    """Whether the stage may read what PostgreSQL's COPY refused, or reports its line correctly."""
    where = position(error.fields)
    if where is None:
        return False
    empty = fast.empty_refused and error.fields.get("C") in _EMPTY_VALUE_STATES and where[2] == ""
    message = error.fields.get("M", "")
    # A delimiter may end a line of delimited text; line ends may be mixed ("unquoted newline …").
    text = message.startswith(("extra data", "unquoted ") if fast.quotes is None else "unquoted ")
    return empty or text or not fast.counts_lines


async def _tracked(session: Host, job: Job, tracker: LineTracker, fast: FastCopy) -> AsyncIterator[bytes]:
    """The files' bytes, tracked for error reports. Raises NeedStageError for what the fast path misreads."""
    client = s3_client(session.config, job.command.credentials, job.command.region)
    async for source, data, lines in ahead(_checked(chunks(client, job), fast)):
        if source is not None:
            tracker.begin(source.url, job.command.ignore_header)
        tracker.sent(data, lines)
        job.bytes += len(data)
        yield data


def _checked(
    stream: Iterator[tuple[Source | None, bytes]], fast: FastCopy
) -> Iterator[tuple[Source | None, bytes, int]]:
    """The chunks and their lines, checked while PostgreSQL reads the one before. Raises NeedStageError."""
    for source, data in stream:
        # A file that ends within a row: PostgreSQL would read the next one as its rest.
        if source is not None and any(check.incomplete for check in fast.checks):
            raise NeedStageError
        before = fast.formats.lines
        for at in range(0, len(data), _CHECKED_BYTES):
            part = data[at : at + _CHECKED_BYTES]
            if any(check.rejects(part) for check in fast.checks):
                raise NeedStageError
        yield source, data, fast.formats.lines - before
    if any(check.incomplete for check in fast.checks):
        raise NeedStageError


async def _fail(session: Host, job: Job | None, error: BaseException, own: bool) -> BaseException:
    """Undo, record, and turn the error into the client's."""
    backend = session.backend
    if isinstance(error, (ConnectionError, asyncio.CancelledError)):
        return error
    refusal = _refusal(error, job)
    if own:
        await backend.query("ROLLBACK")
    if job is not None:
        errors = error.errors if isinstance(error, LoadFailedError) else []
        await asyncio.to_thread(
            load_log.failed, session.config, session.parameters["database"], job, errors, refusal.message
        )
    failure = await session.failure(refusal)
    return BackendError(error.fields) if isinstance(error, BackendError) else failure


def _refusal(error: BaseException, job: Job | None) -> Refusal:
    if isinstance(error, LoadFailedError) and job is not None:
        table = "sys_load_error_detail" if job.command.has("serverless") else "stl_load_errors"
        return Refusal(
            f"Load into table '{job.command.table[-1]}' failed.  Check '{table}' system table for details.", "XX000"
        )
    return Refusal(str(error), "XX000")
