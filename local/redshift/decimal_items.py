"""The parts of CASE, CAST and calls that say what type they have."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from local.redshift import decimal_types as types
from local.redshift.decimal_types import Number
from local.redshift.functions_tokens import Group, Item, bare, name_of, split

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


def results(items: Sequence[Item]) -> list[tuple[Item, ...]]:
    """What stands after each THEN and ELSE of a CASE."""
    found: list[list[Item]] = []
    depth, inside = 0, False
    for item in items:
        depth += {"case": 1, "end": -1}.get(item.word, 0)
        if not depth and item.word in ("then", "else", "when"):
            inside = item.word != "when"
            found += [[]] if inside else []
        elif inside:
            found[-1].append(item)
    return [tuple(result) for result in found]


def has_else(items: Sequence[Item]) -> bool:
    """Whether what stands between CASE and END has an ELSE of its own."""
    depths = accumulate({"case": 1, "end": -1}.get(item.word, 0) for item in items)
    return any(item.word == "else" and not depth for item, depth in zip(items, depths, strict=True))


def without_distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The argument of an aggregate without DISTINCT or ALL."""
    return items[1:] if items and items[0].word in ("distinct", "all") else items


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
