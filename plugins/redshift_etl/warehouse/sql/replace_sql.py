"""The statements of loads that replace the rows of their window: ``append`` (by ``time``), ``partition`` (by ``day``).

What is replaced is the window, not the keys: a load that is repeated leaves each row once, and what the source no
longer has is gone. Rows of a part of the window that another load read later stay as they are. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse.sql.load_sql import STAGE
from redshift_etl.warehouse.statement import Statement, column_name, columns, ident
from redshift_etl.warehouse.touched_days import insert_touched_days
from redshift_etl.window import Window, naive_utc

REPLACED_DAYS = "replaced_days"


def window_column(contract: Contract) -> str:
    """The column by which a row belongs to a window."""
    return (contract.time if contract.load == "append" else contract.day) or ""


def without(window: Window, others: Iterable[Window]) -> tuple[Window, ...]:
    """The parts of a window that are in none of the others, in order."""
    parts, start = [], window.start
    for other in sorted(others, key=lambda it: it.start):
        if start < other.start < window.end:
            parts.append(Window(start, other.start))
        start = max(start, other.end)
    if start < window.end:
        parts.append(Window(start, window.end))
    return tuple(parts)


def _inside(contract: Contract, part: Window) -> tuple[str, tuple[object, ...]]:
    """The condition of a row of a part of the window, and its values."""
    column = contract.column(window_column(contract))
    if column.type.name == "TIMESTAMPTZ":
        bound, values = "CAST(%s AS TIMESTAMPTZ)", (part.start.isoformat(), part.end.isoformat())
    else:
        bound, values = "CAST(%s AS TIMESTAMP)", (str(naive_utc(part.start)), str(naive_utc(part.end)))
    name = column_name(column.name)
    return f"{name} >= {bound} AND {name} < {bound}", values


def count_outside(contract: Contract, window: Window) -> Statement:
    """How many staged rows are not of the window, and the first and last of them."""
    name, (inside, values) = column_name(window_column(contract)), _inside(contract, window)
    return Statement(
        "count the rows outside the window",
        f"SELECT COUNT(*), MIN({name}), MAX({name}) FROM {STAGE}\nWHERE {name} IS NULL OR NOT ({inside})",
        values,
    )


def count_inside(contract: Contract, part: Window) -> tuple[Statement, ...]:
    """How many rows of a part the table has, and how many the stage has."""
    inside, values = _inside(contract, part)
    return tuple(
        Statement("count the rows of the window", f"SELECT COUNT(*) FROM {ident(table)}\nWHERE {inside}", values)
        for table in (contract.table, STAGE)
    )


def replace_step(contract: Contract, parts: Sequence[Window]) -> tuple[Statement, ...]:
    """Delete the rows of the parts, and insert the staged ones; note the days of the former first."""
    target, names = ident(contract.table), columns(contract.column_names)
    statements: list[Statement] = []
    if contract.day:
        day = f"CAST({column_name(contract.day)} AS DATE)"
        statements.append(
            Statement("create the table of replaced days", f"CREATE TEMP TABLE {REPLACED_DAYS} (day DATE)")
        )
    for part in parts:
        inside, values = _inside(contract, part)
        if contract.day:
            statements.append(
                Statement(
                    "note the days of the rows that are replaced",
                    f"INSERT INTO {REPLACED_DAYS}\nSELECT DISTINCT {day} FROM {target} WHERE {inside}",
                    values,
                )
            )
        statements += [
            Statement("delete the rows of the window", f"DELETE FROM {target} WHERE {inside}", values),
            Statement(
                "insert the batch",
                f"INSERT INTO {target} ({names})\nSELECT {names} FROM {STAGE} WHERE {inside}",
                values,
            ),
        ]
    return tuple(statements)


def touch_days(contract: Contract, load_id: str, window: Window) -> Statement:
    """Record the days of the rows that were replaced, of those in their place, and of the window."""
    day = column_name(contract.day or "")
    days = f"""SELECT day FROM {REPLACED_DAYS} WHERE day IS NOT NULL
    UNION
    SELECT CAST({day} AS DATE) FROM {STAGE} WHERE {day} IS NOT NULL"""
    return insert_touched_days(contract.table, load_id, days, window.days)
