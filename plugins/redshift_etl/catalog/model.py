"""What the warehouse has recorded about the tables: loads, sizes, checks, incidents. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from redshift_etl.incidents.model import Incident
from redshift_etl.reconcile.run import RECONCILED
from redshift_etl.warehouse import freshness as monitor
from redshift_etl.warehouse.freshness import Reach


class Freshness(StrEnum):
    """Whether a table is as fresh as its contract requires; ``stale``: a mart whose inputs have newer rows."""

    FRESH = "fresh"
    STALE = "stale"
    LATE = "late"
    NEVER = "never"
    UNMONITORED = "unmonitored"
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
    marked_deleted: int = 0
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
class Snapshot:
    """The warehouse at one moment, by table; ``missing`` names what could not be read, with the reason."""

    read_at: datetime
    loads: Mapping[str, tuple[Load, ...]] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    size_mb: Mapping[str, int] = field(default_factory=dict)
    checks: Mapping[str, tuple[CheckResult, ...]] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    reaches: Mapping[str, Reach] = field(default_factory=dict)
    stale_days: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def last(self, table: str) -> Load | None:
        """The newest load of a table."""
        loads = self.loads.get(table)
        return loads[0] if loads else None

    def row_count(self, table: str) -> int | None:
        """The rows that the last load counted, else those of the system views; None if neither has them."""
        last = self.last(table)
        return last.rows_after if last and last.rows_after is not None else self.rows.get(table)

    def missing_days(self, table: str) -> int:
        """The days on which the source had rows that the table lacked, by the last comparison of the two."""
        return sum(it.failing_rows for it in self.checks.get(table, ()) if it.check == RECONCILED)


@dataclass(frozen=True)
class FailedRow:
    """A row that failed a check."""

    check: str
    severity: str
    row_key: str
    reason: str
    failed_at: datetime


@dataclass(frozen=True)
class History:
    """The history of one table: loads newest first, checks, rows that failed them, and stale days (of a mart)."""

    table: str
    read_at: datetime
    loads: tuple[Load, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    failures: tuple[FailedRow, ...] = ()
    stale_days: tuple[date, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)


def freshness(table: str, fresh_within: timedelta | None, snapshot: Snapshot, now: datetime) -> Freshness:
    """As the monitor decides it; a mart with stale days is not fresh. Without ``fresh_within`` it is not monitored."""
    status = Freshness(monitor.status(fresh_within, snapshot.reaches.get(table), now))
    if status == Freshness.FRESH and snapshot.stale_days.get(table):
        return Freshness.STALE
    return Freshness.UNMONITORED if fresh_within is None else status
