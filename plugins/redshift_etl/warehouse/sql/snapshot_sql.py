"""The statements of a snapshot's load: a history of each key as intervals of time (SCD type 2). Pure.

From changes, each version of a key is a state: it is valid from its version to the next one. From full copies, a state
is valid from the copy that has it first to the first one that has another, or lacks the key. Both are computed for the
keys of the batch alone, and from what the table has and the batch adds, whatever the order of the loads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from redshift_etl.contracts.ddl import Column
from redshift_etl.contracts.model import CURRENT, EXTRACTED_AT, VALID_FROM, VALID_TO, Contract
from redshift_etl.contracts.names import unused
from redshift_etl.warehouse.compare import comparable
from redshift_etl.warehouse.sql.load_sql import STAGE
from redshift_etl.warehouse.sql.upsert_sql import DECIDED, Aliases
from redshift_etl.warehouse.statement import Statement, column_name, columns, ident, moment

HISTORY, MOVES = "history", "moves"


def states(contract: Contract) -> Contract:
    """The contract of single states: a row of each key and version, without the end of its interval."""
    valid_from = contract.column(VALID_FROM)
    return replace(contract, columns=(*contract.staged.columns, valid_from), version=VALID_FROM)


def date_states(contract: Contract) -> Statement:
    """Give each staged state the start of its interval: its version, as a TIMESTAMP in UTC."""
    return Statement("date the staged states", f"UPDATE {STAGE} SET {VALID_FROM} = {_as_timestamp(contract)}")


def _as_timestamp(contract: Contract) -> str:
    version = contract.column(contract.version or "")
    if version.type.name == "TIMESTAMPTZ":
        return f"{column_name(version.name)} AT TIME ZONE 'UTC'"
    return f"CAST({column_name(version.name)} AS TIMESTAMP)"


def write_changes(contract: Contract) -> tuple[Statement, ...]:
    """Replace the history of the batch's keys by one that has the states of DECIDED, each until the next begins."""
    state, target = states(contract), ident(contract.table)
    names, place = (*state.column_names, EXTRACTED_AT), Aliases.of(state).place
    keys, every = columns(contract.natural_key), columns(names)
    return (
        Statement(
            "order the history of the batch's keys",
            f"""CREATE TEMP TABLE {HISTORY} AS
SELECT {every}, LEAD({VALID_FROM}) OVER (PARTITION BY {keys} ORDER BY {VALID_FROM}) AS {VALID_TO}
FROM (
    SELECT {every} FROM {DECIDED} WHERE {place} = 1
    UNION ALL
    SELECT {columns(names, "t")} FROM {target} AS t
    WHERE EXISTS (SELECT 1 FROM {STAGE} AS s WHERE {_same(contract.natural_key, "s", "t")})
        AND NOT EXISTS (SELECT 1 FROM {DECIDED} AS d WHERE {_same(contract.key, "d", "t")})
) AS states""",
        ),
        Statement(
            "delete the history of the batch's keys",
            f"DELETE FROM {target} USING {HISTORY} AS h WHERE {_same(contract.natural_key, 'h', target)}",
        ),
        _insert(contract, names, HISTORY),
    )


def _insert(contract: Contract, names: Sequence[str], rows: str) -> Statement:
    return Statement(
        "insert their history",
        f"INSERT INTO {ident(contract.table)} ({columns((*names, VALID_TO, CURRENT))})\n"
        f"SELECT {columns((*names, VALID_TO))}, {VALID_TO} IS NULL FROM {rows}",
    )


def gaps(contract: Contract, rows: str, *, gapless: bool, limit: int = 5) -> Statement:
    """Intervals of the keys of ``rows`` that overlap with the next one, or are not marked as current when they are.

    With ``gapless`` also those that end before the next one begins: from full copies, a key may be gone for a time.
    """
    keys, names = columns(contract.natural_key), columns(contract.natural_key, "t")
    end, following = "<>" if gapless else ">", unused("following", contract.natural_key)
    return Statement(
        "prove the intervals",
        f"""SELECT {keys}, {VALID_FROM} FROM (
    SELECT {names}, t.{VALID_FROM}, t.{VALID_TO}, t.{column_name(CURRENT)},
        LEAD(t.{VALID_FROM}) OVER (PARTITION BY {names} ORDER BY t.{VALID_FROM}) AS {following}
    FROM {ident(contract.table)} AS t
    WHERE EXISTS (SELECT 1 FROM {rows} AS s WHERE {_same(contract.natural_key, "s", "t")})
) AS intervals
WHERE {VALID_TO} <= {VALID_FROM} OR {VALID_TO} {end} {following} OR ({VALID_TO} IS NULL AND {following} IS NOT NULL)
    OR ({column_name(CURRENT)} AND {VALID_TO} IS NOT NULL) OR (NOT {column_name(CURRENT)} AND {VALID_TO} IS NULL)
ORDER BY {keys}, {VALID_FROM} LIMIT {limit}""",
    )


def _at(alias: str, when: datetime | None) -> str:
    """The condition of the interval that a moment lies in; none does before the first copy and after the last."""
    if when is None:
        return "1 = 0"
    at = moment(when)
    return f"{alias}.{VALID_FROM} <= {at} AND ({alias}.{VALID_TO} > {at} OR {alias}.{VALID_TO} IS NULL)"


@dataclass(frozen=True)
class Flags:
    """The columns of MOVES beside the key, under names that no column of the key has.

    ``in_copy``: whether the copy has the key. The intervals are those of the neighbouring copies, NULL where they lack
    the key. ``same_before``, ``same_after``: whether the copy has the state of that neighbour, or both lack the key.
    """

    in_copy: str = "in_copy"
    before_from: str = "before_from"
    before_to: str = "before_to"
    after_from: str = "after_from"
    after_to: str = "after_to"
    same_before: str = "same_before"
    same_after: str = "same_after"

    @classmethod
    def of(cls, contract: Contract) -> Flags:
        """The names for a contract."""
        return cls(*(unused(field.name, contract.natural_key) for field in fields(cls)))


