"""COPY through a temporary table of text columns: for what PostgreSQL's own COPY cannot read in one pass.

Records are split and converted in Python, staged as text with their file and line, checked by the types' own input
functions (`pg_input_is_valid`), and inserted. Slower than the fast path, but it finds every bad row, as MAXERROR
needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from local_redshift.copy import json_values
from local_redshift.copy.columns import Column
from local_redshift.copy.conversions import BadValueError, Converter, converter
from local_redshift.copy.delimited import Record, decoded, records
from local_redshift.copy.job import Job, LoadError, LoadFailedError
from local_redshift.copy.load_errors import TYPE_NAMES, classify
from local_redshift.copy.row_size import MAX_ROW_BYTES, RowTooLongError
from local_redshift.protocol.host import Host
from local_redshift.s3.ahead import ahead
from local_redshift.s3.client import S3Error, Source, read_object, s3_client
from local_redshift.sql.lexer import quote_literal, quote_name

_STAGE = 'pg_temp."redshift$stage"'
_BATCH_BYTES = 1 << 18
_LOGGED = 1024  # characters of a row and of a value that the error tables hold


async def run(session: Host, job: Job) -> None:
    """Load the job through the stage. Raises load_errors.LoadFailedError, S3Error, BackendError."""
    await session.backend.query(f"SELECT redshift_internal.create_stage({len(job.columns)})")
    client = s3_client(session.config, job.command.credentials, job.command.region)
    await session.backend.copy_in(f"COPY {_STAGE} FROM STDIN WITH (FORMAT csv, NULL '')", ahead(_rows(client, job)))
    await _check_stage(session, job, client)
    allowed = _allowed_errors(job)
    job.errors.sort(key=lambda error: (error.file, error.line))
    if len(job.errors) > allowed:
        raise LoadFailedError(job.errors[: allowed + 1])
    if not job.command.has("noload"):
        targets = ", ".join(quote_name(column.name) for column in job.columns)
        values = ", ".join(_value(f"c{number}", column, job) for number, column in enumerate(job.columns))
        overriding = " OVERRIDING SYSTEM VALUE" if any(column.identity for column in job.columns) else ""
        result = await session.backend.query(
            f"INSERT INTO {job.target} ({targets}){overriding} SELECT {values} FROM {_STAGE} ORDER BY file, line"
        )
        job.rows = int(result.tags[0].split()[2])
    await session.backend.query(f"DROP TABLE {_STAGE}")


def _allowed_errors(job: Job) -> int:
    return max(job.command.max_errors - 1, 0)


def _value(name: str, column: Column, job: Job) -> str:
    """A stage column as its type. A file's text is JSON for SUPER, in every format (copy_json, ingest-super)."""
    if column.type == "super":
        return f"redshift_internal.to_super({name}::json)"
    if column.type == "varbyte":
        return f"redshift_internal.from_hex_text(lower({name}))::{column.sized_type}"
    if _any_date_accepted(column, job):
        return f"CASE WHEN pg_input_is_valid({name}, {quote_literal(column.type)}) THEN {name}::{column.type} END"
    return f"{name}::{column.sized_type}"


def _any_date_accepted(column: Column, job: Job) -> bool:
    """Whether ACCEPTANYDATE makes NULL of a value that the column's type refuses."""
    return job.command.has("acceptanydate") and column.type.startswith(("date", "timestamp")) and not column.not_null


def _rows(client: object, job: Job) -> Iterator[bytes]:
    """The stage's CSV, in batches. Rows that cannot be split or converted go to the job's errors."""
    convert = [converter(job.command, column) for column in job.columns]
    batch, size = [], 0
    for number, source in enumerate(job.sources):
        count = 0
        for record in _records(client, job, source):
            count += 1
            if "\0" in record.text:  # Redshift keeps it as a character, or loads it as NULL (NULL AS '\\0')
                raise S3Error(
                    f"{source.url} holds a NUL character in line {record.line}: the local Redshift does not model them"
                )
            row = _row(job, source, record, convert)
            if row is None and len(job.errors) > _allowed_errors(job):
                break  # the load fails: more rows that cannot be converted change nothing
            if row is None:
                continue
            line = f"{number},{record.line},{row}\n".encode()
            batch.append(line)
            size += len(line)
            if size > _BATCH_BYTES:
                job.bytes += size
                yield b"".join(batch)
                batch, size = [], 0
        job.lines.append(count)
    job.bytes += size
    yield b"".join(batch)


def _records(client: object, job: Job, source: Source) -> Iterator[Record]:
    chunks = read_object(client, source, job.command.compression)
    try:
        if job.command.format == "json":
            yield from json_values.records(chunks, job.command, job.columns, client)
        else:
            yield from records(decoded(chunks, job.command.replace_invalid), job.command)
    except RowTooLongError as long:
        raise S3Error(f"{source.url} has a row of more than {MAX_ROW_BYTES >> 20} MB at line {long.line}") from long


