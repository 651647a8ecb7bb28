"""Parameters that nothing gives a type: a bare `$n` in the list of a SELECT over tables.

A client that binds it as unknown (705, as redshift_connector does a str and None) or without a type gets an assertion
of the cluster. The outermost list of INSERT … SELECT is left out: PostgreSQL 8's parser gives its parameters the types
of the target's columns, and no report from a cluster shows another result.

Source: https://github.com/aws/amazon-redshift-python-driver/issues/59
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from local_redshift.query.clauses import SET_OPERATORS, read_select
from local_redshift.query.unsupported.names import relations_read
from local_redshift.sql import lexer
from local_redshift.sql.refusal import Refusal
from local_redshift.sql.token_tree import Group, Item, Refused, Token, UnbalancedError, name_of, parse, split

_UNTYPED = (0, 705)
_WRITES = ("insert", "create")  # CREATE takes no parameters


def refuse_untyped(sql: str, types: Sequence[int]) -> Refusal | None:
    """The refusal of a statement whose parameters have these type oids, as Parse lists them, or None."""
    if "$" not in sql:
        return None
    if all(number <= len(types) and types[number - 1] not in _UNTYPED for number in _in_lists(sql)):
        return None
    line = "-" * 47
    detail = f"\n  {line}\n  error:  Assert\n  code:      1000\n  context:   false - Invalid type: 705\n  {line}\n"
    return Refusal("Assert", "XX000", detail=detail, hint="Give the parameter a type: CAST(… AS VARCHAR(n)).")


@functools.lru_cache(maxsize=512)
def _in_lists(sql: str) -> frozenset[int]:
    try:
        items = parse(sql)
        return frozenset(_numbers(items, is_write=bool(items) and items[0].word in _WRITES))
    except (UnbalancedError, lexer.LexError, Refused):
        return frozenset()  # running the statement raises the error


def _numbers(items: Sequence[Item], *, is_write: bool) -> Iterator[int]:
    for item in items:
        if isinstance(item, Group):
            yield from _numbers(item.items, is_write=False)
    if is_write or any(item.word in SET_OPERATORS for item in items):
        return
    select = read_select(items)
    if select is None or not _reads_tables(select.clauses.get("from", ())):
        return
    yield from filter(None, map(_parameter, split(select.columns)))


def _parameter(part: Sequence[Item]) -> int | None:
    """The number of an entry of the list that is a parameter, with or without an alias."""
    first = part[0] if part else None
    if not isinstance(first, Token) or first.kind != lexer.PARAMETER:
        return None
    is_bare = len(part) == 1 or part[1].word == "as" or (len(part) == 2 and bool(name_of(part[1])))
    return int(first.text[1:]) if is_bare else None


def _reads_tables(source: Sequence[Item]) -> bool:
    """Whether a FROM clause reads more than PostgreSQL's own catalog, which the leader node answers by itself."""
    return any(not name.startswith(("pg_", "information_schema")) for name in relations_read(source))
