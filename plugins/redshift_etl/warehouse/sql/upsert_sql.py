"""The statements of an incremental upsert, in order. Pure: nothing here connects to a warehouse.

An incremental upsert is a maximum. For each key the rows of the batch and the row of the target are put in one total
order (newest version, then the state that was read later, then tombstone, then every column), and the first is the
target's row afterwards. A maximum is independent of order and repetition, and so are loads: repeated, late or
concurrent, they end the same. The time at which a row was read is stored with it (``EXTRACTED_AT``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from redshift_etl.contracts.model import EXTRACTED_AT, Contract
from redshift_etl.contracts.names import unused
from redshift_etl.warehouse.compare import comparable, same_key
from redshift_etl.warehouse.sql.in_place import update_in_place
from redshift_etl.warehouse.sql.load_sql import STAGE
from redshift_etl.warehouse.sql.sort_range import EVERYWHERE, SortRange
from redshift_etl.warehouse.statement import Statement, column_name, columns, ident, moment, text
from redshift_etl.warehouse.touched_days import insert_touched_days

DECIDED = "decided"
EXISTING = "existing"
"""The outcome of a row of the target that the batch has a row for."""


@dataclass(frozen=True)
class Aliases:
    """What the statements add to the rows, under names that no column of the contract has.

    ``place``: in the total order, from 1. ``known``: whether the target has the key. ``same``: whether the target has
    the row, in every column. ``renewed``: whether the first row is one that the target has. ``before``: whether the row
    before it is the target's. ``unversioned``: whether the row differs from the target's of the same version.
    """

    place: str = "place"
    known: str = "known"
    same: str = "same"
    renewed: str = "renewed"
    before: str = "before"
    from_target: str = "from_target"
    known_version: str = "known_version"
    unversioned: str = "unversioned"
    outcome: str = "outcome"

    @classmethod
    def of(cls, contract: Contract) -> Aliases:
        """Each name with as many underscores before it as make it unlike the contract's columns."""
        return cls(*(unused(field.name, contract.stored_names) for field in fields(cls)))


def _total_order(contract: Contract) -> str:
    order = [f"{column_name(contract.version)} DESC"] if contract.version else []
    order.append(f"{column_name(EXTRACTED_AT)} DESC NULLS LAST")
    if contract.deleted:
        order.append(f"CASE WHEN {column_name(contract.deleted)} IS NULL THEN 1 ELSE 0 END")
    rest = [column for column in contract.columns if column.name not in (*contract.key, contract.version)]
    for column in rest:
        optional = column.nullable or column.type.name == "SUPER"
        order.append(f"{comparable(column)} DESC NULLS LAST" if optional else f"{comparable(column)} DESC")
    return ", ".join(order)


def decide(contract: Contract, extracted_at: datetime, near: SortRange = EVERYWHERE) -> Statement:
    """What becomes of each staged row: inserted, updated, unchanged or superseded.

    The target's own rows of the same keys are beside them, as ``EXISTING``. An unchanged row in the first place was
    read later than the target's: it is written all the same, for the time at which it was read.
    """
    names, keys = columns(contract.column_names), columns(contract.key)
    order, a = _total_order(contract), Aliases.of(contract)
    every = ", ".join(map(comparable, contract.columns))
    read, version = column_name(EXTRACTED_AT), column_name(contract.version or "")
    return Statement(
        "decide what becomes of each row",
        f"""CREATE TEMP TABLE {DECIDED} AS
SELECT {names}, {read}, {a.place}, {a.known},
    MAX(CASE WHEN {a.place} = 1 THEN {a.same} ELSE 0 END) OVER (PARTITION BY {keys}) AS {a.renewed},
    CASE
        WHEN {a.from_target} = 0 AND {a.place} = 1 AND {a.same} = 0 AND {a.known_version} = {version} THEN 1 ELSE 0
    END AS {a.unversioned},
    CAST(CASE
        WHEN {a.from_target} = 1 THEN '{EXISTING}'
        WHEN {a.place} = 1 AND {a.same} = 1 THEN 'unchanged'
        WHEN {a.place} = 1 AND {a.known} = 1 THEN 'updated'
        WHEN {a.place} = 1 THEN 'inserted'
        WHEN {a.place} = 2 AND {a.same} = 1 AND {a.before} = 1 THEN 'unchanged'
        ELSE 'superseded'
    END AS VARCHAR(16)) AS {a.outcome}
FROM (
    SELECT {names}, {read}, {a.from_target},
        ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {order}, {a.from_target} DESC) AS {a.place},
        LAG({a.from_target}) OVER (PARTITION BY {keys} ORDER BY {order}, {a.from_target} DESC) AS {a.before},
        MAX({a.from_target}) OVER (PARTITION BY {every}) AS {a.same},
        MAX({a.from_target}) OVER (PARTITION BY {keys}) AS {a.known},
        MAX(CASE WHEN {a.from_target} = 1 THEN {version} END) OVER (PARTITION BY {keys}) AS {a.known_version}
    FROM (
        SELECT {names}, {moment(extracted_at)} AS {read}, 0 AS {a.from_target} FROM {STAGE}
        UNION ALL
        SELECT {columns(contract.column_names, "t")}, t.{read}, 1 AS {a.from_target} FROM {ident(contract.table)} AS t
        WHERE EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {same_key(contract, "s", "t")}){near.of("t")}
    ) AS candidates
) AS ordered""",
    )


