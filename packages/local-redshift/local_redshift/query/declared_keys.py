"""Where a statement relies on declared keys: a DISTINCT or a join that a cluster's planner may leave out.

The planner takes PRIMARY KEY, UNIQUE and FOREIGN KEY for true although nothing enforces them. The candidates are found
in the text; session/key_checks.py looks up the keys and the data. Pure.

Source: https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local_redshift.query.clauses import Select, read_select, segments
from local_redshift.query.lateral_aliases import alias_of
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Group, Item, Refused, UnbalancedError, is_sign, name_of, parse, split, walk


@dataclass(frozen=True)
class Distinct:
    """SELECT DISTINCT of these columns of one table; names are lower case, `table` is SQL."""

    table: str
    columns: frozenset[str]


@dataclass(frozen=True)
class Join:
    """An inner join of `table` to `joined` by equal columns, in pairs; `names` are all other names in the SELECT.

    A name that an alias of `joined` qualifies is in `names` too, so that a column of it may be recognized.
    """

    table: str
    joined: str
    pairs: tuple[tuple[str, str], ...]
    names: frozenset[str]


@functools.lru_cache(maxsize=512)
def candidates(sql: str) -> tuple[Distinct | Join, ...]:
    """The DISTINCTs and joins of a statement that declared keys could make redundant."""
    try:
        return tuple(_candidates(parse(sql)))
    except (UnbalancedError, lexer.LexError, Refused):
        return ()  # running the statement raises the error


def _candidates(items: Sequence[Item]) -> Iterator[Distinct | Join]:
    for item in items:
        if isinstance(item, Group):
            yield from _candidates(item.items)
    start = next((at for at, item in enumerate(items) if item.word == "select"), None)
    if start is None:
        return
    for segment in segments(items, start)[0]:
        select = read_select(segment)
        if select is not None:
            yield from _of_select(select)


def _of_select(select: Select) -> Iterator[Distinct | Join]:
    source = select.clauses.get("from", ())[1:]
    tables = _tables(source)
    if len(tables) == 1 and select.head[-1].word == "distinct":
        columns = frozenset(name for part in split(select.columns) if (name := _column(part)))
        yield Distinct(tables[0][0], columns)
    if len(tables) == 2 and not any(is_sign(item, "*") for item in select.columns):
        yield from _join(select, source, tables)


def _tables(source: Sequence[Item]) -> list[tuple[str, str]]:
    """The tables of a FROM clause as (SQL, alias): one, or two joined by [INNER] JOIN … ON; otherwise none."""
    words = [item.word for item in source]
    if any(isinstance(item, Group) or is_sign(item, ",") for item in source[: _index(words, "on")]):
        return []
    if {"left", "right", "full", "cross", "natural", "using"} & set(words) or words.count("join") > 1:
        return []
    at = _index(words, "join")
    first = [item for item in source[:at] if item.word != "inner"]
    return [_table(part) for part in (first, source[at + 1 : _index(words, "on")]) if part]


def _index(words: Sequence[str], word: str) -> int:
    return words.index(word) if word in words else len(words)


def _table(items: Sequence[Item]) -> tuple[str, str]:
    names = [name_of(item) for item in items if name_of(item) and item.word != "as"]
    length = 1 + sum(is_sign(item, ".") for item in items)
    return ".".join(lexer.quote_name(name) for name in names[:length]), names[-1] if names else ""


def _column(part: Sequence[Item]) -> str:
    """The name of a column, with or without qualifier and alias; empty for an expression."""
    named = alias_of(part)
    expression = named[1] if named else part
    return name_of(expression[-1]) if all(is_sign(dot, ".") for dot in expression[1::2]) else ""


def _join(select: Select, source: Sequence[Item], tables: Sequence[tuple[str, str]]) -> Iterator[Join]:
    condition = source[_index([item.word for item in source], "on") + 1 :]
    (table, _), (joined, alias) = tables
    pairs = [_pair(part, alias) for part in _terms(condition)]
    rest = (*select.columns, *(item for name, clause in select.clauses.items() if name != "from" for item in clause))
    names = frozenset(name_of(token) for token in walk(rest)) - {""}
    if pairs and all(pairs) and alias not in names:
        yield Join(table, joined, tuple(pair for pair in pairs if pair), names)


def _terms(condition: Sequence[Item]) -> list[Sequence[Item]]:
    terms: list[list[Item]] = [[]]
    for item in condition:
        if item.word == "and":
            terms.append([])
        else:
            terms[-1].append(item)
    return list(terms)


def _pair(term: Sequence[Item], joined: str) -> tuple[str, str] | None:
    """The columns of `a.x = b.y`, that of the joined table last; None for any other condition."""
    if len(term) < 7 or not is_sign(term[3], "=") or not (is_sign(term[1], ".") and is_sign(term[5], ".")):
        return None
    left, right = (name_of(term[0]), name_of(term[2])), (name_of(term[4]), name_of(term[6]))
    if joined not in (left[0], right[0]):
        return None
    return (left[1], right[1]) if right[0] == joined else (right[1], left[1])
