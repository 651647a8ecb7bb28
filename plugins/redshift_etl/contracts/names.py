"""Which names a table's columns may have. Pure.

Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html and
https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html, whose words sqlglot has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from sqlglot import Token, TokenType
from sqlglot.dialects.redshift import Redshift

MAX_BYTES = 127
_RESERVED = frozenset(word.strip() for word in Redshift.Generator.RESERVED_KEYWORDS)
_SYSTEM = frozenset(("oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"))
# What a table's own constraint begins with, where a column would begin with its name.
_CONSTRAINTS = frozenset(("constraint", "primary", "foreign", "unique", "like", "check"))
_PLAIN = re.compile(r"[^\W\d][\w$]*")


def fold(name: str) -> str:
    """As Redshift stores a name: A to Z in lower case, other letters as they are, in quotation marks too."""
    return re.sub("[A-Z]", lambda letter: letter[0].lower(), name)


def verify(names: Sequence[str]) -> None:
    """Raises ValueError with one sentence for a name that a column cannot have, or that Redshift would change."""
    for name in names:
        lower = fold(name)
        if lower != name:
            alias = lower if _PLAIN.fullmatch(lower) else _quoted(lower)
            raise ValueError(
                f"Redshift folds the column name {name} to lower case, in quotation marks too; call it {lower}, "
                f"and select it so in the transform: {_quoted(name)} AS {alias}"
            )
        if len(name.encode()) > MAX_BYTES:
            raise ValueError(f"the column name {name} has {len(name.encode())} bytes; Redshift takes {MAX_BYTES}")
        if name in _SYSTEM:
            raise ValueError(f"{name} is the name of a system column; give the column another name")
        if not name or not name.isprintable():
            raise ValueError(f"the column name {name!r} is empty or has characters that cannot be printed")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise ValueError(f"the table has the column {repeated} twice")


def verify_reserved(tokens: Sequence[Token]) -> None:
    """Raises ValueError for a column of a CREATE TABLE whose name is a reserved word without quotation marks."""
    for token in _beginnings(tokens):
        word = token.text.lower()
        if token.token_type != TokenType.IDENTIFIER and word in _RESERVED - _CONSTRAINTS:
            raise ValueError(
                f'the column name {word} is a reserved word of Redshift; put it in quotation marks: "{word}"'
            )


def _beginnings(tokens: Sequence[Token]) -> Iterator[Token]:
    """The first token of each definition between the first parentheses."""
    depth = 0
    for token, following in pairwise(tokens):
        if token.token_type == TokenType.L_PAREN:
            depth += 1
        elif token.token_type == TokenType.R_PAREN:
            depth -= 1
            if depth == 0:
                return
        if depth == 1 and token.token_type in (TokenType.L_PAREN, TokenType.COMMA):
            yield following


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def unused(wanted: str, taken: Iterable[str]) -> str:
    """``wanted``, with as many underscores before it as make it unlike every name of ``taken``, whatever their case."""
    names = {name.lower() for name in taken}
    while wanted.lower() in names:
        wanted = f"_{wanted}"
    return wanted
