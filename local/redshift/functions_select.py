"""Clauses of a SELECT that PostgreSQL does not have: TOP, EXCLUDE, QUALIFY, MINUS, aliases of the same list, PIVOT.

Where the answer depends on the columns of the FROM clause, `Scope.columns` raises NeedColumns: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from local.redshift import decimals, lexer
from local.redshift import functions_alias as aliases
from local.redshift import functions_pivot as pivots
from local.redshift.functions_tokens import (
    Column,
    Group,
    Item,
    NeedColumns,
    Refused,
    Token,
    bare,
    is_sign,
    name_of,
    parse,
    split,
)

_SET_OPERATORS = frozenset(["union", "intersect", "except", "minus"])
_AFTER_SET_OPERATOR = frozenset(("select", "all", "distinct"))
_CLAUSES = ["from", "where", "group", "having", "qualify", "order", "limit", "offset", "fetch"]
_HIERARCHY = "Hierarchical queries (CONNECT BY) are not modelled by the local Redshift: use WITH RECURSIVE."


@dataclass(frozen=True)
class Scope:
    """What a query can see: the columns found so far, and the CTEs around it as SQL."""

    known: Mapping[str, tuple[Column, ...] | None]
    ctes: tuple[str, ...] = ()
    recursive: bool = False
    typed: bool = False  # the sizes of DECIMALs matter

    def columns(self, query: str) -> tuple[str, ...] | None:
        """The names of a query's columns, None when it does not run by itself. Raises NeedColumns."""
        found = self.describe(query)
        return None if found is None else tuple(column.name for column in found)

    def describe(self, query: str) -> tuple[Column, ...] | None:
        """A query's columns, None when it does not run by itself. Raises NeedColumns."""
        text = query
        if self.ctes:
            text = f"WITH {'RECURSIVE ' if self.recursive else ''}{', '.join(self.ctes)} {query}"
        if text not in self.known:
            raise NeedColumns(text)
        return self.known[text]


@dataclass(frozen=True)
class Select:
    """One SELECT: what stands before its list (WITH, SELECT, DISTINCT …), its list, and its clauses by keyword."""

    head: tuple[Item, ...]
    columns: tuple[Item, ...]
    clauses: Mapping[str, tuple[Item, ...]]

    @property
    def source(self) -> str:
        """The FROM clause as SQL, or nothing."""
        return bare(self.clauses.get("from", ()))

    def items(self) -> tuple[Item, ...]:
        """The SELECT as items again."""
        return self.head + self.columns + tuple(item for clause in self.clauses.values() for item in clause)


def rewrite_query(items: Sequence[Item], scope: Scope) -> tuple[Item, ...]:
    """Rewrite every SELECT at this level of nesting. Raises NeedColumns, Refused."""
    starts = [index for index, item in enumerate(items) if item.word == "select"]
    if not starts:
        return tuple(
            _except(item) if item.word == "minus" and _joins_groups(items, at) else item
            for at, item in enumerate(items)
        )
    segments, operators = _segments(items, starts[0])
    result: list[Item] = []
    for index, segment in enumerate(segments):
        select = _read(segment)
        result += _rewrite(select, scope, alone=len(segments) == 1).items() if select else segment
        result += operators[index]
    return tuple(result)


def _segments(items: Sequence[Item], start: int) -> tuple[list[tuple[Item, ...]], list[tuple[Item, ...]]]:
    """The SELECTs of UNION and its like, and the operators between them."""
    segments: list[tuple[Item, ...]] = []
    operators: list[tuple[Item, ...]] = []
    begin = 0
    for at in range(start, len(items)):
        follow = items[at + 1] if at + 1 < len(items) else None
        if items[at].word in _SET_OPERATORS and (
            isinstance(follow, Group) or (follow is not None and follow.word in _AFTER_SET_OPERATOR)
        ):
            segments.append(tuple(items[begin:at]))
            operators.append((_except(items[at]),))
            begin = at + 1
    return [*segments, tuple(items[begin:])], [*operators, ()]


def _except(item: Item) -> Item:
    return Token("word", "EXCEPT", item.space) if item.word == "minus" else item


def _joins_groups(items: Sequence[Item], at: int) -> bool:
    return 0 < at < len(items) - 1 and isinstance(items[at - 1], Group) and isinstance(items[at + 1], Group)


def _read(items: Sequence[Item]) -> Select | None:
    start = next((index for index, item in enumerate(items) if item.word == "select"), None)
    if start is None:
        return None
    at = start + 1
    while at < len(items) and items[at].word in ("distinct", "all"):
        at += 1
    bounds = [(index, items[index].word) for index in range(at, len(items)) if _is_clause(items, index)]
    ends = [index for index, _ in (*bounds[1:], (len(items), ""))]
    first = bounds[0][0] if bounds else len(items)
    clauses: dict[str, tuple[Item, ...]] = {}
    for (index, word), end in zip(bounds, ends, strict=False):
        clauses[word if word not in clauses else f"{word} {index}"] = tuple(items[index:end])
    return Select(tuple(items[:at]), tuple(items[at:first]), clauses)


