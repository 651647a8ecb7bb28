"""Why a transform has rejected rows: file, physical line, column, value, reason, key.

This reads the files a second time, in order, and only when there was something to explain.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from redshift_etl.contracts import personal
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.transform_spec import PARQUET, TransformSpec
from redshift_etl.lake.files import RawFile
from redshift_etl.transform import sql
from redshift_etl.transform.duckdb_process import DuckDB
from redshift_etl.transform.reasons import reason
from redshift_etl.transform.records import CsvRecords, JsonRecords, NumberedRecords, Records
from redshift_etl.transform.value_checks import literal, not_valid

KEPT = 1000
_BROKEN = (
    f"SELECT line, any_value(column_name), any_value(left(csv_line, {sql.SHOWN_CHARS})), any_value(error_message) "
    "FROM reject_errors JOIN reject_scans USING (scan_id, file_id) WHERE file_path = {file} GROUP BY line ORDER BY line"
)


@dataclass(frozen=True)
class Reject:
    """One reason why one row was rejected. ``line`` counts from 1 as an editor does, header included.

    Of a Parquet file, which has no lines, it is the row's number. ``lines`` is how many lines the row spans: a quoted
    value may have line ends.
    """

    file: str
    line: int
    lines: int
    column: str | None
    value: str | None
    reason: str
    key: Mapping[str, str | None]

    def as_line(self) -> str:
        """For the rejects file: JSON lines."""
        return json.dumps(vars(self), ensure_ascii=False) + "\n"


def lines(rejects: Iterable[Reject]) -> int:
    """How many lines of the files were rejected."""
    return sum({(reject.file, reject.line): reject.lines for reject in rejects}.values())


def find(
    duck: DuckDB, spec: TransformSpec, contract: Contract, types: Mapping[str, str], files: Iterable[RawFile]
) -> tuple[list[Reject], int]:
    """The rejects of the files in order, and how many rows the files have, counted without DuckDB.

    ``duck`` must read in order. Both are complete when no more rows than the contract's ``max_rejects`` are rejected.
    Raises SourceError for a quoted value that is never closed and for a line that is too long: DuckDB may skip what
    follows them.
    """
    limit = max(contract.max_rejects, KEPT)
    found: list[Reject] = []
    rejected = rows = 0
    for file in files:
        if rejected > limit:
            break
        some, records = _of_file(duck, spec, contract, types, file, limit)
        rejected += len({reject.line for reject in some})
        rows += records
        found += some
    return found, rows


def _of_file(
    duck: DuckDB, spec: TransformSpec, contract: Contract, types: Mapping[str, str], file: RawFile, limit: int
) -> tuple[list[Reject], int]:
    beside = sql.Explaining.beside(spec.columns, types)
    relation = sql.files_relation([file], spec, limit)
    duck.run(sql.raw_view(relation, spec.columns, beside))
    rows = duck.run(sql.explain(spec.select, contract.columns, types, contract.key, limit, beside))
    broken = duck.run(_BROKEN.format(file=literal(file.path.name))) if spec.format != PARQUET else []
    records = _records(duck, file, spec, relation, {line for line, *_ in broken}, {row for row, *_ in rows})
    rejects = [
        Reject(file.url, *records.lines_of_record(line), column, text, _broken(message), {})
        for line, column, text, message in broken
    ]
    for row, problems, key in rows:
        place = records.lines_of_row(row)
        found = (_explained(problem, spec, contract) for problem in json.loads(problems))
        rejects += [Reject(file.url, *place, key=_named(key), **problem) for problem in found]
    return sorted((_shown(it, contract) for it in rejects), key=lambda reject: reject.line), records.rows


def _records(
    duck: DuckDB, file: RawFile, spec: TransformSpec, relation: str, broken: set[int], wanted: set[int]
) -> Records:
    if spec.format == PARQUET:
        [[rows]] = duck.run(f"SELECT count(*) FROM {relation}")
        return NumberedRecords(rows)
    if file.made_of:
        return JsonRecords(RawFile(file.url, file.made_of), broken, wanted)
    return CsvRecords(file, spec.csv, broken, wanted, len(spec.columns))


def _shown(reject: Reject, contract: Contract) -> Reject:
    """The reject without personal data."""
    value = reject.value if personal.may_show(contract, reject.column) else personal.HIDDEN
    return replace(reject, value=value, key=personal.key(contract, reject.key))


def _named(key: str) -> dict[str, str | None]:
    return {name: value for name, value in json.loads(key).items() if name}


def _explained(problem: dict[str, Any], spec: TransformSpec, contract: Contract) -> dict[str, Any]:
    """The problem, with a better reason where there is one than that the value is not of its column's type."""
    kind = spec.columns.get(problem["column"])
    if kind is None or kind.is_text:
        kind = next((it.type for it in contract.columns if it.name == problem["column"]), None)
    if kind is None or problem["reason"] != not_valid(kind):
        return problem
    return {**problem, "reason": reason(kind, problem["value"]) or problem["reason"]}


def _broken(message: str) -> str:
    """Why DuckDB has refused a line."""
    if message.startswith("Invalid unicode"):
        return "is not UTF-8: declare `encoding` in the transform, or ask who writes the file for UTF-8"
    return f"is not CSV as expected: {message.partition(chr(10))[0].strip()}"
