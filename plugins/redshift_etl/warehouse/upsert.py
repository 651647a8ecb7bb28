"""The writing half of a load, inside its transaction, behind the LOCK: an incremental upsert or a full refresh."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.warehouse.compare import has_super
from redshift_etl.warehouse.model import Counts, Load
from redshift_etl.warehouse.session import Session
from redshift_etl.warehouse.sql import load_sql, sort_range, upsert_sql
from redshift_etl.warehouse.sql.sort_range import SortRange
from redshift_etl.warehouse.statement import Statement

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """What a load wrote: its counts, the statements that record it, and how many rows changed without a new version."""

    counts: Counts
    records: tuple[Statement, ...] = ()
    unversioned: int = 0


def incremental(session: Session, load: Load, load_id: str, staged: int) -> Written:
    """Write the batch's newest rows and account for every staged row.

    A batch of keys that are all new and single is written as it is: there is nothing to decide. Raises SourceError when
    the counts do not add up, ConfigError when something else left the target with copies of a key.
    """
    contract = load.contract
    decided, near = upsert_sql.DECIDED, _range(session, contract)
    if not _has_conflicts(session, contract, near):
        decided = upsert_sql.all_new(contract, load.extracted_at)
    outcomes = session.run_step(upsert_sql.decide_step(contract, load.extracted_at, decided, near))[-1]
    rows, first, unversioned = ({str(it[0]): int(it[at]) for it in outcomes} for at in (1, 2, 3))
    existing, standing = rows.get(upsert_sql.EXISTING, 0), first.pop(upsert_sql.EXISTING, 0)
    counts = counted(outcomes)
    reconcile(load, staged, counts)
    winners, replaced = sum(first.values()), existing - standing
    results = session.run_step(upsert_sql.write_step(contract, decided, winners, replaced, near))
    if decided == upsert_sql.DECIDED and results[-1]:
        raise ConfigError(
            "The table has the same key more than once; something else has written to it.",
            fix=f"find and delete the copies: SELECT … GROUP BY {', '.join(contract.key)} HAVING COUNT(*) > 1",
            table=contract.table,
            keys=results[-1],
        ).of_wrong_data()
    days = load.window.days if load.window else ()
    records = (upsert_sql.touch_days(contract, load_id, days, decided),) if contract.day else ()
    return Written(counts, records, sum(unversioned.values()))


def counted(outcomes: Sequence[Sequence[Any]]) -> Counts:
    """The counts of what ``decide_step`` returns."""
    rows = {str(name): int(number) for name, number, *_ in outcomes if name != upsert_sql.EXISTING}
    marked = sum(int(it[4]) for it in outcomes if it[0] in ("inserted", "updated"))
    return Counts(**rows, marked_deleted=marked)


def _range(session: Session, contract: Contract) -> SortRange:
    """Which part of the table can have the batch's keys."""
    bounds = sort_range.read_bounds(contract)
    return sort_range.between(contract, *session.run(bounds)[0]) if bounds else sort_range.EVERYWHERE


def _has_conflicts(session: Session, contract: Contract, near: SortRange) -> bool:
    """Whether a key of the batch is repeated in it, or is in the target."""
    repeated = session.run(load_sql.repeated_keys(contract, load_sql.STAGE, limit=1))
    return bool(repeated) or bool(session.run(upsert_sql.known_keys(contract, near)))


def refresh(session: Session, load: Load, newest: datetime | None, staged: int) -> Written:
    """Replace the whole table, unless the batch is empty, suspiciously small, or older than what is there.

    ``newest`` is when the source of the newest committed load was read (UTC).
    """
    contract = load.contract
    repeated = session.run(load_sql.repeated_keys(contract, load_sql.STAGE))
    if repeated:
        raise SourceError(
            "The batch has the same key more than once.", fix="fix the source", table=contract.table, keys=repeated
        )
    if newest and newest > load.extracted_at:
        log.warning("%s: a refresh read later (%s) is there already; nothing is changed", load.label, newest)
        return Written(Counts(superseded=staged))
    before, inserted, gone, same = map(int, session.run(load_sql.compare_refresh(contract))[0])
    if staged == 0 or staged < before * contract.may_shrink_to:
        raise SourceError(
            f"The batch has {staged} rows where the table has {before}.",
            fix="check the source; if it is right, lower `may_shrink_to` in the contract for this run",
            table=contract.table,
        )
    if inserted or gone or same != staged or has_super(contract):
        session.run_step(load_sql.replace_all(contract))
    return Written(Counts(inserted=inserted, updated=staged - inserted - same, unchanged=same, deleted=gone))


def reconcile(load: Load, staged: int, counts: Counts) -> None:
    """Raises SourceError unless each extracted row is accounted for."""
    if staged != counts.staged or load.extracted != staged + load.rejected:
        raise SourceError(
            f"The counts do not add up: extracted {load.extracted}, rejected {load.rejected}, "
            f"staged {staged}, {counts}.",
            fix="run the extract again; if it stays, the transform loses rows",
            table=load.contract.table,
        )
