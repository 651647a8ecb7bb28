"""Clauses of a SELECT that PostgreSQL does not have: TOP, EXCLUDE, QUALIFY, MINUS, aliases of the same list, PIVOT.

Where the result depends on the columns of the FROM clause, `Scope.columns` raises NeedColumns: nothing is guessed.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html
https://docs.aws.amazon.com/redshift/latest/dg/r_QUALIFY_clause.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from local_redshift.query.clauses import Select, as_except, read_select, segments
from local_redshift.query.lateral_aliases import replace_window_aliases, resolve_aliases, resolve_where
from local_redshift.query.pivot import rewrite_pivot
from local_redshift.query.untyped_unions import type_branches
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import (
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


@dataclass(frozen=True)
class Scope:
    """What a query may refer to: the columns that are known so far, and the CTEs around it as SQL."""

    known: Mapping[str, tuple[Column, ...] | None]
    ctes: tuple[str, ...] = ()
    recursive: bool = False

    def columns(self, query: str) -> tuple[str, ...] | None:
        """Return the names of a query's columns; None when it cannot be described. Raises NeedColumns."""
        columns = self.describe(query)
        return None if columns is None else tuple(column.name for column in columns)

    def describe(self, query: str) -> tuple[Column, ...] | None:
        """Return a query's columns; None when it cannot be described. Raises NeedColumns."""
        text = query
        if self.ctes:
            text = f"WITH {'RECURSIVE ' if self.recursive else ''}{', '.join(self.ctes)} {query}"
        if text not in self.known:
            raise NeedColumns(text)
        return self.known[text]


def rewrite_query(items: Sequence[Item], scope: Scope) -> tuple[Item, ...]:
    """Rewrite every SELECT at this level of nesting. Raises NeedColumns, Refused."""
    starts = [index for index, item in enumerate(items) if item.word == "select"]
    if not starts:
        return tuple(
            as_except(item) if item.word == "minus" and _joins_groups(items, at) else item
            for at, item in enumerate(items)
        )
    parts, operators = segments(items, starts[0])
    if len(parts) > 1:
        parts = type_branches(parts, scope.describe, scope.ctes)
    result: list[Item] = []
    for index, segment in enumerate(parts):
        select = read_select(segment)
        result += _rewrite(select, scope, has_set_operator=len(parts) > 1).items() if select else segment
        result += operators[index]
    return tuple(result)


def _joins_groups(items: Sequence[Item], at: int) -> bool:
    return 0 < at < len(items) - 1 and isinstance(items[at - 1], Group) and isinstance(items[at + 1], Group)


def _rewrite(select: Select, scope: Scope, *, has_set_operator: bool) -> Select:
    select = _top(select, has_set_operator=has_set_operator)
    select = _pivot(select, scope)
    select = _exclude(select, scope)
    columns = resolve_aliases(select.columns, select.source, scope.columns)
    clauses = dict(select.clauses)
    if "where" in clauses:
        clauses["where"] = resolve_where(clauses["where"], columns, select.source, scope.columns)
    return _qualify(replace(select, columns=columns, clauses=clauses), scope)


def _top(select: Select, *, has_set_operator: bool) -> Select:
    if not select.columns or select.columns[0].word != "top" or len(select.columns) < 3:
        return select
    size = select.columns[1]
    if not (isinstance(size, Group) or (isinstance(size, Token) and size.kind in ("number", "parameter"))):
        return select
    if has_set_operator:
        raise Refused(
            "The local Redshift does not model TOP beside UNION, INTERSECT or EXCEPT: put that SELECT in parentheses."
        )
    if "limit" in select.clauses:
        raise Refused("TOP and LIMIT cannot be used together: use one of them.", "42601")
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
    return replace(select, clauses={**select.clauses, "from": rewrite_pivot(source, scope.columns)})


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
            "The local Redshift could not determine the columns for EXCLUDE: write the list of columns instead."
        )
    if missing := names - set(present):
        raise Refused(f'column "{sorted(missing)[0]}" named in EXCLUDE does not exist', "42703")
    listed_columns = ", ".join(lexer.quote_name(name) for name in present if name not in names)
    return replace(select, columns=parse(f" {listed_columns}"))


def _qualify(select: Select, scope: Scope) -> Select:
    if "qualify" not in select.clauses:
        return select
    clauses = dict(select.clauses)
    condition = replace_window_aliases(clauses.pop("qualify")[1:], select.columns)
    outer: dict[str, tuple[Item, ...]] = {
        name: clauses.pop(name) for name in ("limit", "offset", "fetch") if name in clauses
    }
    body = "".join(" " + bare(clause) for clause in clauses.values())
    names = scope.columns(f"SELECT {bare(select.columns)}{body}")
    if names is None:
        raise Refused("The local Redshift could not determine the columns for QUALIFY: filter in an outer query.")
    distinct = select.head[-1].word == "distinct"
    listed = ", ".join(lexer.quote_name(name) for name in names)
    inner = f'SELECT {bare(select.columns)}, ({bare(condition)}) AS "redshift$qualify"{body}'
    text = f' {listed} FROM ({inner}) AS "redshift$rows" WHERE "redshift$qualify"'
    if distinct and "order" in clauses:
        raise Refused(
            "The local Redshift does not model DISTINCT, QUALIFY and ORDER BY together: order in an outer query."
        )
    return Select(select.head, parse(text), dict(outer))
