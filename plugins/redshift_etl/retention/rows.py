"""Deletes the rows past their contract's retention: a calendar month at a time, each archived to the lake first.

A slice is one transaction: LOCK the table's lock table, count, UNLOAD, compare the archive with the count, DELETE,
record, COMMIT. So what is deleted is what the archive has, a run that is killed has deleted whole slices or nothing,
and readers never wait. Deleting makes no mart
stale: their old days stay as they were built.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from redshift_etl import settings
from redshift_etl.contracts.contract import Contract, Retention
from redshift_etl.contracts.ddl import Column
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.warehouse import migrate
from redshift_etl.warehouse.model import Run
from redshift_etl.warehouse.retry import transaction
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement, column_name, count_rows, ident, insert_row, literal
from redshift_etl.window import utc_now

log = logging.getLogger(__name__)

HISTORY = "etl.retention_history"

ArchivedRows = Callable[[str], int]
"""The rows that an UNLOAD's manifest (its s3:// URL) counts."""


@dataclass(frozen=True)
class Archive:
    """Where UNLOAD writes: an s3:// prefix of this run, the role that Redshift assumes, and how to read a manifest."""

    prefix: str
    iam_role: str
    rows: ArchivedRows


@dataclass(frozen=True)
class Slice:
    """Part of a table's past: ``[start, end)`` of its retention column (UTC without a zone)."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Plan:
    """What retention would delete of one table."""

    contract: Contract
    cutoff: datetime
    total: int
    past: int
    slices: tuple[Slice, ...]

    @property
    def share(self) -> float:
        """The part of the table that is past its retention."""
        return self.past / self.total if self.total else 0.0


def cutoff(rule: Retention, now: datetime) -> datetime:
    """The midnight (UTC, without a zone) before which rows may go."""
    return datetime.combine((now.astimezone(UTC) - rule.age).date(), time())


def months(oldest: datetime, end: datetime) -> Iterator[Slice]:
    """The calendar months from the oldest row to the cutoff."""
    start = oldest
    while start < end:
        following = datetime.combine(date(start.year + start.month // 12, start.month % 12 + 1, 1), time())
        yield Slice(start, min(following, end))
        start = following


def count_past(contract: Contract, rule: Retention, before: datetime) -> Statement:
    """Rows in all, rows that may go, and the oldest of them."""
    column = column_name(rule.column)
    return Statement(
        "count what is past its retention",
        f"SELECT COUNT(*), COUNT(CASE WHEN {column} < %s THEN 1 END), MIN({column}) FROM {ident(contract.table)}",
        (before,),
    )


def _where(rule: Retention, part: Slice) -> str:
    column = column_name(rule.column)
    return f"{column} >= {literal(str(part.start))} AND {column} < {literal(str(part.end))}"


def count(contract: Contract, rule: Retention, part: Slice) -> Statement:
    """Rows of a slice."""
    return Statement("count the slice", f"SELECT COUNT(*) FROM {ident(contract.table)} WHERE {_where(rule, part)}")


def unload(contract: Contract, rule: Retention, part: Slice, archive: Archive, prefix: str) -> Statement:
    """Write the slice to the lake as Parquet, with a manifest that counts its rows (AWS, UNLOAD)."""
    selected = ", ".join(map(_archived, contract.columns))
    query = f"SELECT {selected} FROM {ident(contract.table)} WHERE {_where(rule, part)}"
    return Statement(
        "archive the slice",
        f"UNLOAD ({literal(query)})\nTO {literal(prefix)}\nIAM_ROLE {literal(archive.iam_role)}\n"
        "FORMAT AS PARQUET\nMANIFEST VERBOSE",
    )


def _archived(column: Column) -> str:
    """Parquet has no zone in UNLOAD's files, so that a moment is archived as the UTC time."""
    name = column_name(column.name)
    return f"{name} AT TIME ZONE 'UTC' AS {name}" if column.type.name == "TIMESTAMPTZ" else name


