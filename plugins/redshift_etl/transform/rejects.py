"""Why a transform has rejected rows: file, physical line, column, value, reason, key.

This reads the files a second time, in order, and only when there was something to explain.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.transform_spec import TransformSpec
from redshift_etl.lake.files import RawFile, opened
from redshift_etl.transform import sql
from redshift_etl.transform.duckdb_process import DuckDB

KEPT = 1000


@dataclass(frozen=True)
class Reject:
    """One reason why one row was rejected. ``line`` counts from 1 as an editor does, header included."""

    file: str
    line: int
    column: str | None
    value: str | None
    reason: str
    key: Mapping[str, str | None]

    def as_line(self) -> str:
        """For the rejects file: JSON lines."""
        return json.dumps(vars(self), ensure_ascii=False) + "\n"


def find(
    duck: DuckDB, spec: TransformSpec, contract: Contract, types: Mapping[str, str], files: Iterable[RawFile]
) -> list[Reject]:
    """The rejects of the files in order: all of them up to the contract's ``max_rejects``, else the first of many."""
    limit = max(contract.max_rejects, KEPT)
    duck.run("SET threads = 1")
    duck.run("SET preserve_insertion_order = true")
    found: list[Reject] = []
    for file in files:
        if len(found) >= limit:
            break
        found += _of_file(duck, spec, contract, types, file, limit)
    return found


def _of_file(
    duck: DuckDB, spec: TransformSpec, contract: Contract, types: Mapping[str, str], file: RawFile, limit: int
) -> list[Reject]:
    [[earlier]] = duck.run("SELECT coalesce(max(scan_id), -1) FROM reject_errors")
    relation = sql.csv_relation([str(file.path)], list(spec.columns), limit)
    beside = sql.Explaining.beside(spec.columns, types)
    duck.run(sql.raw_view(relation, spec.columns, beside))
    rows = duck.run(sql.explain(spec.select, contract.columns, types, contract.key, limit, beside))
    broken = duck.run(
        "SELECT line, any_value(column_name), any_value(csv_line), any_value(error_message) FROM reject_errors "
        f"WHERE scan_id > {earlier} GROUP BY line ORDER BY line"
    )
    records = _Records(file.path, {line for line, *_ in broken})
    rejects = [
        Reject(file.url, records.line_of_record(line), column, text, f"is not CSV as expected: {_first(message)}", {})
        for line, column, text, message in broken
    ]
    for row, problems, key in rows:
        line = records.line_of_row(row)
        rejects += [Reject(file.url, line, key=_named(key), **problem) for problem in json.loads(problems)]
    return sorted(rejects, key=lambda reject: reject.line)


def _named(key: str) -> dict[str, str | None]:
    return {name: value for name, value in json.loads(key).items() if name}


def _first(message: str) -> str:
    return message.split("\n", 1)[0].strip()


class _Records:
    """Where records begin. DuckDB numbers records (the header is the first), and a quoted value may span lines."""

    def __init__(self, path: Path, broken: set[int]) -> None:
        csv.field_size_limit(sys.maxsize)
        self._begins = array("Q", [0])
        with opened(path) as stream:
            reader = csv.reader(io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline=""))
            begins = 1
            for _ in reader:
                self._begins.append(begins)
                begins = reader.line_num + 1
        self._rows = array("Q", (record for record in range(2, len(self._begins)) if record not in broken))

    def line_of_record(self, record: int) -> int:
        """The line that a record begins on; the last record's for one beyond the end."""
        return self._begins[min(record, len(self._begins) - 1)]

    def line_of_row(self, row: int) -> int:
        """The same for a row, counted over the records that are not broken."""
        return self.line_of_record(self._rows[min(row, len(self._rows)) - 1])
