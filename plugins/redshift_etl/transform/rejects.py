"""Why a transform has rejected rows: file, physical line, column, value, reason, key.

This reads the files a second time, in order, and only when there was something to explain.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from redshift_etl.contracts import personal
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.csv_format import NO_HEADER, CsvFormat
from redshift_etl.contracts.transform_spec import TransformSpec
from redshift_etl.errors import SourceError
from redshift_etl.lake.files import RawFile
from redshift_etl.transform import csv_files, sql
from redshift_etl.transform.duckdb_process import DuckDB
from redshift_etl.transform.reasons import reason
from redshift_etl.transform.value_checks import literal, not_valid

KEPT = 1000


@dataclass(frozen=True)
class Reject:
    """One reason why one row was rejected. ``line`` counts from 1 as an editor does, header included.

    ``lines`` is how many the row spans: a quoted value may have line ends.
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
    relation = sql.files_relation([file], list(spec.columns), limit, spec.csv)
    duck.run(sql.raw_view(relation, spec.columns, beside))
    rows = duck.run(sql.explain(spec.select, contract.columns, types, contract.key, limit, beside))
    broken = duck.run(
        f"SELECT line, any_value(column_name), any_value(left(csv_line, {sql.SHOWN_CHARS})), any_value(error_message) "
        "FROM reject_errors "
        f"JOIN reject_scans USING (scan_id, file_id) WHERE file_path = {literal(file.path.name)} "
        "GROUP BY line ORDER BY line"
    )
    records = _Records(file, spec.csv, {line for line, *_ in broken}, {row for row, *_ in rows}, len(spec.columns))
    rejects = [
        Reject(file.url, *records.lines_of_record(line), column, text, _broken(message), {})
        for line, column, text, message in broken
    ]
    for row, problems, key in rows:
        place = records.lines_of_row(row)
        found = (_explained(problem, spec, contract) for problem in json.loads(problems))
        rejects += [Reject(file.url, *place, key=_named(key), **problem) for problem in found]
    return sorted((_shown(it, contract) for it in rejects), key=lambda reject: reject.line), records.rows


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


class _Records:
    """Where records begin. DuckDB numbers records (the header is the first), and a quoted value may span lines.

    Only the places of the ``broken`` records, of the ``wanted`` rows and of the last record are kept in memory.
    """

    def __init__(self, file: RawFile, form: CsvFormat, broken: set[int], wanted: set[int], columns: int) -> None:
        self._file, self._broken, self._wanted = file, broken, wanted
        self._skip_empty = columns > 1  # as DuckDB does
        self._of_record: dict[int, tuple[int, int]] = {}
        self._of_row: dict[int, tuple[int, int]] = {}
        self._last = (1, 1)
        self.rows = self._good = 0
        first = 1 if form.header == NO_HEADER else 2
        # Those of a file that was written again are UTF-8.
        for record, place, empty in self._each(CsvFormat(form.delimiter, form.quote)):
            if record >= first and not empty:
                self._count(record, place)
            if record in broken:
                self._of_record[record] = place
            self._last = place

    def _each(self, form: CsvFormat) -> Iterator[tuple[int, tuple[int, int], bool]]:
        """The records in order: number, first line and number of lines, and whether DuckDB skips it."""
        record, begin, empty, goes_on = 0, 1, False, False
        for number, (line, still) in enumerate(csv_files.lines(self._file, form), 1):
            if not goes_on:
                record, begin = record + 1, number
                empty = self._skip_empty and not line.strip("\r\n")
            if len(line) >= csv_files.LINE_CHARS:
                raise SourceError(
                    f"A line has more than {csv_files.LINE_CHARS} characters, which is more than Redshift takes.",
                    fix="ask who writes it",
                    file=self._file.url,
                    line=number,
                )
            goes_on = still
            if not goes_on:
                yield record, (begin, number - begin + 1), empty
        if goes_on:
            raise SourceError(
                f"A quoted value is never closed: the last {number - begin + 1} lines of the file would be one row.",
                fix="ask who writes it; where quotes are a part of the text, declare `quote` in the transform",
                file=self._file.url,
                line=begin,
            )

    def _count(self, record: int, place: tuple[int, int]) -> None:
        """Count a row of the file, and keep its place when it is one of those wanted."""
        self.rows += 1
        if record not in self._broken:
            self._good += 1
            if self._good in self._wanted:
                self._of_row[self._good] = place

    def lines_of_record(self, record: int) -> tuple[int, int]:
        """The line that a broken record begins on, and how many it has; the last record's for one beyond the end."""
        return self._of_record.get(record, self._last)

    def lines_of_row(self, row: int) -> tuple[int, int]:
        """The same for a wanted row, counted over the records that are neither broken nor empty."""
        return self._of_row.get(row, self._last)
