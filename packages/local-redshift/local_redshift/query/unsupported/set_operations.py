"""Limits of set operators and of WITH RECURSIVE that PostgreSQL does not have.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_UNION.html
https://docs.aws.amazon.com/redshift/latest/dg/r_WITH_clause.html
"""

from __future__ import annotations

from collections.abc import Sequence

from local_redshift.sql.token_tree import Group, Item, Refused, name_of, walk

SET_OPERATORS = ("union", "intersect", "except", "minus")
SET_OPERATION_WORDS = (*SET_OPERATORS, "recursive")
_QUERY = ("select", "with", "")


def check_set_operations(items: Sequence[Item]) -> None:
    """Raise Refused for a violation of such a limit at this level of nesting."""
    for at, item in enumerate(items):
        if item.word in SET_OPERATORS:
            _check_operator(items, at)
        if item.word == "recursive" and at and items[at - 1].word == "with":
            _check_recursive(items[at + 1 :])


def _check_operator(items: Sequence[Item], at: int) -> None:
    follow = at + 2 if _word(items, at + 1) in ("all", "distinct") else at + 1
    if _word(items, at + 1) == "all" and items[at].word != "union" and _word(items, follow) in _QUERY:
        raise Refused("Redshift has no ALL in INTERSECT, EXCEPT and MINUS: use it with UNION only.", "42601")
    for place in (at - 1, follow):
        inner = items[place] if 0 <= place < len(items) else None
        if isinstance(inner, Group) and any(item.word == "limit" for item in inner.items):
            raise Refused("LIMIT may not be used within input to set operations.")


def _check_recursive(items: Sequence[Item]) -> None:
    """Raise Refused for a CTE that reads itself without a list of columns or without UNION ALL."""
    for at, item in enumerate(items):
        if item.word in ("select", "insert", "update", "delete"):
            return
        query = items[at + 1] if at + 1 < len(items) else None
        if item.word != "as" or not at or not isinstance(query, Group):
            continue
        listed = isinstance(items[at - 1], Group)
        name = name_of(items[at - 2] if listed and at > 1 else items[at - 1])
        if not name or not any(name_of(token) == name for token in walk(query.items)):
            continue
        if not listed:
            raise Refused(f"The recursive CTE {name} needs a list of its columns on Redshift.", "42601")
        unions = [place for place, inner in enumerate(query.items) if inner.word == "union"]
        if any(_word(query.items, place + 1) != "all" for place in unions):
            raise Refused(f"The recursive CTE {name} must be a UNION ALL on Redshift.", "42601")


def _word(items: Sequence[Item], at: int) -> str:
    return items[at].word if 0 <= at < len(items) else ""
