"""The values that a contract's `accepted` allows, each as the warehouse writes it as a text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from redshift_etl.contracts.ddl import Column

# https://docs.aws.amazon.com/redshift/latest/dg/r_Boolean_type.html
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), "true"),
    **dict.fromkeys(("false", "f", "no", "n", "0"), "false"),
}
_WHOLE = ("SMALLINT", "INTEGER", "BIGINT")


def accepted_values(declared: object, columns: Sequence[Column]) -> dict[str, tuple[str, ...]]:
    """The values by column. Raises ValueError for one that its column cannot have; columns that are unknown pass."""
    if not isinstance(declared, Mapping) or not all(isinstance(values, list) for values in declared.values()):
        raise ValueError("`accepted` lists the values of each column, e.g. `accepted: {state: [open, closed]}`")
    by_name = {column.name: column for column in columns}
    return {
        name: tuple(_text(str(value), by_name[name]) if name in by_name else str(value) for value in values)
        for name, values in declared.items()
    }


def _text(value: str, column: Column) -> str:
    kind = column.type
    try:
        if kind.name == "BOOLEAN":
            return _BOOLEANS[value.lower()]
        if kind.name in _WHOLE:
            return str(int(value))
        if kind.name == "DECIMAL":
            return str(Decimal(value).quantize(Decimal(1).scaleb(-(kind.scale or 0))))
    except (KeyError, ValueError, InvalidOperation):
        raise ValueError(f"`accepted` has {value!r}, which is no value of {column.name} {kind}") from None
    if kind.name in ("SUPER", "VARBYTE"):
        raise ValueError(f"`accepted` names {column.name}, and a {kind.name} is not compared with texts")
    return value
