"""What the warehouse knows about the tables, as values: loads, sizes, checks, incidents. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from redshift_etl.warehouse import freshness as monitor


class Freshness(StrEnum):
    """Whether a table keeps its promise (``fresh_within``)."""

    FRESH = "fresh"
    LATE = "late"
    NEVER = "never"
    UNWATCHED = "unwatched"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Load:
    """A committed load, or a build of a mart (``days`` of it, all rows counted as inserted). Times are UTC."""

    table: str
    kind: str
    at: datetime
    seconds: float
    window_start: datetime | None
    window_end: datetime | None
    dag_id: str
    run_id: str
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    superseded: int
    rejected: int
    rows_after: int | None
    days: int | None = None

    @property
    def changed(self) -> int:
        """Rows that the load wrote or removed."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True)
class CheckResult:
    """The last outcome of a check (passed, warned, failed); ``description`` may be empty."""

    table: str
    check: str
    severity: str
    outcome: str
    failing_rows: int
    checked_at: datetime
    description: str = ""


@dataclass(frozen=True)
class Incident:
    """Something that failed after its last retry; open while ``resolved_at`` is None."""

    id: str
    opened_at: datetime
    resolved_at: datetime | None
    dag_id: str
    task_id: str
    run_id: str
    table: str | None
    error_class: str
    who_acts: str
    summary: str
    occurrences: int


@dataclass(frozen=True)
class Snapshot:
    """The warehouse at one moment, by table; ``missing`` says what could not be read, and why."""

    read_at: datetime
    loads: Mapping[str, tuple[Load, ...]] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    size_mb: Mapping[str, int] = field(default_factory=dict)
    checks: Mapping[str, tuple[CheckResult, ...]] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    def last(self, table: str) -> Load | None:
        """The newest load of a table."""
        loads = self.loads.get(table)
        return loads[0] if loads else None

    def row_count(self, table: str) -> int | None:
        """Rows: as the last load counted them, else as the system views say."""
        last = self.last(table)
        return last.rows_after if last and last.rows_after is not None else self.rows.get(table)

    def open_incidents(self, table: str) -> tuple[Incident, ...]:
        """The incidents of a table that are not resolved."""
        return tuple(it for it in self.incidents if it.table == table and it.resolved_at is None)


@dataclass(frozen=True)
class FailedRow:
    """A row that a check held up."""

    check: str
    severity: str
    row_key: str
    reason: str
    failed_at: datetime


@dataclass(frozen=True)
class History:
    """One table's longer past: loads newest first, its checks, rows that failed them, days that are stale (a mart)."""

    table: str
    read_at: datetime
    loads: tuple[Load, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    failures: tuple[FailedRow, ...] = ()
    stale_days: tuple[date, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)


def freshness(fresh_within: timedelta | None, last: Load | None, now: datetime) -> Freshness:
    """As the monitor has it; a table whose contract promises nothing is not watched."""
    if fresh_within is None:
        return Freshness.UNWATCHED
    return Freshness(monitor.status(fresh_within, last.at if last else None, now))
