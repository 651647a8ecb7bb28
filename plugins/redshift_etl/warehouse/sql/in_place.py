"""Writing rows of a table with columns that the load leaves to Redshift, IDENTITY and DEFAULT. Pure.

A row that is deleted and inserted would have a new number and a new default. UPDATE changes the columns that it sets
(https://docs.aws.amazon.com/redshift/latest/dg/r_UPDATE.html), so that a load which is repeated changes nothing.
"""

from __future__ import annotations

from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse.compare import same_key
from redshift_etl.warehouse.statement import Statement, column_name, columns, ident


def update_in_place(contract: Contract, rows: str, condition: str = "") -> Statement:
    """Give the target's rows the values of those of ``rows``, called ``d``, that have their key."""
    target = ident(contract.table)
    named = [column_name(name) for name in contract.stored_names if name not in contract.key]
    also = f"\n    AND {condition}" if condition else ""
    return Statement(
        "update the rows that are replaced",
        f"UPDATE {target} SET {', '.join(f'{name} = d.{name}' for name in named)}\n"
        f"FROM {rows} AS d\nWHERE {same_key(contract, target, 'd')}{also}",
    )


def replace_by_key(contract: Contract, rows: str) -> tuple[Statement, ...]:
    """Make the target's rows those of ``rows``."""
    target, names, key = ident(contract.table), columns(contract.column_names), contract.key
    missing = Statement(
        "delete the rows that are gone",
        f"DELETE FROM {target} WHERE NOT EXISTS (SELECT 1 FROM {rows} AS d WHERE {same_key(contract, target, 'd')})",
    )
    new = Statement(
        "insert the new rows",
        f"INSERT INTO {target} ({names})\nSELECT {columns(contract.column_names, 'd')} FROM {rows} AS d\n"
        f"WHERE NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {same_key(contract, 't', 'd')})",
    )
    updates = (update_in_place(contract, rows),) if set(contract.column_names) - set(key) else ()
    return (missing, *updates, new)