def _row(job: Job, source: Source, record: Record, convert: list[Converter]) -> str | None:
    fields: list[str | None] = list(record.fields)
    problem = record.problem or _count_problem(job, fields)
    if problem:
        job.errors.append(_error(source.url, record, None, "", *problem))
        return None
    parts = []
    for column, convert_one, value in zip(job.columns, convert, fields, strict=True):
        try:
            converted = None if value is None else convert_one(value)
        except BadValueError as bad:
            job.errors.append(_error(source.url, record, column, value or "", *bad.args))
            return None
        parts.append("" if converted is None else '"' + converted.replace('"', '""') + '"')
    return ",".join(parts)


def _count_problem(job: Job, fields: list[str | None]) -> tuple[int, str] | None:
    missing = len(job.columns) - len(fields)
    if missing < 0 and not (missing == -1 and fields[-1] == "" and job.command.format == "text"):
        return 1202, "Extra column(s) found"
    if missing > 0 and not job.command.has("fillrecord"):
        return 1203, "Delimiter not found"
    del fields[len(job.columns) :]  # a delimiter may end a line of delimited text
    # FILLRECORD: an empty string for text, NULL for the rest (copy-parameters-data-conversion).
    fields.extend("" if column.is_text else None for column in job.columns[len(fields) :])
    return None


def _error(file: str, record: Record, column: Column | None, value: str, code: int, reason: str) -> LoadError:
    kind = column.type if column else ""
    size = column.sized_type.partition("(")[2].rstrip(")") if column else "0"
    name = column.name if column else ""
    text = record.text[:_LOGGED].encode("utf-8", "replace").decode()
    return LoadError(
        file, record.line, name, TYPE_NAMES.get(kind, kind), size or "0", text, value[:_LOGGED], code, reason
    )


async def _check_stage(session: Host, job: Job, client: object) -> None:
    """Move the rows that the target would refuse from the stage to the job's errors."""
    limit = max(job.command.max_errors, 1)
    tests = " UNION ALL ".join(_state_query(number, column, job) for number, column in enumerate(job.columns))
    result = await session.backend.query(
        f"SELECT * FROM ({tests}) AS bad ORDER BY file, line, at LIMIT {limit + len(job.columns)}"
    )
    bad_rows: dict[tuple[int, int], list[str | None]] = {}
    for file, line, *rest in result.rows:
        bad_rows.setdefault((int(file or 0), int(line or 0)), rest)
    if not bad_rows:
        return
    texts = await asyncio.to_thread(_texts, client, job, set(bad_rows))
    for (file_number, line_number), (at, value, state) in bad_rows.items():
        column = job.columns[int(at or 0)]
        code, reason = classify({"C": state or "", "M": ""}, value or "", column.type)
        record = Record(line_number, [], texts.get((file_number, line_number), ""))
        job.errors.append(_error(job.sources[file_number].url, record, column, value or "", code, reason))
    pairs = ", ".join(f"({file}, {line})" for file, line in bad_rows)
    await session.backend.query(f"DELETE FROM {_STAGE} WHERE (file, line) IN ({pairs})")


def _texts(client: object, job: Job, positions: set[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """The text of the records with these files and lines, read once more: the stage has only their fields."""
    texts: dict[tuple[int, int], str] = {}
    for number in sorted({file for file, _ in positions}):
        missing = {line for file, line in positions if file == number}
        for record in _records(client, job, job.sources[number]):
            if record.line in missing:
                texts[number, record.line] = record.text
                missing.discard(record.line)
            if not missing:
                break
    return texts


def _state_query(number: int, column: Column, job: Job) -> str:
    name = f"c{number}"
    missing = f"WHEN {name} IS NULL THEN {chr(39) + '23502' + chr(39) if column.not_null else 'NULL'} "
    kind = quote_literal("json" if column.type == "super" else column.sized_type)
    if column.type in ("character varying", "character"):
        size = column.sized_type.partition("(")[2].rstrip(")") or "65535"
        multibyte = f" OR octet_length({name}) > length({name})" if column.type == "character" else ""
        condition = f"WHEN octet_length({name}) > {size}{multibyte} THEN '22001'"
    elif column.type == "varbyte" or _any_date_accepted(column, job):
        condition = ""  # the converter has checked a VARBYTE
    else:
        condition = (
            f"WHEN NOT pg_input_is_valid({name}, {kind}) THEN (pg_input_error_info({name}, {kind})).sql_error_code"
        )
    return (
        f"SELECT file, line, {number} AS at, {name} AS value, state FROM {_STAGE}, "
        f"LATERAL (SELECT CASE {missing}{condition} END AS state) AS checked WHERE state IS NOT NULL"
    )
