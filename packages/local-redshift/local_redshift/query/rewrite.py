"""Rewrites Redshift's functions and query syntax to PostgreSQL's, with a cache.

Most of the dialect consists of PostgreSQL functions (catalog/sql/). A statement is parsed only when the fast path finds
a word that could need a rewrite.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from local_redshift.query.catalogs import with_redshift_columns
from local_redshift.query.decimals.rewrite import check_sizes, needs_sizes, rewrite_decimals
from local_redshift.query.fast_path import is_constant_rows, may_need_rewrite
from local_redshift.query.function_calls import DECIMALS, bare_call, rewrite_call, sized
from local_redshift.query.select import Scope, rewrite_query
from local_redshift.query.show import show
from local_redshift.query.unsupported.names import check_names, relations_read
from local_redshift.query.unsupported.super_navigation import check_navigation
from local_redshift.query.untyped_literals import cast_relation, cast_view, is_relation
from local_redshift.query.window_functions import WINDOW_FUNCTIONS, read_tail, window_call
from local_redshift.sql import lexer
from local_redshift.sql.long_literals import shorten
from local_redshift.sql.token_tree import (
    Column,
    Group,
    Item,
    NeedColumns,
    Refused,
    Token,
    UnbalancedError,
    bare,
    is_sign,
    name_of,
    parse,
    render,
    split,
)

__all__ = ["NeedColumns", "Refused", "rewrite", "tables_read"]

_CACHED_LENGTH = 20_000
_TAIL = 6  # how many items after a window function's call may belong to it
_NOT_CALLS = frozenset(["into", "table", "from", "join", "update", "view"])


def rewrite(sql: str, known: Mapping[str, tuple[Column, ...] | None] | None = None) -> str:
    """Return the statement for PostgreSQL.

    `known` has the columns of the queries of earlier NeedColumns. Raises NeedColumns, Refused, and lexer.LexError for
    an unterminated literal.
    """
    if not known and len(sql) <= _CACHED_LENGTH:
        return _cached(sql)
    return _rewrite(sql, known or {})


def tables_read(sql: str) -> tuple[str, ...]:
    """Return the tables that a statement reads, as written and in lower case, for STL_SCAN."""
    return _tables_read(sql) if len(sql) <= _CACHED_LENGTH else _find_tables(sql)


def _find_tables(sql: str) -> tuple[str, ...]:
    try:
        short = shorten(sql).sql
        return () if is_constant_rows(short) else tuple(sorted(relations_read(parse(short))))
    except (UnbalancedError, lexer.LexError):
        return ()  # running the statement raises the error


_tables_read = functools.lru_cache(maxsize=2048)(_find_tables)


@functools.lru_cache(maxsize=2048)
def _cached(sql: str) -> str:
    return _rewrite(sql, {})


def _rewrite(sql: str, known: Mapping[str, tuple[Column, ...] | None]) -> str:
    if not may_need_rewrite(sql):
        return sql
    try:
        items = parse(sql)
    except UnbalancedError:
        return sql  # PostgreSQL reports the position
    listing = show(items)
    if listing is not None:
        return listing
    if check_names(items):
        check_navigation(items)
    check_sizes(items)
    scope = Scope(known)
    result = cast_view(_transform(with_redshift_columns(items), scope))
    if needs_sizes(result):
        result = rewrite_decimals(result, scope.describe)
    return render(result)


def _transform(items: Sequence[Item], scope: Scope) -> tuple[Item, ...]:
    out: list[Item] = []
    at = 0
    while at < len(items):
        item = items[at]
        scope = _recursive(items, at, scope)
        if isinstance(item, Group):
            inner = Group(_transform(item.items, scope), item.space, item.end)
            if is_relation(items, at) or _is_cte(items, at):
                inner = replace(inner, items=cast_relation(inner.items))
            taken = _append_call(out, inner, items[at + 1 : at + 1 + _TAIL], scope)
            scope = _with_cte(items, out, at, scope)
            at += 1 + taken
            continue
        at += 1
        if item.word == "approximate" and at < len(items) and items[at].word in ("count", "percentile_disc"):
            continue
        replacement = bare_call(items, at - 1)
        out += _spaced(replacement, item) if replacement else [item]
        _literal_cast(out)
        if not isinstance(items[at] if at < len(items) else None, Group):
            _decimal_cast(out)
    return rewrite_query(out, scope)


def _append_call(out: list[Item], group: Group, following: Sequence[Item], scope: Scope) -> int:
    """Append a group, or the SQL of its call; return how many of the following items belong to the call."""
    name = _function_name(out)
    if name in WINDOW_FUNCTIONS:
        after = read_tail(_transform_tail(following, scope))
        text = window_call(name, group.items, after)
        if text is not None:
            _replace_call(out, text)
            return after.length
    text = rewrite_call(name, split(group.items)) if name else None
    if text is None:
        out.append(group)
    else:
        _replace_call(out, text)
    return 0


def _transform_tail(following: Sequence[Item], scope: Scope) -> list[Item]:
    return [
        Group(_transform(item.items, scope), item.space, item.end) if isinstance(item, Group) else item
        for item in following
    ]


def _function_name(out: Sequence[Item]) -> str:
    """Return the name of the function that the next group is a call of, or an empty string."""
    name = name_of(out[-1]) if out else ""
    if not name or (len(out) > 1 and out[-2].word in _NOT_CALLS):
        return ""
    if len(out) > 1 and is_sign(out[-2], "."):
        return name if len(out) > 2 and name_of(out[-3]) == "pg_catalog" else ""
    return name


def _replace_call(out: list[Item], text: str) -> None:
    first = out.pop()
    while out and is_sign(out[-1], "."):
        out.pop()
        first = out.pop()
    out += _spaced(text, first)


def _spaced(text: str, like: Item) -> tuple[Item, ...]:
    """Return the text as items, after the space before the item that it replaces."""
    return parse(like.space + text)


def _literal_cast(out: list[Item]) -> None:
    """`'…'::super` is cast through text: the input functions of SUPER and VARBYTE refuse literals (41_super.sql)."""
    if len(out) > 2 and out[-1].word in ("super", "varbyte", "varbinary") and is_sign(out[-2], "::"):
        literal = out[-3]
        if isinstance(literal, Token) and literal.kind == "string":
            out[-2:-2] = parse("::text")


def _decimal_cast(out: list[Item]) -> None:
    """Add the default size to `…::decimal`."""
    if len(out) > 1 and out[-1].word in DECIMALS and is_sign(out[-2], "::"):
        out[-1:] = _spaced(sized(out[-1].word), out[-1])


def _recursive(items: Sequence[Item], at: int, scope: Scope) -> Scope:
    if items[at].word == "recursive" and at and items[at - 1].word == "with":
        return replace(scope, recursive=True)
    return scope


def _with_cte(items: Sequence[Item], out: Sequence[Item], at: int, scope: Scope) -> Scope:
    """Return the scope after `name [(columns)] AS (query)` of a WITH list."""
    if not _is_cte(items, at):
        return scope
    start = max(index for index, item in enumerate(out) if is_sign(item, ",") or item.word in ("with", "recursive"))
    return replace(scope, ctes=(*scope.ctes, bare(out[start + 1 :])))


def _is_cte(items: Sequence[Item], at: int) -> bool:
    return at > 0 and items[at - 1].word in ("as", "materialized") and _in_with(items, at)


def _in_with(items: Sequence[Item], at: int) -> bool:
    words = [item.word for item in items[:at]]
    return "with" in words and not any(
        word in ("select", "insert", "update", "delete", "merge") for word in words[words.index("with") :]
    )
