"""Quotients of DECIMALs in a statement, and the sizes of computed columns.

PostgreSQL preserves the size of a column or a cast through subqueries, CTEs and views, but not that of arithmetic. So
each computed DECIMAL of a select list becomes a CAST to its type on Redshift, and a division of it in an outer query
finds its size by describing the inner one.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from local_redshift.query.clauses import Select, read_select, segments
from local_redshift.query.decimals.expressions import Expression, is_query, read_expression
from local_redshift.query.decimals.types import DECIMALS, MAX_PRECISION, Number, of_column
from local_redshift.query.lateral_aliases import alias_of
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Column, Group, Item, Refused, Token, bare, is_sign, parse, split, walk

Describe = Callable[[str], "tuple[Column, ...] | None"]
# The position of the target, and the keywords after it, before the other tables, and after them.
_WRITES = {
    "update": (1, "set", "from", "where"),
    "delete": (2, "using", "using", "where"),
    "merge": (2, "using", "using", "on"),
}
_COLUMN = re.compile(r'(?:"?\w+"?\s*\.\s*)*"?(\w+)"?')
_CREATED = frozenset(["table", "view"])


def check_sizes(items: Sequence[Item]) -> None:
    """Raise Refused for a number or a type with more digits than a DECIMAL can have."""
    for before, item in zip((None, *items), items, strict=False):
        if isinstance(item, Group):
            if before is not None and before.word in DECIMALS:
                _check_type([bare(size) for size in split(item.items)])
            check_sizes(item.items)
        elif item.kind == lexer.NUMBER and _digits(item.text) > MAX_PRECISION:
            raise Refused(f"Numeric data overflow: {item.text} has more than {MAX_PRECISION} digits", "22003")


def _check_type(sizes: Sequence[str]) -> None:
    if not sizes or not all(size.isdigit() for size in sizes):
        return
    precision, scale = int(sizes[0]), int(sizes[1]) if len(sizes) > 1 else 0
    if not 1 <= precision <= MAX_PRECISION:
        raise Refused(f"NUMERIC precision {precision} must be between 1 and {MAX_PRECISION}", "22023")
    if scale > min(precision, MAX_PRECISION - 1):
        raise Refused(f"NUMERIC scale {scale} must be between 0 and precision {precision}", "22023")


def _digits(number: str) -> int:
    mantissa = number.lower().split("e")[0]
    return len(mantissa.replace(".", "").lstrip("0"))


def needs_sizes(items: Sequence[Item]) -> bool:
    """Whether the statement divides, or creates a table or view from a query."""
    return any(is_sign(token, "/") for token in walk(items)) or _is_create_as(items)


def _is_create_as(items: Sequence[Item]) -> bool:
    words = [item.word for item in items[:5]]
    return words[:1] == ["create"] and not _CREATED.isdisjoint(words) and any(t.word == "select" for t in walk(items))


def rewrite_decimals(items: Sequence[Item], describe: Describe) -> tuple[Item, ...]:
    """Return the statement with its quotients rewritten; `describe` returns a query's columns."""
    place = _Place(describe, creates=_is_create_as(items))
    try:
        if any(item.word == "select" for item in items):
            return _query(items, place)
        place = replace(place, sources=(source_of(items),))
        return read_expression(_subqueries(items, place), place.type_of)[0]
    except RecursionError:
        return tuple(items)  # too deep to parse: the division operator raises an error for what has no scale


@dataclass(frozen=True)
class _Place:
    """The position of an expression: the CTEs before it, and the FROM clauses around it, innermost first."""

    describe: Describe
    ctes: tuple[str, ...] = ()
    recursive: bool = False
    sources: tuple[str, ...] = ("",)
    creates: bool = False  # its columns become those of a table or view, so texts need a length

    def type_of(self, sql: str) -> Number | None:
        """Return the type of an expression at this position."""
        ctes = f"WITH {'RECURSIVE ' if self.recursive else ''}{', '.join(self.ctes)} " if self.ctes else ""
        column = _COLUMN.fullmatch(sql)
        for source in self.sources:
            # All columns with one request: a request for each would be slow for a statement of many quotients.
            for wanted in ("*", sql) if column and source else (sql,):
                columns = self.describe(f"{ctes}SELECT {wanted} {source}".rstrip()) or ()
                types = {
                    (c.type, c.modifier) for c in columns if wanted == sql or (column and c.name == column[1].lower())
                }
                if len(types) == 1:
                    return of_column(*types.pop())
        return None


