"""Navigation into SUPER, `alias.column.attribute`, `column[0]`, `FROM t, t.column`, which is not modelled.

PostgreSQL's error would be about tables or types and not mention SUPER.

Source: https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Group, Item, Refused, Token, is_sign, name_of

_ENDS_FROM = frozenset(
    [
        "where",
        "group",
        "having",
        "order",
        "limit",
        "union",
        "intersect",
        "except",
        "minus",
        "select",
        "set",
        "on",
        "using",
    ]
)
_NO_ALIAS = _ENDS_FROM | {"join", "inner", "left", "right", "full", "cross", "natural", "qualify", "pivot", "unpivot"}


def check_navigation(items: Sequence[Item]) -> None:
    """Raise Refused for navigation into SUPER."""
    schemas, aliases = _names(items)
    _check_level(items, aliases - schemas)


def _check_level(items: Sequence[Item], aliases: set[str]) -> None:
    in_from = False
    for at, item in enumerate(items):
        if isinstance(item, Group):
            _check_level(item.items, aliases)
            continue
        in_from = item.word in ("from", "join") or (in_from and item.word not in _ENDS_FROM)
        before = items[at - 1] if at else None
        if is_sign(item, "[") and (isinstance(before, Group) or name_of(before) not in ("", "array")):
            raise Refused("The local Redshift does not model navigation into SUPER by [position]: use JSON_SERIALIZE.")
        path = _path(items, at)
        if len(path) < 2 or path[0] not in aliases:
            continue
        if in_from and is_sign(before, ","):
            raise Refused(f"The local Redshift does not model unnesting SUPER in FROM ({'.'.join(path)}).")
        if not in_from and len(path) > 2:
            raise Refused(
                f"The local Redshift does not model navigation into SUPER ({'.'.join(path)}): use JSON_SERIALIZE."
            )


def _path(items: Sequence[Item], at: int) -> list[str]:
    """Return the dotted names that begin here; none inside a path or before a call."""
    if not name_of(items[at]) or (at and is_sign(items[at - 1], ".")):
        return []
    names = [name_of(items[at])]
    while at + 2 < len(items) and is_sign(items[at + 1], ".") and name_of(items[at + 2]):
        at += 2
        names.append(name_of(items[at]))
    return [] if at + 1 < len(items) and isinstance(items[at + 1], Group) else names


def _names(items: Sequence[Item]) -> tuple[set[str], set[str]]:
    """Return the schemas in FROM, and the names and aliases of the tables."""
    schemas: set[str] = set()
    aliases: set[str] = set()
    for path, alias in _sources(items):
        schemas.update(path[:-1])
        aliases.add(alias or path[-1])
    return schemas, aliases


def _sources(items: Sequence[Item]) -> Iterator[tuple[list[str], str]]:
    for at, item in enumerate(items):
        if isinstance(item, Group):
            yield from _sources(item.items)
        elif item.word in ("from", "join") and at + 1 < len(items):
            path = _path(items, at + 1)
            if path:
                follow = at + 2 * len(path)
                follow += 1 if follow < len(items) and items[follow].word == "as" else 0
                last = items[follow] if follow < len(items) else None
                is_name = isinstance(last, Token) and last.kind in (lexer.WORD, lexer.QUOTED)
                yield path, name_of(last) if is_name and name_of(last) not in _NO_ALIAS else ""
