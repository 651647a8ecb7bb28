"""Whether a statement must be looked into: a cheap search for words that could need a rewrite.

The search may hit inside a literal; the rewrite itself works on tokens and does not.
"""

from __future__ import annotations

import re

from local_redshift.query import function_calls as calls
from local_redshift.query import window_functions as windows
from local_redshift.query.unsupported import names as refused
from local_redshift.sql.windows import windows as windows_of

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
    {*calls.HANDLERS, *calls.MOVED, *calls.DECIMALS, *calls.BARE_CALLS, *windows.NAMES}
    | {"median", *refused.GATE_WORDS, *_SYNTAX}
)
# Three names in a row, or a path in a FROM list: what navigation into SUPER looks like.
_DOTTED = re.compile(r"\w\"?\.\"?\w+\"?\.\"?\w|,\s*\w+\.\w+\s+\w")
_WORD = re.compile(r"[a-z_]\w*")
_LONG_NUMBER = re.compile(r"[\d.]{39}")
# INSERT … VALUES of constants: the bulk of some workloads, and nothing in it to rewrite. Possessive, so linear.
_CONSTANT = r"(?:'(?:[^'\\]|\\.|'')*+'|[-+]?+[\d.]++(?:e[-+]?+\d++)?+|null|true|false|default|\$\d++)"
_ROW = rf"\(\s*+(?:{_CONSTANT}\s*+,?+\s*+)*+\)\s*+,?+\s*+"
_CONSTANT_ROWS = re.compile(
    rf'\s*+insert\s++into\s++[\w.$"#]++\s*+(?:\([\w\s,$"]*+\)\s*+)?+values\s*+(?:{_ROW}){{1,1000}}+', re.IGNORECASE
)
_MORE_ROWS = re.compile(rf"(?:{_ROW}){{1,1000}}+", re.IGNORECASE)


def needs_look(sql: str) -> bool:
    """Whether a word of the text, inside a literal or not, could need a rewrite."""
    if is_constant_rows(sql):
        return False
    return (
        "[" in sql
        or "/" in sql
        or _LONG_NUMBER.search(sql) is not None
        or any(_window_needs_look(sql[start:end]) for start, end in windows_of(sql))
    )


def _window_needs_look(sql: str) -> bool:
    return _DOTTED.search(sql) is not None or not _NAMES.isdisjoint(_WORD.findall(sql.lower()))


def is_constant_rows(sql: str) -> bool:
    """Whether it is an INSERT of constants alone."""
    match = _CONSTANT_ROWS.match(sql)
    position = 0
    while match is not None:
        position = match.end()
        match = _MORE_ROWS.match(sql, position)
    return position > 0 and sql[position:].strip() in ("", ";")
