"""Raw files to files that satisfy a table's contract: DuckDB, one streaming pass, in constant memory.

Rows that break the contract are rejected: counted and explained in the lake's ``rejects`` zone. Then
extracted = staged + rejected must be true, or the task fails.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from redshift_etl import settings
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import transform_spec
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.transform_spec import COLUMNAR_JSON, JSON_LINES, PARQUET, TransformSpec
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.extract import columnar_json
from redshift_etl.lake import archives
from redshift_etl.lake.batch import NOT_COUNTED, REJECTS, STAGED, Batch, prefix
from redshift_etl.lake.files import RawFile
from redshift_etl.lake.part_writer import PART_BYTES, UPLOADS
from redshift_etl.lake.storage import Lake
from redshift_etl.transform import csv_files, json_lines, output_columns, parquet_files, rejects, sql, tempdir
from redshift_etl.transform.duckdb_process import DuckDB, DuckDBError
from redshift_etl.transform.rejects import Reject
from redshift_etl.transform.value_checks import literal

log = logging.getLogger(__name__)

_STAGED = "staged"
_NO_SPACE = os.strerror(errno.ENOSPC)  # as DuckDB reports it


@dataclass(frozen=True)
class _Staged:
    """The output of the pass: rows written, rows held back, files, and the output's DuckDB types by column.

    ``contract`` is that of the columns that the files have.
    """

    rows: int
    held_back: int
    files: Sequence[Path]
    types: Mapping[str, str]
    contract: Contract


def transform_batch(batch: Batch, *, run: str, lake: Lake) -> Batch:
    r"""Validate and cast a raw batch by its table's contract, and store it in the staged zone.

    ``run`` is this try's slug. The batch returned names the staged manifest, whose files COPY takes with
    ``FORMAT AS CSV ZSTD NULL AS '\N'`` and the contract's columns in order; with 0 rows there is no file.
    Raises SourceError for a file, a value or a count that is not right, ConfigError for a transform that is not.
    """
    started = time.monotonic()
    contract = contracts.load(batch.table).staged
    spec = transform_spec.load(contract)
    with tempdir.folder() as folder:
        tempdir.require(folder, batch.bytes)
        files = _raw_files(batch, spec, lake, folder)
        width = max(len(spec.columns), len(contract.columns))
        with DuckDB(folder, width) as duck, _explained(spec, contract, duck):
            if spec.format == PARQUET:
                files = [parquet_files.verified(duck, file, spec, batch.table) for file in files]
            staged = _stage(duck, spec, contract, files, folder)
        if staged.held_back:
            with DuckDB(folder, width, in_order=True) as duck, _explained(spec, contract, duck):
                found, rows = rejects.find(duck, spec, staged.contract, staged.types, files)
            _report(batch, contract, staged, found, run, lake)
            if batch.extracted == NOT_COUNTED:
                batch = replace(batch, extracted=rows)
        _reconcile(batch, contract, staged)
        result = _upload(batch, staged, run, lake)
    log.info(
        "Transformed %s %s: %d rows in %d files, %d rejected, %.1f s",
        batch.table, batch.window, result.rows, result.files, result.rejected, time.monotonic() - started,
    )  # fmt: skip
    return result


def _raw_files(batch: Batch, spec: TransformSpec, lake: Lake, folder: Path) -> list[RawFile]:
    """The batch's files on disk as DuckDB reads them, each with the columns that the transform expects."""
    fetched = lake.fetch(batch.manifest, folder)
    if spec.format == COLUMNAR_JSON:
        return [RawFile(entry.url, columnar_json.flatten(path, entry, spec)) for entry, path in fetched]
    files = [member for entry, path in fetched for member in archives.members(entry.url, path)]
    if spec.format == PARQUET:
        return [RawFile(url, path) for url, path in files]
    prepare = json_lines.flatten if spec.format == JSON_LINES else csv_files.prepared
    return [prepare(url, path, spec, batch.table) for url, path in files]


def _stage(duck: DuckDB, spec: TransformSpec, contract: Contract, files: Sequence[RawFile], folder: Path) -> _Staged:
    if not files:
        return _Staged(0, 0, (), {}, contract)
    _verify_single(duck, spec)
    duck.run(f"CREATE SEQUENCE {sql.BAD}")
    relation = sql.files_relation(files, spec, contract.max_rejects + rejects.KEPT)
    duck.run(sql.raw_view(relation, spec.columns))
    types = output_columns.types(duck.run(f"DESCRIBE {spec.select}"), contract)
    contract = contract.without(output_columns.left_out(types, spec, contract))
    [[rows, paths]] = duck.run(sql.stage(spec.select, contract.columns, types, contract.key, _STAGED, PART_BYTES))
    [[values]] = duck.run(f"SELECT nextval('{sql.BAD}') - 1")
    return _Staged(
        rows,
        values + _broken_lines(duck, spec),
        tuple(folder / path for path in paths) if rows else (),
        types,
        contract,
    )


