"""The writing half of a snapshot's load (SCD type 2), inside its transaction, behind the LOCK."""

from __future__ import annotations

import logging
from datetime import datetime

from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.warehouse import upsert
from redshift_etl.warehouse.model import Counts, Load
from redshift_etl.warehouse.session import Session
from redshift_etl.warehouse.sql import load_sql, snapshot_sql, upsert_sql
from redshift_etl.warehouse.statement import count_rows
from redshift_etl.warehouse.upsert import Written

log = logging.getLogger(__name__)


def changes(session: Session, load: Load, staged: int) -> Written:
    """Add the batch's versions to the history of their keys. Raises SourceError when the counts do not add up."""
    contract = load.contract
    state = snapshot_sql.states(contract)
    session.run(snapshot_sql.date_states(contract))
    outcomes = session.run_step(upsert_sql.decide_step(state, load.extracted_at, upsert_sql.DECIDED))[-1]
    counts = upsert.counted(outcomes)
    upsert.reconcile(load, staged, counts)
    session.run_step(snapshot_sql.write_changes(contract))
    _prove(session, contract, load_sql.STAGE, gapless=True)
    return Written(counts, (), sum(int(it[3]) for it in outcomes))


def copy(session: Session, load: Load, staged: int, before: datetime | None, after: datetime | None) -> Written:
    """Put a full copy of the source between the copies that were read ``before`` it and ``after`` it.

    Raises SourceError for a repeated key, and for a copy of suspiciously few rows.
    """
    contract = load.contract
    repeated = session.run(load_sql.repeated_keys(contract.staged, load_sql.STAGE))
    if repeated:
        raise SourceError(
            "The copy has the same key more than once.", fix="fix the source", table=contract.table, keys=repeated
        )
    if before == load.extracted_at:
        log.info("%s: the copy is in the history already", load.label)
        return Written(Counts(unchanged=staged))
    session.run(snapshot_sql.find_moves(contract, before, after))
    new, changed, unchanged, gone, known = map(int, session.run(snapshot_sql.count_moves(contract))[0])
    if staged == 0 or staged < known * contract.may_shrink_to:
        raise SourceError(
            f"The copy has {staged} rows where the one before has {known}.",
            fix="check the source; if it is right, lower `may_shrink_to` in the contract for this run",
            table=contract.table,
        )
    rows = int(session.value(count_rows(contract.table)))
    session.run_step(snapshot_sql.write_copy(contract, load.extracted_at, after))
    added = int(session.value(count_rows(contract.table))) - rows
    _prove(session, contract, snapshot_sql.MOVES, gapless=False)
    # A copy that was read before others may join two intervals, or cut one in two.
    inserted = max(new + changed, added)
    counts = Counts(inserted, changed + gone, unchanged, deleted=inserted - added, marked_deleted=gone)
    return Written(counts)


def _prove(session: Session, contract: Contract, rows: str, *, gapless: bool) -> None:
    wrong = session.run(snapshot_sql.gaps(contract, rows, gapless=gapless))
    if wrong:
        raise ConfigError(
            "The intervals of a key would overlap, or leave a gap; something else has written to the table.",
            fix="compare its rows with the source's history; nothing was written",
            table=contract.table,
            keys=wrong,
        ).of_wrong_data()
