"""How rows of two tables are compared: by their key, and in every column. Pure."""

from __future__ import annotations

from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import MAX_LENGTH, Column
from redshift_etl.warehouse.statement import column_name, ident


def same_key(contract: Contract, left: str, right: str) -> str:
    """The join on the whole key: plain equality, which Redshift can hash."""
    return " AND ".join(f"{left}.{column_name(name)} = {right}.{column_name(name)}" for name in contract.key)


def has_super(contract: Contract) -> bool:
    """Whether it has a column whose values beyond 64 KiB cannot be compared."""
    return any(column.type.name == "SUPER" for column in contract.columns)


def comparable(column: Column, prefix: str = "") -> str:
    """A column as an expression that can be ordered and compared; NULL for a SUPER value too long to be a text.

    JSON_SERIALIZE is an error beyond the longest VARCHAR
    (https://docs.aws.amazon.com/redshift/latest/dg/JSON_SERIALIZE.html).
    """
    name = f"{prefix}.{column_name(column.name)}" if prefix else column_name(column.name)
    if column.type.name != "SUPER":
        return name
    return f"CASE WHEN JSON_SIZE({name}) <= {MAX_LENGTH} THEN JSON_SERIALIZE({name}) END"


def intersection(contract: Contract, left: str, right: str) -> str:
    """The rows that two tables have alike, in every column."""
    values = ", ".join(map(comparable, contract.columns))
    return f"(SELECT {values} FROM {ident(left)} INTERSECT SELECT {values} FROM {ident(right)}) AS same"
