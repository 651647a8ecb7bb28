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
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import uuid4

from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.warehouse import load_sql
from redshift_etl.warehouse import upsert as merge
from redshift_etl.warehouse.copy_errors import copy_error
from redshift_etl.warehouse.model import Counts, Load, Result, naive
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement, analyze, count_rows, insert_rows

log = logging.getLogger(__name__)

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.5

Audit = Callable[[Session], None]


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
            log.warning("%s: attempt %d of %d failed, next in %.1f s: %s", load.label, attempt, ATTEMPTS, pause, error)
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 — apart from others that met the same conflict
            pause *= 2
    raise AssertionError("unreachable")


def _attempt(
    connect: Connect, load: Load, load_id: str, audits: Sequence[Audit], last: Sequence[Audit], again: bool
) -> Result:
    started = datetime.now(UTC)
    with open_session(connect, load.label) as session:
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
        session.run(analyze(load.contract.table))
        session.commit()
    log.info("%s: committed %s", load.label, result)
    return result


def _committed(session: Session, load_id: str) -> Result | None:
    """A connection lost during COMMIT leaves open whether it happened; the history row knows."""
    rows = session.run(load_sql.committed_load(load_id))
    session.commit()
    if not rows:
        return None
    table, staged, inserted, updated, unchanged, deleted, superseded, rows_after = rows[0]
    return Result(load_id, table, staged, Counts(inserted, updated, unchanged, deleted, superseded), rows_after)


def _stage(connect: Connect, session: Session, load: Load) -> int:
    contract = load.contract
    session.run(load_sql.create_stage(contract))
    session.commit()
    if load.source:
        backend = session.value(load_sql.backend_pid())
        try:
            session.run(load_sql.copy_stage(contract, load.source))
        except StatementError as error:
            session.connection.rollback()
            raise copy_error(connect, backend, contract, error) from error
        session.commit()
    staged = int(session.value(count_rows(load_sql.STAGE)))
    if staged != load.rows:
        raise SourceError(
            f"The manifest promises {load.rows} rows and COPY staged {staged}.",
            fix="run the extract again: a staged file is not the one that was written",
            table=contract.table,
        )
    if contract.key and session.value(load_sql.null_keys(contract)):
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
            counts = merge.refresh(session, load, staged)
        else:
            counts = merge.upsert(session, load, load_id, staged)
        rows_after = int(session.value(count_rows(contract.table)))
        result = Result(load_id, contract.table, staged, counts, rows_after)
        session.run(_history_row(load, result, started))
        for audit in last:
            audit(session)
    return result


def _refused(load: Load, error: StatementError) -> ConfigError:
    return ConfigError(
        f"The warehouse refuses to {error.statement.purpose}: {error.message}.",
        fix="read the statement below; its table, its grants or its SQL in this repository",
        table=load.contract.table,
        code=error.code,
        statement=error.statement.sql,
    )


def _history_row(load: Load, result: Result, started: datetime) -> Statement:
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
    return insert_rows("etl.load_history", tuple(row), [tuple(row.values())], "record the load")