def delete(contract: Contract, rule: Retention, part: Slice) -> Statement:
    """Delete the slice."""
    return Statement("delete the slice", f"DELETE FROM {ident(contract.table)} WHERE {_where(rule, part)}")


def plan(connect: Connect, contract: Contract, now: datetime) -> Plan | None:
    """What would be deleted; None for a table without retention. Raises ConfigError when the query fails."""
    rule = contract.retention
    if rule is None:
        return None
    migrate.ensure(connect, contract.table)
    before = cutoff(rule, now)
    with open_session(connect, contract.table) as session:
        try:
            total, past, oldest = session.run(count_past(contract, rule, before))[0]
        except StatementError as error:
            raise _refused(contract, error) from error
    if isinstance(oldest, date) and not isinstance(oldest, datetime):
        oldest = datetime.combine(oldest, time())
    slices = tuple(months(oldest.replace(tzinfo=None), before)) if past else ()
    return Plan(contract, before, int(total), int(past), slices)


def run(connect: Connect, expiry: Plan, archive: Archive, run: Run) -> int:
    """Archive and delete every slice of a plan, each in a transaction of its own. Returns the rows deleted."""
    contract, deleted, label = expiry.contract, 0, f"retention of {expiry.contract.table}"
    migrate.ensure(connect, HISTORY)
    for part in expiry.slices:
        try:
            deleted += _expire(connect, label, contract, part, archive, run)
        except StatementError as error:
            raise _refused(contract, error) from error
    log.info("%s: %d rows before %s archived and deleted", contract.table, deleted, expiry.cutoff)
    return deleted


def _expire(connect: Connect, label: str, contract: Contract, part: Slice, archive: Archive, run: Run) -> int:
    """Archive and delete a slice. Each try has a prefix of its own: UNLOAD refuses one that has files."""
    place = f"{archive.prefix}/{contract.table}/{part.start:%Y%m%dT%H%M%S}-{part.end:%Y%m%dT%H%M%S}"
    tried: list[str] = []

    def work(session: Session) -> int:
        """One try."""
        tried.append(f"{place}-{len(tried) + 1}/" if tried else f"{place}/")
        return _slice(session, contract, part, archive, tried[-1], run)

    return transaction(connect, label, contract.table, work, lambda session: _committed(session, tried))


def _committed(session: Session, tried: Sequence[str]) -> int | None:
    """The rows that an earlier try of a slice has deleted, by the place of its archive."""
    if not tried:
        return None
    found = session.run(
        Statement(
            "check whether the deletion was committed",
            f"SELECT rows_deleted FROM {HISTORY} WHERE archive IN ({', '.join('%s' for _ in tried)})",
            tuple(map(_manifest, tried)),
        )
    )
    return int(found[0][0]) if found else None


def _manifest(prefix: str) -> str:
    return f"{prefix}manifest"


def _slice(session: Session, contract: Contract, part: Slice, archive: Archive, prefix: str, run: Run) -> int:
    rule = contract.retention
    assert rule is not None
    rows = int(session.value(count(contract, rule, part)))
    if not rows:
        return 0
    left = int(session.value(count_rows(contract.table))) - rows
    session.run(unload(contract, rule, part, archive, prefix))
    archived = archive.rows(_manifest(prefix))
    if archived != rows:
        raise SourceError(
            f"The archive has {archived} rows and the slice {rows}; nothing was deleted.",
            fix="check the archive's files; run retention again",
            table=contract.table,
            archive=prefix,
        )
    row = {
        "table_name": contract.table,
        "slice_start": part.start,
        "slice_end": part.end,
        "rows_deleted": rows,
        "rows_after": left,
        "archive": _manifest(prefix),
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "deleted_at": utc_now(),
    }
    session.run_step((delete(contract, rule, part), insert_row(HISTORY, row, "record the deletion")))
    return rows


def _refused(contract: Contract, error: StatementError) -> ConfigError:
    rule = contract.retention
    fix = f"correct `retention` in {settings.shown(contract.path)}, or the table; nothing of this slice was deleted"
    return error.explained(fix, table=contract.table, column=rule.column if rule else None)
