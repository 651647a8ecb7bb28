"""A batch into its table, in one transaction.

The stage is filled and audited first, where no other session sees it. Then: LOCK the target's lock table, decide,
write, prove the key unique, check the table, record the load, COMMIT. A load that is killed anywhere has changed
nothing; one that is repeated changes nothing more; two at once wait for each other at the LOCK. What loads of all
tables write (``etl.*``) comes last: a write keeps the others out of its table until the COMMIT.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from redshift_etl import settings
from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import EtlError, SourceError
from redshift_etl.lake.batch import Batch
from redshift_etl.warehouse import history, migrate, replace, snapshot, upsert
from redshift_etl.warehouse.copy_errors import copy_error, read_backend
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.model import CopySource, Load, Run
from redshift_etl.warehouse.retry import behind_lock, retry
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session
from redshift_etl.warehouse.sql import load_sql
from redshift_etl.warehouse.statement import Statement, analyze, count_rows
from redshift_etl.warehouse.upsert import Written

log = logging.getLogger(__name__)

Audit = Callable[[Session], None]
Proof = Callable[[Session, int], Sequence[Statement]]
"""A check of the written table before the COMMIT; returns the statements that record it.

It is called with the number of rows that changed without a new version.
"""


class Audits(Protocol):
    """The checks of one load: of the filled stage, and of the table before COMMIT. They raise to refuse the batch."""

    def stage(self, session: Session) -> None:
        """Check the stage, before the transaction."""

    def result(self, session: Session, unversioned: int) -> Sequence[Statement]:
        """Check the table inside the transaction, once it is written. Returns what records the checks."""


def load_batch(connect: Connect, batch: Batch, contract: Contract, run: Run, audits: Audits) -> LoadRecord:
    """Load a staged batch by the contract of its table, or of a table of the same shape. Creates what is missing.

    Raises SourceError (the batch), ConfigError (the table or the connection), TransientError (after the last attempt).
    """
    migrate.ensure(connect, batch.table)
    load = of_batch(batch, contract, run)
    return execute(connect, load, [audits.stage], [audits.result])


def of_batch(batch: Batch, contract: Contract, run: Run) -> Load:
    """What is loaded of a batch of the lake, and by whom."""
    lake = settings.lake()
    return Load(
        contract=contract,
        source=CopySource(lake.url(lake.key(batch.manifest)), settings.iam_role(), settings.region())
        if batch.rows
        else None,
        window=batch.window,
        extracted=batch.extracted,
        rejected=batch.rejected,
        rows=batch.rows,
        extracted_at=batch.extracted_at,
        run=run,
    )


def execute(connect: Connect, load: Load, audits: Sequence[Audit] = (), last: Sequence[Proof] = ()) -> LoadRecord:
    """Load the batch, trying the whole of it again on a serialization conflict or a lost connection.

    ``connect`` opens a new connection, not in autocommit. ``audits`` check the filled stage, those of ``last`` the
    table inside the transaction. Raises what ``load_batch`` raises.
    """

    def stage(session: Session) -> int:
        """Copy the batch and check it. Returns its rows."""
        staged = _stage(connect, session, load)
        for audit in audits:
            audit(session)
        return staged

    def write(session: Session, attempt: Attempt) -> LoadRecord:
        """Write the staged rows, and record the load."""
        return _write(connect, session, load, attempt, last)

    return commit_once(connect, load, stage, write)


@dataclass(frozen=True)
class Attempt:
    """One of the tries of a load: its id, which all of them have, when it began (UTC), and the rows that it staged."""

    load_id: str
    started_at: datetime
    staged: int


def commit_once(
    connect: Connect,
    load: Load,
    stage: Callable[[Session], int],
    write: Callable[[Session, Attempt], LoadRecord],
) -> LoadRecord:
    """Stage, then write in one transaction behind the table's LOCK; all again after a conflict or a lost connection.

    ``write`` records the load under the attempt's id, by which one whose COMMIT was not answered is found.
    """
    load_id = uuid4().hex
    return retry(load.label, lambda number: _attempt(connect, load, load_id, stage, write, again=number > 1))


def _attempt(
    connect: Connect,
    load: Load,
    load_id: str,
    stage: Callable[[Session], int],
    write: Callable[[Session, Attempt], LoadRecord],
    again: bool,
) -> LoadRecord:
    started_at, locked = datetime.now(UTC), load.contract.locked_as
    with open_session(connect, load.label) as session:
        if again and (found := behind_lock(session, locked, lambda it: history.find_committed(it, load_id))):
            return found
        try:
            staged = stage(session)
            record = behind_lock(session, locked, lambda it: write(it, Attempt(load_id, started_at, staged)))
        except StatementError as error:
            fix = "read the statement below; its table, its grants or its SQL in this repository"
            raise error.explained(fix, table=load.contract.table) from error
        log.info("%s: committed %s", load.label, record)
        _analyze(session, load)
    return record


def _analyze(session: Session, load: Load) -> None:
    """Refresh the statistics, if that can be done: the rows are committed, and retention's maintenance does it too."""
    try:
        session.run(analyze(load.contract.table))
        session.commit()
    except EtlError as error:
        log.warning("%s: the load is committed; its table has old statistics: %s", load.label, error)


