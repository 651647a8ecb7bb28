"""A batch into its table, in one transaction.

The stage is filled and audited first, where nobody sees it. Then: LOCK the target, decide, write, prove the key unique,
reconcile the counts, record the load, COMMIT. A load that is killed anywhere has changed nothing; one that is repeated
changes nothing more; two at once wait for each other at the LOCK.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from uuid import uuid4

from redshift_etl.contract import Contract
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.warehouse import sql
from redshift_etl.warehouse.copy_errors import copy_error
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session

log = logging.getLogger(__name__)

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.5

Audit = Callable[[Session], None]


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
    source: sql.CopySource | None
    window_start: datetime | None
    window_end: datetime | None
    window_days: tuple[date, ...]
    extracted: int
    rejected: int
    rows: int
    extracted_at: datetime
    run: Run


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


def run(connect: Connect, load: Load, audits: Sequence[Audit] = (), last: Sequence[Audit] = ()) -> Result:
    """Load the batch, trying the whole of it again on a serialization conflict or a lost connection.

    ``connect`` gives a new connection, not in autocommit. ``audits`` look at the filled stage and raise to refuse it;
    those of ``last`` look at the table, inside the transaction, after everything is written.
    Raises SourceError (the batch), ConfigError (the table or the connection), TransientError (after the last attempt).
    """
    load_id, pause = uuid4().hex, FIRST_PAUSE_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _attempt(connect, load, load_id, audits, last, again=attempt > 1)
        except TransientError as error:
            if attempt == ATTEMPTS:
                raise
            log.warning(
                "%s: attempt %d of %d failed, next in %.1f s: %s", _label(load), attempt, ATTEMPTS, pause, error
            )
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 — apart from others that met the same conflict
            pause *= 2
    raise AssertionError("unreachable")


def _label(load: Load) -> str:
    window = f" [{load.window_start:%Y-%m-%dT%H:%M}, {load.window_end:%Y-%m-%dT%H:%M})" if load.window_start else ""
    return f"{load.contract.table}{window} {load.run.run_id}"


def _attempt(
    connect: Connect, load: Load, load_id: str, audits: Sequence[Audit], last: Sequence[Audit], again: bool
) -> Result:
    started = datetime.now(UTC)
    with open_session(connect, _label(load)) as session:
        committed = _committed(session, load_id) if again else None
        if committed:
            return committed
        try:
            staged = _stage(connect, session, load)
            for audit in audits:
                audit(session)
            result = _transaction(session, load, load_id, staged, started, last)
        except StatementError as error:
            raise _refused(load, error) from error
        session.run(sql.analyze(load.contract.table))
        session.commit()
    log.info("%s: committed %s", _label(load), result)
    return result


def _committed(session: Session, load_id: str) -> Result | None:
    """A connection lost during COMMIT leaves open whether it happened; the history row knows."""
    rows = session.run(sql.committed_load(load_id))
    session.commit()
    if not rows:
        return None
    table, staged, inserted, updated, unchanged, deleted, superseded, rows_after = rows[0]
    return Result(load_id, table, staged, Counts(inserted, updated, unchanged, deleted, superseded), rows_after)


def _stage(connect: Connect, session: Session, load: Load) -> int:
    contract = load.contract
    session.run(sql.create_stage(contract))
    session.commit()
    if load.source:
        backend = session.value(sql.backend_pid())
        try:
            session.run(sql.copy_stage(contract, load.source))
        except StatementError as error:
            session.connection.rollback()
            raise copy_error(connect, backend, contract, error) from error
        session.commit()
    staged = int(session.value(sql.count_rows(sql.STAGE)))
    if staged != load.rows:
        raise SourceError(
            f"The manifest promises {load.rows} rows and COPY staged {staged}.",
            fix="run the extract again: a staged file is not the one that was written",
            table=contract.table,
        )
    if contract.key and session.value(sql.null_keys(contract)):
        raise SourceError(
            "The batch has rows whose key is NULL.", fix="mend the source", table=contract.table, key=contract.key
        )
    return staged


def _transaction(
    session: Session, load: Load, load_id: str, staged: int, started: datetime, last: Sequence[Audit]
) -> Result:
    contract = load.contract
    with session.transaction():
        if contract.load == "full_refresh":
            counts = _refresh(session, load, staged)
        else:
            counts = _upsert(session, load, load_id)
            _reconcile(load, staged, counts)
        _prove_unique(session, contract)
        rows_after = int(session.value(sql.count_rows(contract.table)))
        result = Result(load_id, contract.table, staged, counts, rows_after)
        session.run(_history_row(load, result, started))
        for audit in last:
            audit(session)
    return result


def _upsert(session: Session, load: Load, load_id: str) -> Counts:
    contract = load.contract
    session.run(sql.lock(contract.table))
    session.run(sql.decide(contract))
    counted = {outcome: int(rows) for outcome, rows in session.run(sql.count_outcomes())}
    counted.pop("standing", None)
    counts = Counts(**counted)
    if counts.updated or counts.deleted:
        session.run(sql.delete_replaced(contract))
    if counts.inserted or counts.updated or counts.deleted:
        session.run(sql.insert_decided(contract))
    if contract.day:
        session.run(sql.touch_days(contract, load_id, load.window_days))
    return counts


def _refresh(session: Session, load: Load, staged: int) -> Counts:
    """Replace the whole table, unless the batch is empty, suspiciously small, or older than what is there."""
    contract = load.contract
    repeated = session.run(sql.repeated_keys(contract, sql.STAGE))
    if repeated:
        raise SourceError(
            "The batch has the same key more than once.", fix="mend the source", table=contract.table, keys=repeated
        )
    session.commit()
    session.run(sql.lock(contract.table, "etl.load_history"))
    newest = session.value(sql.newest_extract(contract.table))
    if newest and newest.replace(tzinfo=UTC) > load.extracted_at:
        log.warning("%s: a refresh read later (%s) is there already; nothing is changed", _label(load), newest)
        return Counts(superseded=staged)
    before, inserted, gone, same = map(int, session.run(sql.compare_refresh(contract))[0])
    if staged == 0 or staged < before * contract.may_shrink_to:
        raise SourceError(
            f"The batch has {staged} rows where the table has {before}.",
            fix="look at the source; if it is right, lower `may_shrink_to` in the contract for this run",
            table=contract.table,
        )
    if inserted or gone or same != staged:
        for statement in sql.replace_all(contract):
            session.run(statement)
    return Counts(inserted=inserted, updated=staged - inserted - same, unchanged=same, deleted=gone)


def _reconcile(load: Load, staged: int, counts: Counts) -> None:
    accounted = sum(asdict(counts).values())
    if staged != accounted or load.extracted != staged + load.rejected:
        raise SourceError(
            f"The counts do not add up: extracted {load.extracted}, rejected {load.rejected}, "
            f"staged {staged}, {counts}.",
            fix="run the extract again; if it stays, the transform loses rows",
            table=load.contract.table,
        )


def _prove_unique(session: Session, contract: Contract) -> None:
    repeated = session.run(sql.repeated_target_keys(contract))
    if repeated:
        raise ConfigError(
            "The table holds the same key more than once; something else has written to it.",
            fix=f"find and delete the copies: SELECT … GROUP BY {', '.join(contract.key)} HAVING COUNT(*) > 1",
            table=contract.table,
            keys=repeated,
        )


def _refused(load: Load, error: StatementError) -> ConfigError:
    return ConfigError(
        f"The warehouse refuses to {error.statement.purpose}: {error.message}.",
        fix="read the statement below; its table, its grants or its SQL in this repository",
        table=load.contract.table,
        code=error.code,
        statement=error.statement.sql,
    )


def _history_row(load: Load, result: Result, started: datetime) -> sql.Statement:
    now = datetime.now(UTC)
    row: dict[str, object] = {
        "load_id": result.load_id,
        "table_name": result.table,
        "load_kind": load.contract.load,
        "window_start": naive(load.window_start),
        "window_end": naive(load.window_end),
        **asdict(load.run),
        "manifest": load.source.manifest_url if load.source else None,
        "extracted": load.extracted,
        "staged": result.staged,
        **asdict(result.counts),
        "rejected": load.rejected,
        "rows_after": result.rows_after,
        "extracted_at": naive(load.extracted_at),
        "started_at": naive(started),
        "committed_at": naive(now),
        "seconds": (now - started).total_seconds(),
    }
    return sql.insert_rows("etl.load_history", tuple(row), [tuple(row.values())], "record the load")


def naive(moment: datetime | None) -> datetime | None:
    """UTC without a zone: what a TIMESTAMP column holds."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None
