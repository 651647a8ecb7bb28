"""A table of a test's own, from CSV to the warehouse: by the product's transform, checks and load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from redshift_etl.checks import run as audit
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from redshift_etl.transform.run import transform_batch
from redshift_etl.warehouse import load
from redshift_etl.warehouse.history import LoadRecord
from tests.integration.batches import DAY, RUN, LoadTarget
from tests.integration.operations import connect_airflow, repository
from tests.integration.raw_files import raw


def text_of(rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV; None is an empty field and every value is quoted."""
    lines = (",".join("" if value is None else _quoted(str(value)) for value in row) for row in rows)
    return "\n".join([*lines, ""])


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


@dataclass
class TablePipeline:
    """``core.<name>``, its lake and its warehouse. ``header`` is that of its files."""

    target: LoadTarget
    lake: Lake
    table: str
    header: Sequence[str]
    runs: int = 0

    @property
    def contract(self) -> Contract:
        """That of the table."""
        return contracts.load(self.table)

    def transform(self, *rows: Sequence[object]) -> Batch:
        """The staged batch of these rows."""
        self.runs += 1
        batch = raw(self.lake, self.table, text_of([self.header, *rows]), rows=len(rows))
        batch = replace(batch, extracted_at=datetime(2013, 1, 2, self.runs, tzinfo=UTC))
        return transform_batch(batch, run=f"run-{self.runs}", lake=self.lake)

    def run(self, *rows: Sequence[object]) -> LoadRecord:
        """Transform, check and load these rows, as the operators do."""
        batch = self.transform(*rows)
        contract = self.contract.without(batch.left_out)
        window = None if contract.load == "full_refresh" else DAY
        batch = replace(batch, window=window)
        audits = audit.of(self.target.connect, contract, RUN, window)
        return load.load_batch(self.target.connect, batch, contract, RUN, audits)

    def rows(self, columns: str = "*") -> list[tuple[Any, ...]]:
        """What a reader sees, in order."""
        return sorted(self.target.rows(f"SELECT {columns} FROM {self.table}"), key=repr)


def pipeline(
    target: LoadTarget,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    contract: str,
    transform: str,
    header: Sequence[str],
) -> TablePipeline:
    """A pipeline of the table that the contract creates."""
    table = contracts.parse(contract)
    lake = connect_airflow(target, monkeypatch)
    files = {f"tables/core/{table.name}.sql": contract, f"transform/{table.name}.sql": transform}
    repository(folder / "sql", monkeypatch, files)
    return TablePipeline(target, lake, table.table, header)