def _is_clause(items: Sequence[Item], at: int) -> bool:
    word = items[at].word
    following = items[at + 1].word if at + 1 < len(items) else ""
    if word in ("connect", "start") and following in ("by", "with"):
        raise Refused(_HIERARCHY)
    if word not in _CLAUSES:
        return False
    if is_sign(items[at - 1], ".") or items[at - 1].word == "as":
        return False
    if word in ("group", "order"):
        return following == "by"
    return not (word == "from" and items[at - 1].word == "distinct" and at > 1 and items[at - 2].word in ("is", "not"))


def _rewrite(select: Select, scope: Scope, *, alone: bool) -> Select:
    select = _top(select, alone=alone)
    select = _pivot(select, scope)
    select = _exclude(select, scope)
    columns = aliases.resolve(select.columns, select.source, scope.columns)
    return _decimals(_qualify(replace(select, columns=columns), scope), scope)


def _decimals(select: Select, scope: Scope) -> Select:
    if not scope.typed:
        return select
    source = select.source
    sized = select.head[-1].word != "distinct"  # ORDER BY must find the expressions as they are
    columns = decimals.rewrite_columns(select.columns, source, scope.describe, sized=sized)
    clauses = {name: decimals.rewrite(clause, source, scope.describe) for name, clause in select.clauses.items()}
    return replace(select, columns=columns, clauses=clauses)


def _top(select: Select, *, alone: bool) -> Select:
    if not select.columns or select.columns[0].word != "top" or len(select.columns) < 3:
        return select
    size = select.columns[1]
    if not (isinstance(size, Group) or (isinstance(size, Token) and size.kind in ("number", "parameter"))):
        return select
    if not alone:
        raise Refused(
            "The local Redshift does not model TOP beside UNION, INTERSECT or EXCEPT: put that SELECT in parentheses."
        )
    if "limit" in select.clauses:
        raise Refused("TOP and LIMIT exclude each other.", "42601")
    head, columns = select.head, select.columns[2:]
    if columns[0].word in ("distinct", "all"):
        head, columns = (*head, columns[0]), columns[1:]
    clauses = dict(select.clauses)
    clauses["limit"] = parse(f" LIMIT {bare([size])}")
    order = ["from", "where", "group", "having", "qualify", "order", "limit"]
    return Select(
        head,
        columns,
        {name: clauses[name] for name in sorted(clauses, key=lambda n: order.index(n) if n in order else len(order))},
    )


def _pivot(select: Select, scope: Scope) -> Select:
    source = select.clauses.get("from", ())
    if not any(item.word in ("pivot", "unpivot") for item in source):
        return select
    return replace(select, clauses={**select.clauses, "from": pivots.rewrite(source, scope.columns)})


def _exclude(select: Select, scope: Scope) -> Select:
    words = [item.word for item in select.columns]
    if len(words) < 3 or words[1] != "exclude" or not is_sign(select.columns[0], "*"):
        return select
    listed = select.columns[2]
    parts = split(listed.items if isinstance(listed, Group) else select.columns[2:])
    names = {name_of(part[-1]) for part in parts if part}
    present = scope.columns(f"SELECT * {select.source}")
    if present is None:
        raise Refused(
            "The local Redshift could not find the columns of this FROM clause for EXCLUDE: name the columns you want."
        )
    if missing := names - set(present):
        raise Refused(f'column "{sorted(missing)[0]}" named in EXCLUDE does not exist', "42703")
    kept = ", ".join(lexer.quote_name(name) for name in present if name not in names)
    return replace(select, columns=parse(f" {kept}"))


def _qualify(select: Select, scope: Scope) -> Select:
    if "qualify" not in select.clauses:
        return select
    clauses = dict(select.clauses)
    condition = aliases.replace_window_aliases(clauses.pop("qualify")[1:], select.columns)
    outer: dict[str, tuple[Item, ...]] = {
        name: clauses.pop(name) for name in ("limit", "offset", "fetch") if name in clauses
    }
    body = "".join(" " + bare(clause) for clause in clauses.values())
    names = scope.columns(f"SELECT {bare(select.columns)}{body}")
    if names is None:
        raise Refused("The local Redshift found no columns of this SELECT for QUALIFY: filter in an outer query.")
    distinct = select.head[-1].word == "distinct"
    listed = ", ".join(lexer.quote_name(name) for name in names)
    inner = f'SELECT {bare(select.columns)}, ({bare(condition)}) AS "redshift$qualify"{body}'
    text = f' {listed} FROM ({inner}) AS "redshift$rows" WHERE "redshift$qualify"'
    if distinct and "order" in clauses:
        raise Refused(
            "The local Redshift does not model DISTINCT, QUALIFY and ORDER BY together: order in an outer query."
        )
    return Select(select.head, parse(text), dict(outer))
