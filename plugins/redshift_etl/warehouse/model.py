"""What a load is given and what it gives back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse import load_sql


@dataclass(frozen=True)
class Run:
    """Who loads: the task instance, for the history."""

    dag_id: str
    run_id: str
    task_id: str
    try_number: int


@dataclass(frozen=True)
class Load:
    """One batch to load: its contract, manifest (None when there is nothing to copy), window and counts before."""

    contract: Contract
    source: load_sql.CopySource | None
    window_start: datetime | None
    window_end: datetime | None
    window_days: tuple[date, ...]
    extracted: int
    rejected: int
    rows: int
    extracted_at: datetime
    run: Run

    @property
    def label(self) -> str:
        """Table, window and run, for log lines."""
        window = f" [{self.window_start:%Y-%m-%dT%H:%M}, {self.window_end:%Y-%m-%dT%H:%M})" if self.window_start else ""
        return f"{self.contract.table}{window} {self.run.run_id}"


@dataclass(frozen=True)
class Counts:
    """What became of the staged rows."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    superseded: int = 0


@dataclass(frozen=True)
class Result:
    """A committed load."""

    load_id: str
    table: str
    staged: int
    counts: Counts
    rows_after: int

    def as_dict(self) -> dict[str, object]:
        """For XCom."""
        return {
            "load_id": self.load_id,
            "table": self.table,
            "staged": self.staged,
            "rows_after": self.rows_after,
        } | asdict(self.counts)


def naive(moment: datetime | None) -> datetime | None:
    """UTC without a zone: what a TIMESTAMP column holds."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None
