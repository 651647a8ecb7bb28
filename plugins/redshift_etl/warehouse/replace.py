"""The writing half of a load that replaces the rows of its window, inside its transaction, behind the LOCK."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.warehouse.model import Counts, Load
from redshift_etl.warehouse.session import Session
from redshift_etl.warehouse.sql import load_sql, replace_sql, upsert_sql
from redshift_etl.warehouse.statement import Statement
from redshift_etl.warehouse.upsert import Written
from redshift_etl.window import Window

log = logging.getLogger(__name__)


def window(session: Session, load: Load, load_id: str, staged: int, newer: Sequence[Window]) -> Written:
    """Replace the window's rows by the staged ones, but for the parts that ``newer`` loads read later.

    Counts are of rows written and removed: a repeated load inserts and deletes the same number. Raises SourceError for
    a row outside the window, a repeated key, and a batch of suspiciously few rows; ConfigError without a window.
    """
    contract = load.contract
    if load.window is None or not replace_sql.window_column(contract):
        raise ConfigError(
            f"A table that is loaded by {contract.load} needs a window, and the column by which a row belongs to it.",
            fix="name the column in the contract, as `time` (append) or `day` (partition), and give its DAG a schedule",
            table=contract.table,
        )
    _refuse_outside(session, contract, load.window)
    _refuse_copies(session, contract)
    parts = replace_sql.without(load.window, newer)
    before, written = _count(session, contract, parts)
    if written < before * contract.may_shrink_to:
        raise SourceError(
            f"The batch has {written} rows where the table has {before} of the window.",
            fix="check the source; if it is right, lower `may_shrink_to` in the contract for this run",
            table=contract.table,
            window=load.window,
        )
    if written < staged:
        log.warning("%s: parts of the window were read later by another load; %d rows are not written", load.label,
                    staged - written)  # fmt: skip
    session.run_step(replace_sql.replace_step(contract, parts))
    _prove_keys(session, contract)
    records: tuple[Statement, ...] = (replace_sql.touch_days(contract, load_id, load.window),) if contract.day else ()
    return Written(Counts(inserted=written, deleted=before, superseded=staged - written), records)


def _refuse_outside(session: Session, contract: Contract, window: Window) -> None:
    number, first, last = session.run(replace_sql.count_outside(contract, window))[0]
    column = replace_sql.window_column(contract)
    if int(number) and first is None:
        raise SourceError(
            f"{number} rows of the batch are in no window: their {column} is NULL.",
            fix=f"fix the source; with {column} NOT NULL in the contract each such row is named",
            table=contract.table,
            column=column,
        )
    if int(number):
        raise SourceError(
            f"{number} rows of the batch are outside its window.",
            fix=f"the extract must select by {column}: WHERE {column} >= %(start)s AND {column} < %(end)s",
            table=contract.table,
            column=column,
            window=window,
            first=first,
            last=last,
        )


def _refuse_copies(session: Session, contract: Contract) -> None:
    repeated = session.run(load_sql.repeated_keys(contract, load_sql.STAGE)) if contract.key else []
    if repeated:
        raise SourceError(
            "The batch has the same key more than once.", fix="fix the source", table=contract.table, keys=repeated
        )


def _count(session: Session, contract: Contract, parts: Sequence[Window]) -> tuple[int, int]:
    """Rows of these parts of the window in the table, and in the stage."""
    counted = [session.run_step(replace_sql.count_inside(contract, part)) for part in parts]
    return sum(int(table[0][0]) for table, _ in counted), sum(int(stage[0][0]) for _, stage in counted)


def _prove_keys(session: Session, contract: Contract) -> None:
    copies = session.run(upsert_sql.repeated_target_keys(contract)) if contract.key else []
    if copies:
        raise SourceError(
            "A key of the batch is in another window of the table, too.",
            fix=f"load the window that the row was in before, which replaces it there; if rows move often, "
            f"load the table as incremental, or leave the key out: {', '.join(contract.key)}",
            table=contract.table,
            keys=copies,
        )
