"""Reads the page's data from the warehouse. What cannot be read is reported as missing, not raised."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from redshift_etl.catalog import queries
from redshift_etl.catalog.model import CheckResult, FailedRow, History, Load, Snapshot
from redshift_etl.contracts.mart import Mart
from redshift_etl.incidents import table_store
from redshift_etl.marts import build
from redshift_etl.warehouse import history
from redshift_etl.warehouse.catalog_query import UNDEFINED_TABLE
from redshift_etl.warehouse.freshness import reach_of
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement
from redshift_etl.window import aware_utc, naive_utc

CHECKS_WITHIN = timedelta(days=35)  # includes the last check of a table that is loaded monthly
INCIDENTS_WITHIN = timedelta(days=30)

T = TypeVar("T")
Row = Sequence[Any]
Size = tuple[str, Any, Any]
"""A table, its rows and its size in MB; either may be NULL."""


@dataclass
class SizeCache:
    """The tables' sizes, read again when they are older than ``max_age``.

    SVV_TABLE_INFO counts the blocks of every table, which takes seconds on a large cluster.
    """

    max_age: timedelta
    rows: Sequence[Size] = ()
    read_at: datetime | None = None

    def get(self, reader: _Reader, now: datetime) -> Sequence[Size]:
        """The last sizes, or new ones; those that could not be read are read again at the next call."""
        if self.read_at is None or now - self.read_at >= self.max_age:
            self.rows = reader.rows("sizes", queries.sizes(), lambda row: (f"{row[0]}.{row[1]}", row[2], row[3]))
            self.read_at = None if "sizes" in reader.missing else now
        return self.rows


def read_snapshot(connect: Connect, now: datetime, sizes_of: SizeCache, marts: Sequence[Mart] = ()) -> Snapshot:
    """The state of all tables; of ``marts`` also the stale days.

    Raises ConfigError or TransientError when there is no connection.
    """
    with open_session(connect, "warehouse page") as session:
        reader = _Reader(session)
        loads = reader.rows("loads", queries.last_loads(), _load)
        builds = reader.rows("builds of marts", queries.last_builds(), _build)
        rows = dict(reader.rows("rows of marts", queries.mart_rows(), lambda row: (str(row[0]), int(row[1]))))
        sizes = sizes_of.get(reader, now)
        checks = reader.rows("checks", queries.last_checks(naive_utc(now - CHECKS_WITHIN)), _check)
        since = naive_utc(now - INCIDENTS_WITHIN)
        incidents = reader.rows("incidents", queries.incidents(since), table_store.from_row)
        reaches = dict(reader.rows("reach of the tables", history.newest(), lambda row: (row[0], reach_of(row[1:]))))
        stale = (
            dict(reader.rows("stale days", queries.stale_days(marts), lambda row: (row[0], int(row[1]))))
            if marts
            else {}
        )
    counts = {name: int(count) for name, count, _ in sizes if count is not None}
    return Snapshot(
        read_at=now,
        loads=_by_table([*loads, *builds]),
        rows=counts | rows,  # a mart's builds have counted its rows; the system view estimates them
        size_mb={name: int(size) for name, _, size in sizes if size is not None},
        checks=_by_table(checks),
        incidents=tuple(incidents),
        reaches=reaches,
        stale_days=stale,
        missing=reader.missing,
    )


def read_history(connect: Connect, table: str, mart: Mart | None, now: datetime) -> History:
    """The history of one table. Raises ConfigError or TransientError when there is no connection."""
    with open_session(connect, f"warehouse page, {table}") as session:
        reader = _Reader(session)
        if mart:
            loads = reader.rows("builds", queries.builds_of(table), _build)
            stale = reader.rows("stale days", build.stale_days(mart), lambda row: row[0])
        else:
            loads, stale = reader.rows("loads", queries.loads_of(table), _load), []
        checks = reader.rows("checks", queries.checks_of(table), _check)
        failures = reader.rows("failed rows", queries.failures_of(table), _failed_row)
    return History(table, now, tuple(loads), tuple(checks), tuple(failures), tuple(stale), reader.missing)


class _Reader:
    """Runs each statement in a transaction of its own, so that an error does not abort the next one."""

    def __init__(self, session: Session) -> None:
        self.session = session
        session.log_level = logging.DEBUG  # it reads every few seconds
        self.missing: dict[str, str] = {}

    def rows(self, what: str, statement: Statement, make: Callable[[Row], T]) -> list[T]:
        """The rows as values. No rows for a missing table; no rows and an entry in ``missing`` after another error."""
        try:
            rows = self.session.run(statement)
            self.session.commit()
        except StatementError as error:
            self.session.rollback()
            if error.code not in UNDEFINED_TABLE:
                self.missing[what] = error.message
            return []
        return [make(row) for row in rows]


def _by_table(items: Iterable[T]) -> dict[str, tuple[T, ...]]:
    grouped: dict[str, list[T]] = {}
    for item in items:
        grouped.setdefault(item.table, []).append(item)  # type: ignore[attr-defined]
    return {table: tuple(values) for table, values in grouped.items()}


def _load(row: Row) -> Load:
    table, kind, at, seconds, start, end, dag_id, run_id, *counts = row
    return Load(
        table, kind, aware_utc(at), float(seconds), aware_utc(start), aware_utc(end), dag_id, run_id,
        *(int(count) for count in counts),
    )  # fmt: skip


def _build(row: Row) -> Load:
    mart, at, seconds, first, last, dag_id, run_id, written, days = row
    return Load(
        mart, "partition", aware_utc(at), float(seconds), _midnight(first),
        _midnight(last + timedelta(days=1)), dag_id, run_id, int(written), 0, 0, 0, 0, 0, None, days=int(days),
    )  # fmt: skip


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _check(row: Row) -> CheckResult:
    table, check, severity, outcome, failing, at, description = row
    return CheckResult(table, check, severity, outcome, int(failing), aware_utc(at), description or "")


def _failed_row(row: Row) -> FailedRow:
    check, severity, key, reason, at = row
    return FailedRow(check, severity, key, reason, aware_utc(at))
