"""Query syntax that PostgreSQL has and Redshift does not, and the message for each.

Source: https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from local_redshift.query.unsupported.set_operations import SET_OPERATION_WORDS, SET_OPERATORS, check_set_operations
from local_redshift.query.window_functions import check_window
from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Group, Item, Refused, Token, is_sign, name_of, split, walk

WORDS = frozenset(
    [
        "values",
        "filter",
        "distinct",
        "lateral",
        "tablesample",
        "fetch",
        "window",
        "for",
        "materialized",
        "to_timestamp",
        "substring",
        "over",
        "qualify",
        "between",
        *SET_OPERATION_WORDS,
    ]
)
SYSTEM_COLUMNS = frozenset(["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"])


def _word(items: Sequence[Item], at: int) -> str:
    return items[at].word if 0 <= at < len(items) else ""


def _begins(items: Sequence[Item], at: int, *words: str) -> bool:
    """Whether the item is a group whose first word is one of these."""
    item = items[at] if at < len(items) else None
    return isinstance(item, Group) and bool(item.items) and item.items[0].word in words


def _begins_anything(items: Sequence[Item], at: int) -> bool:
    return at < len(items) and isinstance(items[at], Group)


def _arguments(items: Sequence[Item], at: int) -> list[tuple[Item, ...]]:
    group = items[at + 1] if at + 1 < len(items) else None
    return split(group.items) if isinstance(group, Group) else []


def _is_pattern(items: Sequence[Item], at: int) -> bool:
    """SUBSTRING(string, 'pattern') or SUBSTRING(string FROM 'pattern')."""
    arguments = _arguments(items, at)
    last = arguments[-1][-1] if arguments and arguments[-1] else None
    named = len(arguments) == 2 or (len(arguments) == 1 and any(item.word == "from" for item in arguments[0]))
    return (
        named
        and isinstance(last, Token)
        and last.kind == lexer.STRING
        and not last.text.strip("'").lstrip("-").isdigit()
    )


# By first word: the condition at its position, and the message.
_RULES: dict[str, tuple[Callable[[Sequence[Item], int], bool], str]] = {
    "filter": (
        lambda items, at: _begins(items, at + 1, "where"),
        "Redshift has no FILTER for aggregates: aggregate a CASE expression.",
    ),
    "distinct": (
        lambda items, at: _word(items, at + 1) == "on" and _word(items, at - 1) == "select",
        "Redshift has no SELECT DISTINCT ON: use QUALIFY ROW_NUMBER() OVER (…) = 1.",
    ),
    "lateral": (
        lambda items, at: _begins(items, at + 1, "select", "with", "values") or _begins_anything(items, at + 2),
        "Redshift has no LATERAL: use a join or a window function.",
    ),
    "tablesample": (
        lambda items, at: _begins_anything(items, at + 2),
        "Redshift has no TABLESAMPLE: filter by RANDOM().",
    ),
    "fetch": (
        lambda items, at: at > 0 and _word(items, at + 1) in ("first", "next"),
        "Redshift has no FETCH FIRST in a SELECT: use LIMIT.",
    ),
    "window": (
        lambda items, at: _word(items, at + 2) == "as" and isinstance(items[min(at + 3, len(items) - 1)], Group),
        "Redshift has no WINDOW clause: repeat the window in OVER (…).",
    ),
    "for": (
        lambda items, at: (
            at > 0
            and _word(items, at + 1) in ("update", "share", "no", "key")
            and _word(items, 0) in ("select", "with")
        ),
        "Redshift has no SELECT … FOR UPDATE: use LOCK.",
    ),
    "materialized": (
        lambda items, at: _word(items, at - 1) in ("as", "not") and _begins(items, at + 1, "select", "with"),
        "Redshift has no AS MATERIALIZED in WITH: leave the word out.",
    ),
    "to_timestamp": (
        lambda items, at: len(_arguments(items, at)) == 1,
        "TO_TIMESTAMP needs a format on Redshift: use TIMESTAMP 'epoch' + n * INTERVAL '1 second'.",
    ),
    "between": (
        lambda items, at: _word(items, at + 1) in ("symmetric", "asymmetric"),
        "Redshift has no BETWEEN SYMMETRIC: use LEAST and GREATEST.",
    ),
    "substring": (_is_pattern, "Redshift's SUBSTRING takes no pattern: use REGEXP_SUBSTR."),
}


def check_syntax(items: Sequence[Item]) -> None:
    """Raise Refused for such syntax at this level of nesting."""
    if _word(items, 0) == "values":
        raise Refused("Redshift has no VALUES list as a table: use SELECT … UNION ALL SELECT ….", "42601")
    check_set_operations(items)
    for at, item in enumerate(items):
        if item.word in SYSTEM_COLUMNS and not is_sign(items[at - 1] if at else None, "."):
            raise Refused(f"Redshift has no system column {item.word.upper()}.", "42703")
        rule = _RULES.get(item.word)
        if rule is not None and rule[0](items, at):
            raise Refused(rule[1], "42601")
        following = items[at + 1] if at + 1 < len(items) else None
        if item.word == "over" and isinstance(following, Group):
            check_window(following.items)
        if item.word == "qualify":
            _check_qualify(items, at)


def _check_qualify(items: Sequence[Item], at: int) -> None:
    """Raise Refused for QUALIFY without a window function, or directly after a relation without an alias."""
    before = [index for index in range(at) if items[index].word == "select"]
    if not before or _word(items, at - 1) == "as" or is_sign(items[at - 1], "."):
        return
    end = next((index for index in range(at, len(items)) if items[index].word in SET_OPERATORS), len(items))
    if not any(token.word == "over" for token in walk(items[before[-1] : end])):
        raise Refused("QUALIFY needs a window function in its condition or in the select list.", "42601")
    start = at - 1
    while start > before[-1] and (name_of(items[start]) or is_sign(items[start], ".")) and not _is_from(items[start]):
        start -= 1
    named = len([item for item in items[start + 1 : at] if not is_sign(item, ".")])
    dots = at - start - 1 - named
    if (_is_from(items[start]) or is_sign(items[start], ",")) and named == dots + 1:
        raise Refused("A relation directly before QUALIFY needs an alias on Redshift.", "42601")


def _is_from(item: Item) -> bool:
    return item.word in ("from", "join")
