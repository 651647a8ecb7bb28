"""The writing half of a load, inside its transaction: an incremental upsert or a full refresh of the locked target."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC

from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.warehouse import load_sql
from redshift_etl.warehouse.model import Counts, Load
from redshift_etl.warehouse.session import Session
from redshift_etl.warehouse.statement import lock

log = logging.getLogger(__name__)


def upsert(session: Session, load: Load, load_id: str, staged: int) -> Counts:
    """Write the batch's newest rows, record the days they touch, and account for every staged row.

    A batch of keys that are all new and single is written as it is: there is nothing to decide. Raises SourceError when
    the counts do not add up, ConfigError when something else left the target with copies of a key.
    """
    contract = load.contract
    session.run(lock(contract.table))
    decided = _decide(session, contract)
    counted = {str(outcome): int(rows) for outcome, rows in session.run(load_sql.count_outcomes(decided))}
    standing = counted.pop("standing", 0)
    counts = Counts(**counted)
    _reconcile(load, staged, counts)
    if standing and (counts.updated or counts.deleted):
        session.run(load_sql.delete_replaced(contract))
    if counts.inserted or counts.updated or counts.deleted:
        session.run(load_sql.insert_decided(contract, decided))
    if contract.day:
        session.run(load_sql.touch_days(contract, load_id, load.window_days, decided))
    if decided == load_sql.DECIDED:
        _prove_unique(session, contract)
    return counts


def _decide(session: Session, contract: Contract) -> str:
    """The relation that says what becomes of each staged row."""
    if session.run(load_sql.repeated_keys(contract, load_sql.STAGE, limit=1)) or session.run(
        load_sql.known_keys(contract)
    ):
        session.run(load_sql.decide(contract))
        return load_sql.DECIDED
    return load_sql.all_new(contract)


def refresh(session: Session, load: Load, staged: int) -> Counts:
    """Replace the whole table, unless the batch is empty, suspiciously small, or older than what is there."""
    contract = load.contract
    repeated = session.run(load_sql.repeated_keys(contract, load_sql.STAGE))
    if repeated:
        raise SourceError(
            "The batch has the same key more than once.", fix="mend the source", table=contract.table, keys=repeated
        )
    session.commit()
    session.run(lock(contract.table, "etl.load_history"))
    newest = session.value(load_sql.newest_extract(contract.table))
    if newest and newest.replace(tzinfo=UTC) > load.extracted_at:
        log.warning("%s: a refresh read later (%s) is there already; nothing is changed", load.label, newest)
        return Counts(superseded=staged)
    before, inserted, gone, same = map(int, session.run(load_sql.compare_refresh(contract))[0])
    if staged == 0 or staged < before * contract.may_shrink_to:
        raise SourceError(
            f"The batch has {staged} rows where the table has {before}.",
            fix="look at the source; if it is right, lower `may_shrink_to` in the contract for this run",
            table=contract.table,
        )
    if inserted or gone or same != staged:
        for statement in load_sql.replace_all(contract):
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
    repeated = session.run(load_sql.repeated_target_keys(contract))
    if repeated:
        raise ConfigError(
            "The table holds the same key more than once; something else has written to it.",
            fix=f"find and delete the copies: SELECT … GROUP BY {', '.join(contract.key)} HAVING COUNT(*) > 1",
            table=contract.table,
            keys=repeated,
        )