def _broken_lines(duck: DuckDB, spec: TransformSpec) -> int:
    """How many lines of CSV files were no CSV."""
    if spec.format == PARQUET:
        return 0
    [[lines]] = duck.run("SELECT count(*) FROM (SELECT DISTINCT scan_id, file_id, line FROM reject_errors)")
    return int(lines)


def _verify_single(duck: DuckDB, spec: TransformSpec) -> None:
    """Raise DuckDBError for what DuckDB's own parser does not read as one SELECT."""
    [[text]] = duck.run(f"SELECT json_serialize_sql({literal(spec.select)})")
    parsed = json.loads(text)
    if parsed["error"]:
        raise DuckDBError("ParserException", parsed["error_message"])
    if len(parsed["statements"]) != 1:
        raise DuckDBError("ParserException", "it is more than one statement")


@contextmanager
def _explained(spec: TransformSpec, contract: Contract, duck: DuckDB) -> Iterator[None]:
    """DuckDB's refusals as ours. Bad values never get here, so the SQL is at fault, or the machine."""
    try:
        yield
    except DuckDBError as error:
        if _NO_SPACE in str(error):
            raise tempdir.full(str(error)) from error
        fix = f"edit {settings.shown(spec.path)}; wrap what can fail on a value in try(…)"
        if error.kind == "OutOfMemoryException":
            fix = (
                f"set AIRFLOW__REDSHIFT_ETL__TRANSFORM_MEMORY above {settings.transform_memory()}, in MB (this table "
                f"had {duck.limits['memory_limit']}), and give the worker as much more; or narrow the window"
            )
        message = " ".join(str(error).split())
        raise ConfigError(f"DuckDB refuses the transform: {message}", fix=fix, table=contract.table) from error


def _report(batch: Batch, contract: Contract, staged: _Staged, found: list[Reject], run: str, lake: Lake) -> None:
    """Store the rejects with their reasons. Raises SourceError when there are more than the contract allows."""
    key = f"{prefix(REJECTS, batch.table, batch.window, run)}/rejects.jsonl"
    report = lake.put(key, "".join(reject.as_line() for reject in found).encode())
    log.warning("Rejected %d rows of %s %s: %s", staged.held_back, batch.table, batch.window, report.url)
    lines = max(staged.held_back, rejects.lines(found))
    if lines <= contract.max_rejects:
        return
    first = found[0]
    spanning = f" (they span {lines} lines)" if lines > staged.held_back else ""
    raise SourceError(
        f"{staged.held_back} of {staged.rows + staged.held_back} rows break the contract{spanning}; "
        f"the first: {first.column or 'the line'} {first.reason}.",
        fix=f"fix the source, or change {contract.path.name} or max_rejects ({contract.max_rejects}); "
        f"all: {report.url}",
        table=batch.table,
        column=first.column,
        value=first.value,
        key=dict(first.key) or None,
        file=first.file,
        line=first.line,
    )


def _reconcile(batch: Batch, contract: Contract, staged: _Staged) -> None:
    read = staged.rows + staged.held_back
    if read == 0 and contract.load == "full_refresh":
        raise SourceError(
            "The source has no rows, and this table is replaced whole.",
            fix="ask the source's owner; the table is unchanged",
            table=batch.table,
            manifest=batch.manifest,
        )
    if batch.extracted not in (read, NOT_COUNTED):
        raise SourceError(
            "The raw files do not have the rows that were extracted, or the transform drops some.",
            fix="clear the extract task; if it happens again, the transform must return one row for each raw row",
            table=batch.table,
            extracted=batch.extracted,
            staged=staged.rows,
            rejected=staged.held_back,
            manifest=batch.manifest,
        )


def _upload(batch: Batch, staged: _Staged, run: str, lake: Lake) -> Batch:
    below = prefix(STAGED, batch.table, batch.window, run)
    keys = [f"{below}/part-{number:05d}.csv.zst" for number in range(len(staged.files))]
    with ThreadPoolExecutor(UPLOADS) as pool:
        entries = list(pool.map(lake.put_file, keys, staged.files))
    return replace(
        batch,
        run=run,
        manifest=lake.write_manifest(below, entries),
        rows=staged.rows,
        bytes=sum(entry.bytes for entry in entries),
        files=len(entries),
        extracted=staged.rows + staged.held_back,
        rejected=staged.held_back,
        left_out=staged.contract.left_out,
    )
