"""Branches of UNION, INTERSECT and EXCEPT that read an untyped column (untyped_literals.py): it gets a type there.

PostgreSQL 8 gives an untyped column of a set operation the type of the other branches, or text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from local_redshift.query.clauses import read_select
from local_redshift.query.untyped_literals import OID, TYPE
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Column, Item, bare, parse

Describe = Callable[[str], "tuple[Column, ...] | None"]
_OF_ALL = ("order", "limit", "offset", "fetch")  # clauses that follow the last branch and belong to the whole
_TYPES = {
    16: "bool",
    20: "bigint",
    21: "smallint",
    23: "int",
    700: "real",
    701: "float8",
    1082: "date",
    1114: "timestamp",
    1184: "timestamptz",
    1700: "numeric",
}


def type_branches(
    branches: Sequence[tuple[Item, ...]], describe: Describe, ctes: Sequence[str]
) -> list[tuple[Item, ...]]:
    """Return the branches with their untyped columns cast. Raises NeedColumns where one may have such a column."""
    if not any(TYPE in text for text in (*ctes, *map(bare, branches))):
        return list(branches)
    described = [_columns(branch, describe) for branch in branches]
    return [
        _typed(branch, columns, [other for other in described if other])
        if any(column.type == OID for column in columns)
        else branch
        for branch, columns in zip(branches, described, strict=True)
    ]


def _parts(branch: Sequence[Item]) -> tuple[str, str, str]:
    """Return a branch as what precedes SELECT, the SELECT, and the clauses that belong to the whole operation."""
    select = read_select(branch)
    if select is None:
        return "", bare(branch), ""
    start = next(at for at, item in enumerate(select.head) if item.word == "select")
    own = [item for name, clause in select.clauses.items() if name not in _OF_ALL for item in clause]
    rest = [item for name, clause in select.clauses.items() if name in _OF_ALL for item in clause]
    return bare(select.head[:start]), bare((*select.head[start:], *select.columns, *own)), bare(rest)


def _columns(branch: Sequence[Item], describe: Describe) -> tuple[Column, ...]:
    return describe(_parts(branch)[1]) or ()


def _typed(
    branch: Sequence[Item], columns: Sequence[Column], described: Sequence[Sequence[Column]]
) -> tuple[Item, ...]:
    names = [lexer.quote_name(f"redshift${place}") for place in range(len(columns))]
    head, query, rest = _parts(branch)
    listed = ", ".join(
        f"{name}{_cast(place, column, described)} AS {lexer.quote_name(column.name)}"
        for place, (name, column) in enumerate(zip(names, columns, strict=True))
    )
    return parse(f' {head} SELECT {listed} FROM ({query}) AS "redshift$branch" ({", ".join(names)}) {rest}')


def _cast(place: int, column: Column, described: Sequence[Sequence[Column]]) -> str:
    if column.type != OID:
        return ""
    others = (columns[place].type for columns in described if place < len(columns))
    return f"::{next((_TYPES[other] for other in others if other in _TYPES), 'text')}"
