"""The parts of CASE, CAST and calls that say what type they have."""

from __future__ import annotations

from collections.abc import Sequence

from local_redshift.query.decimals import types
from local_redshift.query.decimals.types import Number
from local_redshift.sql.token_tree import Group, Item, bare, name_of, split

# As PostgreSQL names the column of a cast.
_NAMES = {
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
    """What stands between CASE and END: each WHEN, THEN and ELSE with what follows; the first may have no word."""
    found: list[tuple[tuple[Item, ...], list[Item]]] = [((), [])]
    depth = 0
    for item in items:
        if not depth and item.word in ("when", "then", "else"):
            found.append(((item,), []))
            continue
        depth += {"case": 1, "end": -1}.get(item.word, 0)
        found[-1][1].append(item)
    return [(word, tuple(branch)) for word, branch in found if word or branch]


def cast_type(arguments: Sequence[Item]) -> Number | None:
    """The type in `value AS type`."""
    places = [at for at, item in enumerate(arguments) if item.word == "as"]
    kind = arguments[places[-1] + 1 :] if places else ()
    return sized(name_of(kind[0]), kind[-1]) if kind else None


def sized(name: str, sizes: Item | None) -> Number | None:
    """A type by its first word and what may be its parentheses."""
    return types.of_name(name, [bare(size) for size in split(sizes.items)] if isinstance(sizes, Group) else [])


def column_name(type_name: str) -> str:
    """What PostgreSQL calls a column that is a cast of something without a name."""
    return _NAMES.get(type_name, type_name)
