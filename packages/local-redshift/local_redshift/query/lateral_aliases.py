"""References to an alias of the select list, in later expressions and in WHERE; a column of that name has precedence.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html
https://docs.aws.amazon.com/redshift/latest/dg/r_WHERE_clause.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from local_redshift.sql import lexer
from local_redshift.sql.reserved_words import RESERVED
from local_redshift.sql.token_tree import Group, Item, Token, bare, is_sign, name_of, parse, split, walk

Columns = Callable[[str], "tuple[str, ...] | None"]
# Words that end an expression, so they are not aliases.
_NO_ALIAS = frozenset(
    [
        "end",
        "null",
        "true",
        "false",
        "zone",
        "precision",
        "varying",
        "current_date",
        "sysdate",
        "nulls",
        "day",
        "hour",
        "month",
        "year",
        "minute",
        "second",
    ]
)


def alias_of(part: Sequence[Item]) -> tuple[str, tuple[Item, ...]] | None:
    """Return the alias of one entry of a select list and its expression, or None."""
    if len(part) < 2:
        return None
    last, before = part[-1], part[-2]
    name = name_of(last)
    if not name:
        return None
    if before.word == "as":
        return name, tuple(part[:-2])
    operand = isinstance(before, Group) or (isinstance(before, Token) and before.kind != "operator")
    return (name, tuple(part[:-1])) if operand and name not in _NO_ALIAS else None


def resolve_aliases(columns: Sequence[Item], source: str, describe: Columns) -> tuple[Item, ...]:
    """Return the select list with references to earlier aliases replaced, where FROM has no such column."""
    parts = split(columns)
    expressions: dict[str, tuple[Item, ...]] = {}
    columns_of_from: tuple[str, ...] | None = None
    is_described = False
    result: list[tuple[Item, ...]] = []
    for part in parts:
        used = _uses(part, expressions)
        if used and not is_described:
            columns_of_from, is_described = (describe(f"SELECT * {source}") if source else ()), True
        aliases = used.difference(columns_of_from) if columns_of_from is not None else ()
        body = _substitute(part, {name: expressions[name] for name in aliases}) if aliases else part
        result.append(body)
        named = alias_of(body)
        if named is not None:
            expressions[named[0]] = named[1]
    return _joined(result) if result != parts else tuple(columns)


def resolve_where(where: Sequence[Item], columns: Sequence[Item], source: str, describe: Columns) -> tuple[Item, ...]:
    """Return WHERE with references to aliases of the select list replaced, where FROM has no such column."""
    named = dict(filter(None, map(alias_of, split(columns))))
    # An alias that is the column's own name, and reserved words, which are other things in WHERE.
    expressions = {name: items for name, items in named.items() if name not in RESERVED and name_of(items[-1]) != name}
    used = _uses(where, expressions, inside=True)
    if not used:
        return tuple(where)
    columns_of_from = describe(f"SELECT * {source}") if source else ()
    aliases = used.difference(columns_of_from) if columns_of_from is not None else ()
    return _substitute(where, {name: expressions[name] for name in aliases}, inside=True)


def replace_window_aliases(condition: Sequence[Item], columns: Sequence[Item]) -> tuple[Item, ...]:
    """Return QUALIFY's condition with the aliases of window functions replaced by the functions."""
    windows = {}
    for part in split(columns):
        named = alias_of(part)
        if named is not None and any(token.word == "over" for token in walk(named[1])):
            windows[named[0]] = named[1]
    return _substitute(condition, windows)


def _joined(parts: Sequence[tuple[Item, ...]]) -> tuple[Item, ...]:
    items: list[Item] = []
    for index, part in enumerate(parts):
        items += ([Token("operator", ",")] if index else []) + list(part)
    return tuple(items)


def _is_reference(items: Sequence[Item], at: int) -> bool:
    before = items[at - 1] if at else None
    after = items[at + 1] if at + 1 < len(items) else None
    if is_sign(before, ".") or is_sign(before, "::") or is_sign(after, ".") or isinstance(after, Group):
        return False
    # DATE '2008-01-01', x AT TIME ZONE 'UTC'
    typed = isinstance(after, Token) and (after.kind == lexer.STRING or after.word in ("time", "zone"))
    return not typed and (before is None or before.word != "as")


def _is_query(group: Group) -> bool:
    return bool(group.items) and group.items[0].word in ("select", "with")


def _uses(items: Sequence[Item], names: Mapping[str, object], *, inside: bool = False) -> set[str]:
    names_used: set[str] = set()
    for at, item in enumerate(items):
        if isinstance(item, Group):
            names_used |= set() if _is_query(item) else _uses(item.items, names, inside=True)
        elif name_of(item) in names and _is_reference(items, at) and (inside or not _is_own_alias(items, at)):
            names_used.add(name_of(item))
    return names_used


def _is_own_alias(items: Sequence[Item], at: int) -> bool:
    named = alias_of(items)
    return at == len(items) - 1 and named is not None


def _substitute(
    items: Sequence[Item], names: Mapping[str, tuple[Item, ...]], *, inside: bool = False
) -> tuple[Item, ...]:
    result: list[Item] = []
    for at, item in enumerate(items):
        if isinstance(item, Group):
            result.append(item if _is_query(item) else _substitute_group(item, names))
        elif name_of(item) in names and _is_reference(items, at) and (inside or not _is_own_alias(items, at)):
            result += parse(f"{item.space}({bare(names[name_of(item)])})")
        else:
            result.append(item)
    return tuple(result)


def _substitute_group(group: Group, names: Mapping[str, tuple[Item, ...]]) -> Group:
    """A group declares no alias: in ORDER BY k the k is always a reference."""
    return Group(_substitute(group.items, names, inside=True), group.space, group.end)
