"""The shadow of a staged backfill against its table: what a swap would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta

from redshift_etl.backfill.shadow_table import newer, of, pairs_of, version_of
from redshift_etl.contracts import personal
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import Column
from redshift_etl.warehouse.compare import comparable, intersection, same_key
from redshift_etl.warehouse.session import Session
from redshift_etl.warehouse.statement import Statement, column_name, columns, ident

_NUMBERS = ("SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "REAL", "DOUBLE PRECISION")


@dataclass(frozen=True)
class Comparison:
    """The shadow against the table.

    ``same``: rows alike in every column; ``older``: others whose table row a swap would keep. ``changed_columns``: rows
    that a swap would change in each; ``sums``: (table, shadow) of each number, over the keys that both have and a swap
    would replace; ``examples``: some keys that change.
    """

    shadow_rows: int
    table_rows: int
    new: int
    changed: int
    same: int
    older: int
    only_in_table: int
    changed_columns: dict[str, int]
    sums: dict[str, tuple[str, str]]
    examples: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For the backfill history and the log."""
        return asdict(self)


def differs(column: Column) -> str:
    """Whether a column differs; two NULLs do not."""
    left, right = comparable(column, "s"), comparable(column, "t")
    return (
        f"({left} <> {right} OR ({left} IS NULL AND {right} IS NOT NULL) OR ({left} IS NOT NULL AND {right} IS NULL))"
    )


def any_differs(others: Sequence[Column]) -> str:
    """Whether one of the columns differs."""
    return f"({' OR '.join(map(differs, others)) or 'FALSE'})"


def compare_rows(contract: Contract, shadow: str, others: Sequence[Column], first: date, last: date) -> Statement:
    """Rows in both, new ones, other ones whose table row is newer, equal ones, and those of the days that it lacks."""
    table, key = ident(contract.table), same_key(contract, "s", "t")
    version, pairs = version_of(contract), pairs_of(contract, shadow)
    days = (datetime.combine(first, time()), datetime.combine(last, time()) + timedelta(days=1))
    within = f"t.{version} >= %s AND t.{version} < %s"
    return Statement(
        "compare the shadow with the table",
        f"""SELECT
    (SELECT COUNT(*) FROM {ident(shadow)}),
    (SELECT COUNT(*) FROM {table} AS t WHERE {within}),
    (SELECT COUNT(*) FROM {ident(shadow)} AS s WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {key})),
    (SELECT COUNT(*) FROM {pairs} WHERE {newer(contract)} AND {any_differs(others)}),
    (SELECT COUNT(*) FROM {intersection(contract, shadow, contract.table)}),
    (SELECT COUNT(*) FROM {table} AS t
     WHERE {within} AND NOT EXISTS (SELECT 1 FROM {ident(shadow)} AS s WHERE {key}))""",
        (*days, *days),
    )


def compare_columns(contract: Contract, shadow: str, others: Sequence[Column], numbers: Sequence[str]) -> Statement:
    """Rows that differ in each column, then the sums of each number on both sides."""
    changed = [f"COUNT(CASE WHEN {differs(column)} THEN 1 END)" for column in others]
    sums = [f"SUM(CAST({side}.{column_name(name)} AS DECIMAL(38, 4)))" for name in numbers for side in ("t", "s")]
    counted = ",\n    ".join(changed + sums) or "COUNT(*)"
    return Statement(
        "compare the columns", f"SELECT\n    {counted}\nFROM {pairs_of(contract, shadow)}\nWHERE NOT {newer(contract)}"
    )


def compare(session: Session, contract: Contract, backfill_id: str, first: date, last: date) -> Comparison:
    """What a swap would change."""
    shadow = of(contract, backfill_id).table
    others = [column for column in contract.columns if column.name not in contract.key]
    rows = [int(value) for value in session.run(compare_rows(contract, shadow, others, first, last))[0]]
    shadow_rows, table_rows, new, older, same, only = rows
    names = [column.name for column in others]
    numbers = [column.name for column in others if column.type.name in _NUMBERS]
    values = session.run(compare_columns(contract, shadow, others, numbers))[0]
    sums = values[len(names) :]
    changed = {name: int(count) for name, count in zip(names, values, strict=False) if count}
    keys = session.run(
        Statement(
            "read some keys that change",
            f"SELECT {columns(contract.key, 's')} FROM {pairs_of(contract, shadow)}\n"
            f"WHERE NOT {newer(contract)} AND {any_differs(others)} ORDER BY {columns(contract.key, 's')} LIMIT 5",
        )
    )
    return Comparison(
        shadow_rows=shadow_rows,
        table_rows=table_rows,
        new=new,
        changed=shadow_rows - new - older - same,
        same=same,
        older=older,
        only_in_table=only,
        changed_columns=changed,
        sums={
            name: (str(sums[2 * n]), str(sums[2 * n + 1]))
            for n, name in enumerate(numbers)
            if personal.may_show(contract, name)
        },
        examples=tuple(_example(contract, key) for key in keys),
    )


def _example(contract: Contract, key: Sequence[object]) -> str:
    named = {name: str(value) for name, value in zip(contract.key, key, strict=True)}
    return ", ".join(f"{name}={value}" for name, value in personal.key(contract, named).items())
