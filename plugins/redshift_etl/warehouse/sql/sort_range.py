"""The part of a table that can have a batch's keys, by its leading sort column. Pure.

Redshift skips the blocks whose smallest and greatest values rule them out
(https://docs.aws.amazon.com/redshift/latest/dg/t_Sorting_data.html). A row's sort column is fixed where it belongs to
the key, so that a load then reads the blocks of its batch, and not the key of the whole table.
"""

from __future__ import annotations

from dataclasses import dataclass

from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse.sql.load_sql import STAGE
from redshift_etl.warehouse.statement import Statement, column_name, literal

# Whose values are written alike by Python and by SQL.
_TYPES = ("SMALLINT", "INTEGER", "BIGINT", "DATE", "TIMESTAMP")


@dataclass(frozen=True)
class SortRange:
    """The least and the greatest value of the batch's sort column, as SQL; no column where nothing is known."""

    column: str = ""
    low: str = ""
    high: str = ""

    def of(self, alias: str) -> str:
        """A condition to add to those on the rows of the table."""
        if not self.column:
            return ""
        return f"\n    AND {alias}.{column_name(self.column)} BETWEEN {self.low} AND {self.high}"


EVERYWHERE = SortRange()


def read_bounds(contract: Contract) -> Statement | None:
    """The least and the greatest value in the stage; None for a table whose key does not have its sort column."""
    if contract.sort not in contract.key or contract.column(contract.sort or "").type.name not in _TYPES:
        return None
    name = column_name(contract.sort or "")
    return Statement("read the range of the batch", f"SELECT MIN({name}), MAX({name}) FROM {STAGE}")


def between(contract: Contract, low: object, high: object) -> SortRange:
    """The range of these values; an empty batch has none."""
    if low is None or contract.sort is None:
        return EVERYWHERE
    kind = contract.column(contract.sort).type
    return SortRange(contract.sort, *(f"CAST({literal(str(value))} AS {kind})" for value in (low, high)))
