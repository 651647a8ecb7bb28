"""PIVOT as a grouped query with FILTER, UNPIVOT as a join with VALUES.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Group, Item, Refused, Token, bare, name_of, parse, split, walk

Columns = Callable[[str], "tuple[str, ...] | None"]
_AGGREGATES = frozenset(["count", "sum", "min", "max", "avg"])


def rewrite_pivot(source: Sequence[Item], describe: Columns) -> tuple[Item, ...]:
    """Return the FROM clause without PIVOT or UNPIVOT. Raises Refused, NeedColumns."""
    at = next(index for index, item in enumerate(source) if item.word in ("pivot", "unpivot"))
    what, before, after = source[at].word, source[1:at], list(source[at + 1 :])
    if any(item.word == "join" or bare([item]) == "," for item in before):
        raise Refused(f"{what.upper()} of a join is not supported by Redshift: put the join into a subquery.")
    has_nulls_option = [item.word for item in after[:2]] in (["include", "nulls"], ["exclude", "nulls"])
    include = has_nulls_option and after[0].word == "include"
    after = after[2:] if has_nulls_option else after
    if not after or not isinstance(after[0], Group):
        raise Refused(f"The local Redshift does not model this form of {what.upper()}.")
    columns = describe(f"SELECT * FROM {bare(before)}")
    if columns is None:
        raise Refused(
            f"The local Redshift could not determine the columns for {what.upper()}: use an uncorrelated subquery."
        )
    body = after[0].items
    text = (
        _pivot(body, bare(before), columns)
        if what == "pivot"
        else _unpivot(body, bare(before), columns, include=include)
    )
    alias = bare(after[1:])
    return parse(f" FROM ({text}){' ' + alias if alias else ''}")


def _parts(body: Sequence[Item], what: str) -> tuple[tuple[Item, ...], str, tuple[Item, ...]]:
    """Return the items before FOR, the column after it, and the IN list."""
    words = [item.word for item in body]
    if "for" not in words or "in" not in words or not isinstance(body[-1], Group):
        raise Refused(f"{what} needs … FOR column IN (…).", "42601")
    at = words.index("for")
    return tuple(body[:at]), name_of(body[at + 1]), body[-1].items


def _aliased(part: Sequence[Item]) -> tuple[tuple[Item, ...], str]:
    if len(part) > 2 and part[-2].word == "as":
        return tuple(part[:-2]), name_of(part[-1])
    if len(part) == 2 and name_of(part[-1]) and not isinstance(part[0], Group):
        return tuple(part[:-1]), name_of(part[-1])
    return tuple(part), ""


def _default_name(value: Sequence[Item]) -> str:
    item = value[0] if len(value) == 1 else None
    if not isinstance(item, Token):
        return "?column?"
    return item.text[1:-1].replace("''", "'") if item.kind == "string" else item.text.lower()


def _pivot(body: Sequence[Item], source: str, columns: Sequence[str]) -> str:
    aggregate, column, values = _parts(body, "PIVOT")
    aggregate, suffix = _aliased(aggregate)
    functions = [
        item.word
        for item in aggregate
        if isinstance(item, Token) and item.kind == "word" and item.word != "redshift_internal"
    ]
    if (
        len(split(aggregate)) != 1
        or not functions
        or functions[0] not in _AGGREGATES
        or not isinstance(aggregate[-1], Group)
    ):
        raise Refused("PIVOT needs one call of COUNT, SUM, MIN, MAX or AVG.")
    used = {name_of(token) for token in walk(aggregate)} | {column}
    implicit = [lexer.quote_name(name) for name in columns if name not in used]
    pivoted = []
    for part in split(values):
        value, alias = _aliased(part)
        name = "_".join(piece for piece in (alias or _default_name(value), suffix) if piece)
        condition = (
            f"{lexer.quote_name(column)} IS NULL"
            if value[0].word == "null"
            else f"{lexer.quote_name(column)} = {bare(value)}"
        )
        pivoted.append(f"{bare(aggregate)} FILTER (WHERE {condition}) AS {lexer.quote_name(name)}")
    grouping = f" GROUP BY {', '.join(implicit)}" if implicit else ""
    return f"SELECT {', '.join(implicit + pivoted)} FROM {source}{grouping}"


def _unpivot(body: Sequence[Item], source: str, columns: Sequence[str], *, include: bool) -> str:
    value, name, entries = _parts(body, "UNPIVOT")
    measure, table = lexer.quote_name(name_of(value[0])), lexer.quote_name("redshift$input")
    rows, used = [], set()
    for part in split(entries):
        item, alias = _aliased(part)
        column = name_of(item[0])
        used.add(column)
        rows.append(f"({lexer.quote_literal(alias or column)}::text, {table}.{lexer.quote_name(column)})")
    implicit = [f"{table}.{lexer.quote_name(column)}" for column in columns if column not in used]
    pair = f"{lexer.quote_name(name)}, {measure}"
    skip = "" if include else f" WHERE {measure} IS NOT NULL"
    return (
        f"SELECT {', '.join([*implicit, pair])} FROM (SELECT * FROM {source}) AS {table} "
        f"CROSS JOIN LATERAL (VALUES {', '.join(rows)}) AS {lexer.quote_name('redshift$pairs')} ({pair}){skip}"
    )