def _stage(connect: Connect, session: Session, load: Load) -> int:
    session.run(load_sql.create_stage(load.contract))
    session.commit()
    contract = load.contract.staged
    if load.source:
        copy_in(connect, session, contract, load_sql.copy_stage(contract, load.source))
    staged, *null_keys = (int(rows[0][0]) for rows in session.run_step(load_sql.count_stage(contract)))
    if staged != load.rows:
        raise SourceError(
            f"The manifest has {load.rows} rows and COPY staged {staged}.",
            fix="run the extract again: a staged file is not the one that was written",
            table=contract.table,
        )
    if any(null_keys):
        raise SourceError(
            "The batch has rows whose key is NULL.", fix="fix the source", table=contract.table, key=contract.key
        )
    return staged


def copy_in(connect: Connect, session: Session, contract: Contract, statement: Statement) -> None:
    """Run a COPY, and commit. Raises SourceError for a row that it refuses, ConfigError for its rights or files."""
    backend = read_backend(session)
    try:
        session.run(statement)
    except StatementError as error:
        session.rollback()
        raise copy_error(connect, backend, contract, error) from error
    session.commit()


def _write_snapshot(connect: Connect, session: Session, load: Load, staged: int) -> Written:
    if load.contract.version:
        return snapshot.changes(session, load, staged)
    before, after = history.neighbouring_reads(connect, load.contract.table, load.extracted_at)
    return snapshot.copy(session, load, staged, before, after)


def _write(connect: Connect, session: Session, load: Load, attempt: Attempt, last: Sequence[Proof]) -> LoadRecord:
    contract, window, load_id, staged = load.contract, load.window, attempt.load_id, attempt.staged
    if contract.load == "full_refresh":
        newest = history.read_newest_extract(connect, contract.table)
        written = upsert.refresh(session, load, newest, staged)
    elif contract.load == "snapshot":
        written = _write_snapshot(connect, session, load, staged)
    elif contract.load in ("append", "partition"):
        newer = history.windows_read_later(connect, contract.table, window, load.extracted_at)
        written = replace.window(session, load, load_id, staged, newer)
    else:
        written = upsert.incremental(session, load, load_id, staged)
    rows_after = int(session.value(count_rows(contract.table)))
    checked = [statement for proof in last for statement in proof(session, written.unversioned)]
    record = LoadRecord(
        table=contract.table,
        load_id=load_id,
        dag_id=load.run.dag_id,
        run_id=load.run.run_id,
        committed_at=datetime.now(UTC),
        window_start=window.start if window else None,
        window_end=window.end if window else None,
        rows_after=rows_after,
        staged=staged,
        counts=written.counts,
    )
    entry = history.insert(
        record,
        contract.load,
        load.run,
        extracted=load.extracted,
        rejected=load.rejected,
        extracted_at=load.extracted_at,
        started_at=attempt.started_at,
        manifest=load.source.manifest_url if load.source else None,
    )
    session.run_step((*written.records, entry, *checked))
    return record
