"""The parts of CASE and CAST that determine their type and column name."""

from __future__ import annotations

from collections.abc import Sequence

from local_redshift.query.decimals import types
from local_redshift.query.decimals.types import Number
from local_redshift.sql.token_tree import Group, Item, bare, name_of, split

# PostgreSQL's names for the column of a cast.
_COLUMN_NAMES = {
    "decimal": "numeric",
    "dec": "numeric",
    "int": "int4",
    "integer": "int4",
    "smallint": "int2",
    "bigint": "int8",
    "real": "float4",
    "float": "float8",
    "double": "float8",
    "character": "varchar",
    "char": "bpchar",
    "boolean": "bool",
}


def branches(items: Sequence[Item]) -> list[tuple[tuple[Item, ...], tuple[Item, ...]]]:
    """Return each WHEN, THEN and ELSE between CASE and END with its items; the first may have no keyword."""
    parts: list[tuple[tuple[Item, ...], list[Item]]] = [((), [])]
    depth = 0
    for item in items:
        if not depth and item.word in ("when", "then", "else"):
            parts.append(((item,), []))
            continue
        depth += {"case": 1, "end": -1}.get(item.word, 0)
        parts[-1][1].append(item)
    return [(word, tuple(branch)) for word, branch in parts if word or branch]


def cast_type(arguments: Sequence[Item]) -> Number | None:
    """Return the type in `value AS type`."""
    positions = [at for at, item in enumerate(arguments) if item.word == "as"]
    kind = arguments[positions[-1] + 1 :] if positions else ()
    return number_type(name_of(kind[0]), kind[-1]) if kind else None


def number_type(name: str, sizes: Item | None) -> Number | None:
    """Return the type with this first word and, if `sizes` is a group, these sizes."""
    return types.of_name(name, [bare(size) for size in split(sizes.items)] if isinstance(sizes, Group) else [])


def column_name(type_name: str) -> str:
    """Return PostgreSQL's name for a column that is a cast of an expression without a name."""
    return _COLUMN_NAMES.get(type_name, type_name)