def known_keys(contract: Contract, near: SortRange = EVERYWHERE) -> Statement:
    """One row if the target has any key of the batch."""
    return Statement(
        "read keys that exist already",
        f"SELECT 1 FROM {ident(contract.table)} AS t\n"
        f"WHERE EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {same_key(contract, 's', 't')}){near.of('t')} LIMIT 1",
    )


def all_new(contract: Contract, extracted_at: datetime) -> str:
    """In the place of DECIDED, for a batch whose keys are all new and single."""
    outcome, a = text("inserted", 16), Aliases.of(contract)
    read = f"{moment(extracted_at)} AS {column_name(EXTRACTED_AT)}"
    return (
        f"(SELECT {columns(contract.column_names)}, {read}, 1 AS {a.place}, "
        f"0 AS {a.renewed}, 0 AS {a.unversioned}, {outcome} AS {a.outcome} FROM {STAGE}) AS decided"
    )


def decide_step(
    contract: Contract, extracted_at: datetime, decided: str, near: SortRange = EVERYWHERE
) -> tuple[Statement, ...]:
    """Decide, unless ``decided`` is a relation of its own (``all_new``), and count the rows by outcome.

    The last statement returns for each outcome the rows, those in the first place, those that changed without a new
    version, and tombstones.
    """
    a = Aliases.of(contract)
    tombstones = f"COUNT({column_name(contract.deleted)})" if contract.deleted else "0"
    count = Statement(
        "count the outcomes",
        f"SELECT {a.outcome}, COUNT(*), SUM(CASE WHEN {a.place} = 1 THEN 1 ELSE 0 END), "
        f"SUM({a.unversioned}), {tombstones}\n"
        f"FROM {decided} GROUP BY {a.outcome}",
    )
    return (*((decide(contract, extracted_at, near),) if decided == DECIDED else ()), count)


def write_step(
    contract: Contract, decided: str, winners: int, replaced: int, near: SortRange = EVERYWHERE
) -> tuple[Statement, ...]:
    """Delete what is replaced, insert what wins, and query the keys for copies.

    ``winners``: rows of the batch in the first place; ``replaced``: rows of the target that have the key of one. The
    last statement returns the keys that the target has more than once; it is left out for ``all_new``.
    """
    statements = []
    if replaced:
        statements.append(delete_replaced(contract, near))
    if winners:
        statements.append(insert_winners(contract, decided))
    if decided == DECIDED:
        statements.append(repeated_target_keys(contract, near=near))
    return tuple(statements)


def delete_replaced(contract: Contract, near: SortRange = EVERYWHERE) -> Statement:
    """Remove the target's rows whose key has a newer one; update them where Redshift fills some of their columns."""
    target, a = ident(contract.table), Aliases.of(contract)
    won = f"d.{a.known} = 1 AND d.{a.place} = 1 AND d.{a.outcome} <> '{EXISTING}'"
    if contract.left_out:
        return update_in_place(contract, DECIDED, won)
    return Statement(
        "delete the rows that are replaced",
        f"DELETE FROM {target} USING {DECIDED} AS d\nWHERE {same_key(contract, target, 'd')}\n    AND {won}"
        f"{near.of(target)}",
    )


def insert_winners(contract: Contract, decided: str = DECIDED) -> Statement:
    """Write the winning rows, by named columns."""
    names, a = columns(contract.stored_names), Aliases.of(contract)
    return Statement(
        "insert the winning rows",
        f"INSERT INTO {ident(contract.table)} ({names})\n"
        f"SELECT {names} FROM {decided} WHERE {a.place} = 1 AND {a.outcome} <> '{EXISTING}'"
        f"{f' AND {a.known} = 0' if contract.left_out and decided == DECIDED else ''}",
    )


def repeated_target_keys(
    contract: Contract, rows: str = STAGE, limit: int = 5, near: SortRange = EVERYWHERE
) -> Statement:
    """Keys of ``rows``, the stage or a shadow, that the target has more than once."""
    keys = columns(contract.key, "t")
    return Statement(
        "prove the key unique",
        f"SELECT {keys}, COUNT(*) FROM {ident(contract.table)} AS t\n"
        f"WHERE EXISTS (SELECT 1 FROM {ident(rows)} AS s WHERE {same_key(contract, 's', 't')}){near.of('t')}\n"
        f"GROUP BY {keys} HAVING COUNT(*) > 1 ORDER BY {keys} LIMIT {limit}",
    )


def unversioned_rows(contract: Contract) -> str:
    """A SELECT of the rows of DECIDED that differ from the target's of the same version, for a check."""
    a, version = Aliases.of(contract), contract.version
    return (
        f"SELECT {columns(contract.key)}, {text(f'the row has changed and {version} has not', 1024)} AS reason\n"
        f"FROM {DECIDED} WHERE {a.unversioned} = 1"
    )


def touch_days(contract: Contract, load_id: str, window_days: Sequence[date], decided: str = DECIDED) -> Statement:
    """Record which days a load touched: where changed rows are now, where the rows they replace were, and the window's.

    Nothing is read from the table written to, so concurrent loads stay serializable.
    """
    day, a = column_name(contract.day or ""), Aliases.of(contract)
    days = f"""SELECT CAST({day} AS DATE) AS day FROM {decided}
    WHERE {day} IS NOT NULL AND {a.renewed} = 0
        AND {a.outcome} IN ('inserted', 'updated', '{EXISTING}')"""
    return insert_touched_days(contract.table, load_id, days, window_days)
