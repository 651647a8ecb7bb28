"""Quotients of DECIMALs in a statement, and the sizes that computed columns have.

PostgreSQL carries the size of a column or a cast through subqueries, CTEs and views, not that of arithmetic. So each
computed DECIMAL of a select list becomes a CAST to the type that Redshift gives it, and whoever divides it further out
finds its size by describing it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from local.redshift import decimal_reader as reader
from local.redshift import lexer
from local.redshift.decimal_types import DECIMALS, LARGEST, Number, of_column
from local.redshift.functions_alias import alias_of
from local.redshift.functions_tokens import Column, Group, Item, Refused, Token, bare, is_sign, parse, split, walk

Describe = Callable[[str], "tuple[Column, ...] | None"]
_MADE = frozenset(["table", "view"])


def check(items: Sequence[Item]) -> None:
    """Raise Refused for a number or a type of more digits than a DECIMAL has (r_Numeric_types201)."""
    for before, item in zip((None, *items), items, strict=False):
        if isinstance(item, Group):
            if before is not None and before.word in DECIMALS:
                _check_type([bare(size) for size in split(item.items)])
            check(item.items)
        elif item.kind == lexer.NUMBER and _digits(item.text) > LARGEST:
            raise Refused(f"Numeric data overflow: {item.text} has more than {LARGEST} digits", "22003")


def _check_type(sizes: Sequence[str]) -> None:
    if not sizes or not all(size.isdigit() for size in sizes):
        return
    precision, scale = int(sizes[0]), int(sizes[1]) if len(sizes) > 1 else 0
    if not 1 <= precision <= LARGEST:
        raise Refused(f"NUMERIC precision {precision} must be between 1 and {LARGEST}", "22023")
    if scale > min(precision, LARGEST - 1):
        raise Refused(f"NUMERIC scale {scale} must be between 0 and precision {precision}", "22023")


def _digits(number: str) -> int:
    mantissa = number.lower().split("e")[0]
    return len(mantissa.replace(".", "").lstrip("0"))


def matter(items: Sequence[Item]) -> bool:
    """Whether the statement divides, or makes a table or view of a query."""
    made = bool(items) and items[0].word == "create" and any(item.word in _MADE for item in items[1:5])
    return any(is_sign(token, "/") or (made and token.word == "select") for token in walk(items))


def rewrite(items: Sequence[Item], source: str, describe: Describe) -> tuple[Item, ...]:
    """A clause with the quotients in it rewritten; `source` is the FROM clause that its columns are of."""
    return reader.rewrite(items, _asking(source, describe))


def rewrite_columns(columns: Sequence[Item], source: str, describe: Describe, *, sized: bool) -> tuple[Item, ...]:
    """A select list the same way; with `sized`, computed DECIMALs get their size."""
    ask = _asking(source, describe)
    out: list[Item] = []
    for index, part in enumerate(split(columns)):
        out += ([Token("operator", ",")] if index else []) + list(_column(part, ask, sized=sized))
    return tuple(out)


def source_of(items: Sequence[Item]) -> str:
    """The tables that the columns of an UPDATE or DELETE are of, as a FROM clause; nothing for other statements."""
    words = [item.word for item in items]
    if not words or words[0] not in ("update", "delete"):
        return ""
    begin, middle, more = (1, "set", "from") if words[0] == "update" else (2, "using", "using")
    places = {word: words.index(word, begin) for word in (middle, more, "where") if word in words[begin:]}
    target = items[begin : min([place for place in places.values() if place > begin], default=len(items))]
    others = items[places[more] + 1 : places.get("where", len(items))] if more in places else ()
    return f"FROM {bare(target)}" + (f", {bare(others)}" if others else "")


def _asking(source: str, describe: Describe) -> reader.Ask:
    def ask(sql: str) -> Number | None:
        found = describe(f"SELECT {sql} {source}")
        return of_column(found[0].type, found[0].modifier) if found else None

    return ask


def _column(part: tuple[Item, ...], ask: reader.Ask, *, sized: bool) -> tuple[Item, ...]:
    named = alias_of(part)
    value = named[1] if named else part
    alias = part[len(value) :]
    found = reader.read(value, ask)
    if found is None:
        return (*reader.rewrite(value, ask), *alias)
    items = found.items
    number = found.type() if sized and not found.plain else None
    if number is not None and number.sized:
        items = parse(f"{value[0].space}CAST({bare(items)} AS {number.sql})")
    renamed = not alias and items != value and found.name
    return (*items, *(parse(f' AS "{found.name}"') if renamed else alias))
