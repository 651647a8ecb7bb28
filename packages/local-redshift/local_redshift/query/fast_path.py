"""Finds statements that need no rewrite by a cheap search for words, so that most are never parsed.

The search also finds words inside literals; the rewrite works on tokens and does not.
"""

from __future__ import annotations

import re

from local_redshift.query.catalogs import CATALOG_WORDS
from local_redshift.query.function_calls import BARE_CALLS, DECIMALS, HANDLERS, MOVED
from local_redshift.query.unsupported.names import UNSUPPORTED_WORDS
from local_redshift.query.window_functions import WINDOW_FUNCTIONS
from local_redshift.sql.windows import windows

_SYNTAX = [
    "top",
    "minus",
    "qualify",
    "exclude",
    "pivot",
    "unpivot",
    "approximate",
    "connect",
    "super",
    "show",
    "varbyte",
    "array",
    "distinct",
    "as",
]
_NAMES = frozenset(
    {
        *HANDLERS,
        *MOVED,
        *DECIMALS,
        *BARE_CALLS,
        *WINDOW_FUNCTIONS,
        "median",
        *UNSUPPORTED_WORDS,
        *CATALOG_WORDS,
        *_SYNTAX,
    }
)
# Three dotted names, or a path in a FROM list: the forms of navigation into SUPER.
_DOTTED = re.compile(r"\w\"?\.\"?\w+\"?\.\"?\w|,\s*\w+\.\w+\s+\w")
_WORD = re.compile(r"[a-z_]\w*")
# A subquery, in which a bare literal is untyped (query/untyped_literals.py).
_SUBQUERY = re.compile(r"\(\s*(?:--|select\b)", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"[\d.]{39}")
# INSERT … VALUES of constants: most statements of some workloads, and never rewritten. Possessive, so linear.
_CONSTANT = r"(?:'(?:[^'\\]|\\.|'')*+'|[-+]?+[\d.]++(?:e[-+]?+\d++)?+|null|true|false|default|\$\d++)"
_ROW = rf"\(\s*+(?:{_CONSTANT}\s*+,?+\s*+)*+\)\s*+,?+\s*+"
_CONSTANT_ROWS = re.compile(
    rf'\s*+insert\s++into\s++[\w.$"#]++\s*+(?:\([\w\s,$"]*+\)\s*+)?+values\s*+(?:{_ROW}){{1,1000}}+', re.IGNORECASE
)
_MORE_ROWS = re.compile(rf"(?:{_ROW}){{1,1000}}+", re.IGNORECASE)


def may_need_rewrite(sql: str) -> bool:
    """Whether a word of the text, inside a literal or not, could need a rewrite."""
    if is_constant_rows(sql):
        return False
    return (
        "[" in sql
        or "/" in sql
        or _LONG_NUMBER.search(sql) is not None
        or any(_has_word(sql[start:end]) for start, end in windows(sql))
    )


def _has_word(sql: str) -> bool:
    return (
        _SUBQUERY.search(sql) is not None
        or _DOTTED.search(sql) is not None
        or not _NAMES.isdisjoint(_WORD.findall(sql.lower()))
    )


def is_constant_rows(sql: str) -> bool:
    """Whether the statement is an INSERT of constants only."""
    match = _CONSTANT_ROWS.match(sql)
    position = 0
    while match is not None:
        position = match.end()
        match = _MORE_ROWS.match(sql, position)
    return position > 0 and sql[position:].strip() in ("", ";")
