"""COPY through a temporary table of text columns: for what PostgreSQL's own COPY cannot read in one pass.

Records are cut and converted in Python, kept as text with their file and line, judged by the types' own input
functions (`pg_input_is_valid`), and inserted. Slower than the fast path, but it knows every bad row, so MAXERROR can
forgive some.
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
from local_redshift.protocol.host import Host
from local_redshift.s3.ahead import ahead
from local_redshift.s3.client import S3Error, Source, read_object, s3_client
from local_redshift.sql.lexer import quote_literal, quote_name

_STAGE = 'pg_temp."redshift$stage"'
_BATCH_BYTES = 1 << 18


async def run(session: Host, job: Job) -> None:
    """Load the job through the stage. Raises load_errors.LoadFailedError, S3Error, BackendError."""
    names = [f"c{number} text" for number in range(len(job.columns))]
    await session.backend.ask(f'CREATE TEMPORARY TABLE "redshift$stage" (file int, line bigint, {", ".join(names)})')
    client = s3_client(session.config, job.command.credentials, job.command.region)
    await session.backend.ask_copy(f"COPY {_STAGE} FROM STDIN WITH (FORMAT csv, NULL '')", ahead(_rows(client, job)))
    await _judge(session, job, client)
    allowed = max(job.command.max_errors - 1, 0)
    job.errors.sort(key=lambda error: (error.file, error.line))
    if len(job.errors) > allowed:
        raise LoadFailedError(job.errors[: allowed + 1])
    if not job.command.has("noload"):
        targets = ", ".join(quote_name(column.name) for column in job.columns)
        values = ", ".join(_value(f"c{number}", column, job) for number, column in enumerate(job.columns))
        overriding = " OVERRIDING SYSTEM VALUE" if any(column.identity for column in job.columns) else ""
        answer = await session.backend.ask(
            f"INSERT INTO {job.target} ({targets}){overriding} SELECT {values} FROM {_STAGE} ORDER BY file, line"
        )
        job.rows = int(answer.tags[0].split()[2])
    await session.backend.ask(f"DROP TABLE {_STAGE}")


def _value(name: str, column: Column, job: Job) -> str:
    """A stage column as its type. A file's text is JSON for SUPER, in every format (copy_json, ingest-super)."""
    if column.type == "super":
        return f"redshift_internal.to_super({name}::json)"
    if _forgiven(column, job):
        return f"CASE WHEN pg_input_is_valid({name}, {quote_literal(column.type)}) THEN {name}::{column.type} END"
    return f"{name}::{column.sized_type}"


def _forgiven(column: Column, job: Job) -> bool:
    """Whether ACCEPTANYDATE makes a NULL of what the column's type does not take."""
    return job.command.has("acceptanydate") and column.type.startswith(("date", "timestamp")) and not column.not_null


def _rows(client: object, job: Job) -> Iterator[bytes]:
    """The stage's CSV, in batches. Rows that cannot be cut or converted go to the job's errors."""
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
    if job.command.format == "json":
        return json_values.records(chunks, job.command, job.columns, client)
    return records(decoded(chunks, job.command.replace_invalid), job.command)


def _row(job: Job, source: Source, record: Record, convert: list[Converter]) -> str | None:
    fields: list[str | None] = list(record.fields)
    problem = record.problem or _count_problem(job, fields)
    if problem:
        job.errors.append(_error(source.url, record, None, "", *problem))
        return None
    parts = []
    for column, convert_one, value in zip(job.columns, convert, fields, strict=True):
        try:
            found = None if value is None else convert_one(value)
        except BadValueError as bad:
            job.errors.append(_error(source.url, record, column, value or "", *bad.args))
            return None
        parts.append("" if found is None else '"' + found.replace('"', '""') + '"')
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
    text = record.text.encode("utf-8", "replace").decode()
    return LoadError(file, record.line, name, TYPE_NAMES.get(kind, kind), size or "0", text, value, code, reason)


async def _judge(session: Host, job: Job, client: object) -> None:
    """Move the rows that the target would refuse from the stage to the job's errors."""
    limit = max(job.command.max_errors, 1)
    tests = " UNION ALL ".join(_test(number, column, job) for number, column in enumerate(job.columns))
    answer = await session.backend.ask(
        f"SELECT * FROM ({tests}) AS bad ORDER BY file, line, at LIMIT {limit + len(job.columns)}"
    )
    found: dict[tuple[int, int], list[str | None]] = {}
    for file, line, *rest in answer.rows:
        found.setdefault((int(file or 0), int(line or 0)), rest)
    if not found:
        return
    texts = await asyncio.to_thread(_texts, client, job, set(found))
    for place, (at, value, state) in found.items():
        column = job.columns[int(at or 0)]
        code, reason = classify({"C": state or "", "M": ""}, value or "", column.type)
        record = Record(place[1], [], texts.get(place, ""))
        job.errors.append(_error(job.sources[place[0]].url, record, column, value or "", code, reason))
    pairs = ", ".join(f"({file}, {line})" for file, line in found)
    await session.backend.ask(f"DELETE FROM {_STAGE} WHERE (file, line) IN ({pairs})")


def _texts(client: object, job: Job, places: set[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """The text of the records at these places, read once more: the stage holds their fields alone."""
    found: dict[tuple[int, int], str] = {}
    for number in sorted({file for file, _ in places}):
        missing = {line for file, line in places if file == number}
        for record in _records(client, job, job.sources[number]):
            if record.line in missing:
                found[number, record.line] = record.text
                missing.discard(record.line)
            if not missing:
                break
    return found


def _test(number: int, column: Column, job: Job) -> str:
    name = f"c{number}"
    missing = f"WHEN {name} IS NULL THEN {chr(39) + '23502' + chr(39) if column.not_null else 'NULL'} "
    kind = quote_literal("json" if column.type == "super" else column.sized_type)
    if column.type in ("character varying", "character"):
        size = column.sized_type.partition("(")[2].rstrip(")") or "65535"
        multibyte = f" OR octet_length({name}) > length({name})" if column.type == "character" else ""
        judged = f"WHEN octet_length({name}) > {size}{multibyte} THEN '22001'"
    elif _forgiven(column, job):
        judged = ""
    else:
        judged = f"WHEN NOT pg_input_is_valid({name}, {kind}) THEN (pg_input_error_info({name}, {kind})).sql_error_code"
    return (
        f"SELECT file, line, {number} AS at, {name} AS value, state FROM {_STAGE}, "
        f"LATERAL (SELECT CASE {missing}{judged} END AS state) AS judged WHERE state IS NOT NULL"
    )
