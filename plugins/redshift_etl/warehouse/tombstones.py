"""Turns rows into tombstones whose key the source no longer has, by all keys that it has, in one transaction.

As in a load, the keys are copied first, where no other session sees them; then: LOCK, compare, mark, record, COMMIT.
Repeated with the same keys it marks nothing more.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import SourceError
from redshift_etl.lake.batch import Batch
from redshift_etl.warehouse import history, load, migrate
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.load import Attempt
from redshift_etl.warehouse.model import Counts, Load, Run
from redshift_etl.warehouse.session import Connect, Session
from redshift_etl.warehouse.sql import tombstones_sql
from redshift_etl.warehouse.statement import count_rows

log = logging.getLogger(__name__)


def mark(connect: Connect, keys: Batch, contract: Contract, run: Run) -> LoadRecord:
    """Mark the rows whose key is not among ``keys``: an extract of the key's columns, of all rows of the source.

    Rows that were read later than the keys stay as they are. Raises SourceError, and writes nothing, when fewer rows
    than the contract's ``may_shrink_to`` of those compared would remain; ConfigError and TransientError as a load.
    """
    migrate.ensure(connect, contract.table)
    comparison = load.of_batch(keys, contract, run)
    return load.commit_once(
        connect,
        comparison,
        lambda session: _stage(connect, session, comparison),
        lambda session, attempt: _write(session, comparison, attempt),
    )


def _stage(connect: Connect, session: Session, keys: Load) -> int:
    session.run(tombstones_sql.create_keys(keys.contract))
    session.commit()
    if keys.source:
        load.copy_in(connect, session, keys.contract, tombstones_sql.copy_keys(keys.contract, keys.source))
    staged = int(session.value(count_rows(tombstones_sql.KEYS)))
    if staged != keys.rows:
        raise SourceError(
            f"The manifest has {keys.rows} keys and COPY staged {staged}.",
            fix="run it again: a file of keys is not the one that was written",
            table=keys.contract.table,
        )
    return staged


def _write(session: Session, keys: Load, attempt: Attempt) -> LoadRecord:
    contract, read_at, load_id, staged = keys.contract, keys.extracted_at, attempt.load_id, attempt.staged
    session.run(tombstones_sql.find_gone(contract, read_at))
    compared, gone = map(int, session.run(tombstones_sql.count_compared(contract, read_at))[0])
    _refuse_too_few(contract, staged, compared, gone)
    if gone:
        session.run(tombstones_sql.mark_gone(contract, read_at))
    record = LoadRecord(
        table=contract.table,
        load_id=load_id,
        dag_id=keys.run.dag_id,
        run_id=keys.run.run_id,
        committed_at=datetime.now(UTC),
        rows_after=int(session.value(count_rows(contract.table))),
        staged=staged,
        counts=Counts(unchanged=compared - gone, updated=gone, marked_deleted=gone),
    )
    entry = history.insert(
        record,
        history.HARD_DELETES,
        keys.run,
        extracted=keys.extracted,
        rejected=0,
        extracted_at=read_at,
        started_at=attempt.started_at,
        manifest=keys.source.manifest_url if keys.source else None,
    )
    days = (tombstones_sql.touch_days(contract, load_id),) if contract.day and gone else ()
    session.run_step((*days, entry))
    return record


def _refuse_too_few(contract: Contract, staged: int, compared: int, gone: int) -> None:
    """By the rows that would remain, not by the number of keys: those of another table, or type, may be many."""
    if compared and (not staged or compared - gone < compared * contract.may_shrink_to):
        raise SourceError(
            f"{gone} of {compared} rows are not among the {staged} keys that the source has; none was marked.",
            fix="check the source and include/sql/keys; if they are gone, lower the contract's `may_shrink_to` once",
            table=contract.table,
        )