def _query(items: Sequence[Item], place: _Place) -> tuple[Item, ...]:
    """Rewrite the SELECTs at this level of nesting and inside them."""
    items, place = _with(items, place)
    starts = [at for at, item in enumerate(items) if item.word == "select"]
    if not starts:  # a SELECT in parentheses of its own
        return tuple(_group(item, place) for item in items)
    parts, operators = segments(items, starts[0])
    out: list[Item] = []
    for part, operator in zip(parts, operators, strict=True):
        select = read_select(part)
        out += [*(_select(select, place).items() if select else (_group(item, place) for item in part)), *operator]
    return tuple(out)


def _with(items: Sequence[Item], place: _Place) -> tuple[tuple[Item, ...], _Place]:
    """Return the items with the CTEs before the SELECT rewritten, and the place after them."""
    out = list(items)
    start = next((at for at, item in enumerate(items) if item.word == "with"), len(items))
    begin = start + 1
    for at in range(begin, len(items)):
        if items[at].word in ("select", "insert", "update", "delete"):
            break
        if items[at].word == "recursive":
            place, begin = replace(place, recursive=True), at + 1
        elif is_sign(items[at], ","):
            begin = at + 1
        elif is_query(items[at]):
            out[at] = _group(items[at], place)
            place = replace(place, ctes=(*place.ctes, bare(out[begin : at + 1])))
    return tuple(out), place


def _select(select: Select, place: _Place) -> Select:
    clauses = dict(select.clauses)
    if "from" in clauses:
        clauses["from"] = _subqueries(clauses["from"], place)
    source = bare(clauses.get("from", ()))
    inner = replace(place, sources=(source, *place.sources) if source else place.sources)
    sized = select.head[-1].word != "distinct"  # with DISTINCT, ORDER BY must match the expressions as written
    for name, clause in clauses.items():
        clauses[name] = read_expression(_subqueries(clause, inner) if name != "from" else clause, inner.type_of)[0]
    columns = _columns(_subqueries(select.columns, inner), inner, sized=sized)
    return replace(select, columns=columns, clauses=clauses)


def _subqueries(items: Sequence[Item], place: _Place) -> tuple[Item, ...]:
    """Return the items with their subqueries rewritten."""
    return tuple(_group(item, place) for item in items)


def _group(item: Item, place: _Place) -> Item:
    if not isinstance(item, Group):
        return item
    inner = _query(item.items, place) if is_query(item) else _subqueries(item.items, place)
    return Group(inner, item.space, item.end)


def _columns(columns: Sequence[Item], place: _Place, *, sized: bool) -> tuple[Item, ...]:
    """Rewrite a select list; with `sized`, computed DECIMALs are cast to their size."""
    out: list[Item] = []
    for index, part in enumerate(split(columns)):
        out += ([Token("operator", ",")] if index else []) + list(_column(part, place, sized=sized))
    return tuple(out)


def source_of(items: Sequence[Item]) -> str:
    """Return the tables of an UPDATE, DELETE or MERGE as a FROM clause; an empty string for other statements."""
    words = [item.word for item in items]
    if not words or words[0] not in _WRITES:
        return ""
    begin, middle, more, last = _WRITES[words[0]]
    places = {word: words.index(word, begin) for word in (middle, more, last) if word in words[begin:]}
    target = items[begin : min([place for place in places.values() if place > begin], default=len(items))]
    others = items[places[more] + 1 : places.get(last, len(items))] if more in places else ()
    return f"FROM {bare(target)}" + (f", {bare(others)}" if others else "")


def _column(part: tuple[Item, ...], place: _Place, *, sized: bool) -> tuple[Item, ...]:
    named = alias_of(part)
    value = named[1] if named else part
    alias = part[len(value) :]
    items, expression = read_expression(value, place.type_of)
    if expression is None:
        return (*items, *alias)
    size = _size(value, expression, place) if sized else ""
    if size:
        items = parse(f"{value[0].space}CAST({bare(items)} AS {size})")
    renamed = not alias and items != value and expression.name
    return (*items, *(parse(f' AS "{expression.name}"') if renamed else alias))


def _size(value: Sequence[Item], expression: Expression, place: _Place) -> str:
    """Return the type of a computed DECIMAL, or of a literal that becomes a column; empty where none is needed."""
    literal = value[0] if len(value) == 1 else None
    if place.creates and isinstance(literal, Token) and literal.kind == lexer.STRING and literal.text[0] == "'":
        length = len(lexer.literal(lexer.Token(literal.kind, literal.text, 0, 0)).encode())
        return f"varchar({length})" if length else ""
    number = None if expression.plain else expression.type()
    return number.sql if number is not None and number.sized else ""