def find_moves(contract: Contract, before: datetime | None, after: datetime | None) -> Statement:
    """Each key of the copy and of its neighbours, which were read ``before`` and ``after`` it, with its `Flags`."""
    keys, target, f = contract.natural_key, ident(contract.table), Flags.of(contract)
    present = column_name(keys[0])
    intervals = [f"{target} AS t WHERE {_at('t', when)}" for when in (before, after)]
    all_keys = "\n    UNION\n    ".join(
        f"SELECT {columns(keys, 't')} FROM {rows}" for rows in (f"{STAGE} AS t", *intervals)
    )
    return Statement(
        "compare the copy with its neighbours",
        f"""CREATE TEMP TABLE {MOVES} AS
SELECT {columns(keys, "k")},
    CASE WHEN s.{present} IS NULL THEN 0 ELSE 1 END AS {f.in_copy},
    b.{VALID_FROM} AS {f.before_from}, b.{VALID_TO} AS {f.before_to},
    a.{VALID_FROM} AS {f.after_from}, a.{VALID_TO} AS {f.after_to},
    CASE WHEN {_same_state(contract, "s", "b")} THEN 1 ELSE 0 END AS {f.same_before},
    CASE WHEN {"1 = 0" if after is None else _same_state(contract, "s", "a")} THEN 1 ELSE 0 END AS {f.same_after}
FROM (
    {all_keys}
) AS k
LEFT JOIN {STAGE} AS s ON {_same(keys, "s", "k")}
LEFT JOIN {target} AS b ON {_same(keys, "b", "k")} AND {_at("b", before)}
LEFT JOIN {target} AS a ON {_same(keys, "a", "k")} AND {_at("a", after)}""",
    )


def count_moves(contract: Contract) -> Statement:
    """Keys of the copy: new, changed, unchanged; keys that it no longer has; and all keys of the one before."""
    f = Flags.of(contract)
    conditions = (
        f"{f.in_copy} = 1 AND {f.before_from} IS NULL",
        f"{f.in_copy} = 1 AND {f.before_from} IS NOT NULL AND {f.same_before} = 0",
        f"{f.in_copy} = 1 AND {f.same_before} = 1",
        f"{f.in_copy} = 0 AND {f.before_from} IS NOT NULL",
        f"{f.before_from} IS NOT NULL",
    )
    sums = ", ".join(f"COALESCE(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)" for condition in conditions)
    return Statement("count the keys by what became of them", f"SELECT {sums} FROM {MOVES}")


def write_copy(contract: Contract, read_at: datetime, after: datetime | None) -> tuple[Statement, ...]:
    """Cut the intervals in which the copy lies, and put its states between them."""
    target, at, f = ident(contract.table), moment(read_at), Flags.of(contract)
    names = contract.staged.column_names
    until = "CAST(NULL AS TIMESTAMP)" if after is None else moment(after)
    moved = f"INNER JOIN {MOVES} AS m ON {_same(contract.natural_key, 'm', 't')} AND m.{f.same_before} = 0"
    standing = f"{target} AS t {moved}"
    extended = f"t.{VALID_FROM} = m.{f.after_from} AND m.{f.same_after} = 1"
    parts = [
        (f"t.{VALID_FROM}", at, f"{standing} AND t.{VALID_FROM} = m.{f.before_from}"),
        (at, f"t.{VALID_TO}", f"{standing} AND {extended}"),
        (at, until, f"{STAGE} AS t {moved} AND m.{f.same_after} = 0"),
    ]
    if after is not None:
        spans = f"t.{VALID_FROM} = m.{f.before_from} AND m.{f.after_from} = m.{f.before_from}"
        parts.append((until, f"t.{VALID_TO}", f"{standing} AND {spans} AND m.{f.same_after} = 0"))
    selects = "\nUNION ALL\n".join(
        f"SELECT {columns(names, 't')}, {start} AS {VALID_FROM}, {end} AS {VALID_TO}\nFROM {rows}"
        for start, end, rows in parts
    )
    cut = f"{target}.{VALID_FROM} = m.{f.before_from}"
    moved_up = f"({target}.{VALID_FROM} = m.{f.after_from} AND m.{f.same_after} = 1)"
    return (
        Statement("cut the intervals", f"CREATE TEMP TABLE {HISTORY} AS\n{selects}"),
        Statement(
            "delete the intervals that are cut",
            f"DELETE FROM {target} USING {MOVES} AS m\n"
            f"WHERE {_same(contract.natural_key, 'm', target)} AND m.{f.same_before} = 0 AND ({cut} OR {moved_up})",
        ),
        _insert(contract, (*names, VALID_FROM), HISTORY),
    )


def _same(names: Sequence[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{column_name(name)} = {right}.{column_name(name)}" for name in names)


def _same_state(contract: Contract, left: str, right: str) -> str:
    """Whether both rows are there with the same values, or neither is."""
    key = column_name(contract.natural_key[0])
    values = [column for column in contract.staged.columns if column.name not in contract.natural_key]
    equal = [f"{left}.{key} IS NOT NULL", f"{right}.{key} IS NOT NULL"]
    equal += [_equal(column, left, right) for column in values]
    return f"(({' AND '.join(equal)}) OR ({left}.{key} IS NULL AND {right}.{key} IS NULL))"


def _equal(column: Column, left: str, right: str) -> str:
    one, other = (comparable(column, side) for side in (left, right))
    return f"({one} = {other} OR ({one} IS NULL AND {other} IS NULL))"
