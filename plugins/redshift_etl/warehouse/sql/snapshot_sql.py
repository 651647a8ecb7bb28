"""The statements of a snapshot's load: a history of each key as intervals of time (SCD type 2). Pure.

From changes, each version of a key is a state: it is valid from its version to the next one. From full copies, a state
is valid from the copy that has it first to the first one that has another, or lacks the key. Both are computed for the
keys of the batch alone, and from what the table has and the batch adds, whatever the order of the loads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from redshift_etl.contracts.ddl import Column
from redshift_etl.contracts.model import CURRENT, EXTRACTED_AT, VALID_FROM, VALID_TO, Contract
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
    end = "<>" if gapless else ">"
    return Statement(
        "prove the intervals",
        f"""SELECT {keys}, {VALID_FROM} FROM (
    SELECT {names}, t.{VALID_FROM}, t.{VALID_TO}, t.{column_name(CURRENT)},
        LEAD(t.{VALID_FROM}) OVER (PARTITION BY {names} ORDER BY t.{VALID_FROM}) AS following
    FROM {ident(contract.table)} AS t
    WHERE EXISTS (SELECT 1 FROM {rows} AS s WHERE {_same(contract.natural_key, "s", "t")})
) AS intervals
WHERE {VALID_TO} <= {VALID_FROM} OR {VALID_TO} {end} following OR ({VALID_TO} IS NULL AND following IS NOT NULL)
    OR ({column_name(CURRENT)} AND {VALID_TO} IS NOT NULL) OR (NOT {column_name(CURRENT)} AND {VALID_TO} IS NULL)
ORDER BY {keys}, {VALID_FROM} LIMIT {limit}""",
    )


def _at(alias: str, when: datetime | None) -> str:
    """The condition of the interval that a moment lies in; none does before the first copy and after the last."""
    if when is None:
        return "1 = 0"
    at = moment(when)
    return f"{alias}.{VALID_FROM} <= {at} AND ({alias}.{VALID_TO} > {at} OR {alias}.{VALID_TO} IS NULL)"


def find_moves(contract: Contract, before: datetime | None, after: datetime | None) -> Statement:
    """The keys whose state in the copy is not that of the copy before, with their intervals before and after.

    ``before`` and ``after`` are the times of the neighbouring copies. ``same_after``: the copy has the state of the one
    after it, so that its interval begins earlier.
    """
    keys, target = contract.natural_key, ident(contract.table)
    present = column_name(keys[0])
    all_keys = "\n        UNION\n        ".join(
        f"SELECT {columns(keys, 't')} FROM {source}"
        for source in (
            f"{STAGE} AS t",
            f"{target} AS t WHERE {_at('t', before)}",
            f"{target} AS t WHERE {_at('t', after)}",
        )
    )
    return Statement(
        "find the keys whose state is another",
        f"""CREATE TEMP TABLE {MOVES} AS
SELECT * FROM (
    SELECT {columns(keys, "k")},
        CASE WHEN s.{present} IS NULL THEN 0 ELSE 1 END AS in_copy,
        b.{VALID_FROM} AS before_from, b.{VALID_TO} AS before_to,
        a.{VALID_FROM} AS after_from, a.{VALID_TO} AS after_to,
        CASE WHEN {_same_state(contract, "s", "b")} THEN 1 ELSE 0 END AS same_before,
        CASE WHEN {"1 = 0" if after is None else _same_state(contract, "s", "a")} THEN 1 ELSE 0 END AS same_after
    FROM (
        {all_keys}
    ) AS k
    LEFT JOIN {STAGE} AS s ON {_same(keys, "s", "k")}
    LEFT JOIN {target} AS b ON {_same(keys, "b", "k")} AND {_at("b", before)}
    LEFT JOIN {target} AS a ON {_same(keys, "a", "k")} AND {_at("a", after)}
) AS compared""",
    )


def count_moves() -> Statement:
    """Keys of the copy: new, changed, unchanged; keys that it no longer has; and all keys of the one before."""
    gone = "in_copy = 0 AND before_from IS NOT NULL"
    counts = ("in_copy = 1 AND before_from IS NULL", "in_copy = 1 AND before_from IS NOT NULL AND same_before = 0",
              "in_copy = 1 AND same_before = 1", gone, "before_from IS NOT NULL")  # fmt: skip
    sums = ", ".join(f"COALESCE(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)" for condition in counts)
    return Statement("count the keys by what became of them", f"SELECT {sums} FROM {MOVES}")


def write_copy(contract: Contract, read_at: datetime, after: datetime | None) -> tuple[Statement, ...]:
    """Cut the intervals in which the copy lies, and put its states between them."""
    target, at = ident(contract.table), moment(read_at)
    names = contract.staged.column_names
    until = "CAST(NULL AS TIMESTAMP)" if after is None else moment(after)
    moved = f"INNER JOIN {MOVES} AS m ON {_same(contract.natural_key, 'm', 't')} AND m.same_before = 0"
    parts = [
        ("t", f"t.{VALID_FROM}", at, f"{target} AS t {moved} AND t.{VALID_FROM} = m.before_from"),
        ("t", at, f"t.{VALID_TO}", f"{target} AS t {moved} AND t.{VALID_FROM} = m.after_from AND m.same_after = 1"),
        ("t", at, until, f"{STAGE} AS t {moved} AND m.same_after = 0"),
    ]
    if after is not None:
        rest = f"t.{VALID_FROM} = m.before_from AND m.after_from = m.before_from AND m.same_after = 0"
        parts.append(("t", until, f"t.{VALID_TO}", f"{target} AS t {moved} AND {rest}"))
    selects = "\nUNION ALL\n".join(
        f"SELECT {columns(names, alias)}, {start} AS {VALID_FROM}, {end} AS {VALID_TO}\nFROM {rows}"
        for alias, start, end, rows in parts
    )
    replaced = f"({target}.{VALID_FROM} = m.before_from OR ({target}.{VALID_FROM} = m.after_from AND m.same_after = 1))"
    return (
        Statement("cut the intervals", f"CREATE TEMP TABLE {HISTORY} AS\n{selects}"),
        Statement(
            "delete the intervals that are cut",
            f"DELETE FROM {target} USING {MOVES} AS m\n"
            f"WHERE {_same(contract.natural_key, 'm', target)} AND m.same_before = 0 AND {replaced}",
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
