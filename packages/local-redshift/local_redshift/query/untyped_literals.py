"""Bare string literals and NULLs in the list of a subquery, a CTE or a view: columns of type unknown.

Redshift's parser is that of PostgreSQL 8: such a column has no type, and what needs one (a comparison, GROUP BY,
ORDER BY, a function) fails with `failed to find conversion function from "unknown" to text`. PostgreSQL 10 and later
make it text. Each is cast here to a type without operators and functions (catalog/sql/43_untyped.sql).

Sources:
https://github.com/calogica/dbt-expectations/issues/99 (comparison), https://github.com/fleetio/dbt-segment/pull/17
(PARTITION BY), https://github.com/snowplow/dbt-snowplow-attribution/issues/9 (MIN of a NULL): reports from clusters.
PostgreSQL 8's analyze.c: a literal that DISTINCT, GROUP BY or ORDER BY of the same SELECT refers to becomes text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from local_redshift.query.clauses import SET_OPERATORS, Select, read_select
from local_redshift.query.lateral_aliases import alias_of
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Group, Item, Token, is_sign, name_of, parse, render, split, walk

TYPE, OID = "redshift_unknown", 8705  # catalog/sql/43_untyped.sql
_CLAUSES = ("select", "from", "using", "join", "on", "where", "group", "having", "order", "set", "values", "limit")
_BEFORE_RELATION = ("from", "using", "join")
_QUERIES = ("select", "delete", "update")


def is_relation(items: Sequence[Item], at: int) -> bool:
    """Whether the item at this position is a query in a FROM list, so that its columns may be referred to."""
    before = items[at - 1] if at else None
    if before is None or not _is_query(items[at]) or not any(item.word in _QUERIES for item in items[:at]):
        return False
    if before.word in _BEFORE_RELATION:
        return at < 2 or items[at - 2].word != "distinct"  # IS DISTINCT FROM (…)
    if not is_sign(before, ","):
        return False
    clause = next((item.word for item in reversed(items[:at]) if item.word in _CLAUSES), "")
    return clause in (*_BEFORE_RELATION, "on")


def _is_query(item: Item) -> bool:
    return (
        isinstance(item, Group)
        and bool(item.items)
        and (item.items[0].word in ("select", "with") or _is_query(item.items[0]))
    )


def cast_relation(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return a subquery or the query of a CTE with its bare literals cast; a set operation types them, and is kept."""
    if len(items) == 1 and isinstance(items[0], Group):
        return (replace(items[0], items=cast_relation(items[0].items)),)
    if not any(map(_is_untyped, items)) or any(item.word in SET_OPERATORS for item in items):
        return tuple(items)
    select = read_select(items)
    if select is None or "qualify" in select.clauses or select.head[-1].word == "distinct":
        return tuple(items)
    return _cast(select).items()


def cast_view(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return CREATE VIEW with its query's bare literals cast; any other statement unchanged."""
    words = [item.word for item in items[:6]]
    if words[:1] != ["create"] or "view" not in words or "materialized" in words:
        return tuple(items)
    body = next((at for at, item in enumerate(items) if item.word == "as"), len(items)) + 1
    if body < len(items) and isinstance(items[body], Group):
        return (*items[:body], *cast_relation(items[body : body + 1]), *items[body + 1 :])
    return (*items[:body], *cast_relation(items[body:]))


def _cast(select: Select) -> Select:
    sorted_by = {
        name_of(token) or token.text for clause in ("group", "order") for token in walk(select.clauses.get(clause, ()))
    }
    parts = split(select.columns)
    result = [
        part if str(place) in sorted_by or _alias(part) in sorted_by else _cast_column(part)
        for place, part in enumerate(parts, 1)
    ]
    return replace(select, columns=parse(",".join(render(part) for part in result))) if result != parts else select


def _alias(part: Sequence[Item]) -> str | None:
    named = alias_of(part)
    return named[0] if named else None


def _cast_column(part: tuple[Item, ...]) -> tuple[Item, ...]:
    """Cast an entry of the list that is a literal with or without an alias."""
    if not part or not _is_untyped(part[0]):
        return part
    if len(part) == 1:
        return (*part, *parse(f'::{TYPE} AS "?column?"'))
    is_aliased = part[1].word == "as" if len(part) == 3 else len(part) == 2 and bool(name_of(part[1]))
    return (part[0], *parse(f"::{TYPE}"), *part[1:]) if is_aliased else part


def _is_untyped(item: Item) -> bool:
    if not isinstance(item, Token):
        return False
    return item.word == "null" or (item.kind == lexer.STRING and item.text[0] in "'eE$")
