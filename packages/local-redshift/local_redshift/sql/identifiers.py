"""Identifiers as Redshift reads them: folded to lower case even when quoted, and `#name` for a temporary table."""

from __future__ import annotations

import re

from local_redshift.sql.lexer import QUOTED, WORD, Token, quote_name, tokens
from local_redshift.sql.refusal import RefusedError

# Redshift keeps 127 bytes (r_names), PostgreSQL cuts to 63: two names could become one.
_LONGEST = 63
_LONG = re.compile(r'[\w$]{64}|"[^"]{64}')
_LONG_UNLESS_ASCII = re.compile(r'[\w$]{16}|"[^"]{16}')
_NEEDED = re.compile(r'"[^"]*[A-Z][^"]*"|#[A-Za-z_]')


def fold(sql: str) -> str:
    """Return the statement with quoted identifiers in lower case and temporary names quoted.

    Raises LexError, and RefusedError for a name that PostgreSQL would cut.
    """
    if (_LONG if sql.isascii() else _LONG_UNLESS_ASCII).search(sql):
        for token in tokens(sql):
            _check_length(token)
    if ('"' not in sql and "#" not in sql) or not _NEEDED.search(sql):
        return sql
    parts, position = [], 0
    for token in tokens(sql):
        if token.kind == QUOTED or (token.kind == WORD and token.text.startswith("#")):
            parts += [sql[position : token.start], quote_name(token.name)]
            position = token.end
    return "".join(parts) + sql[position:]


def _check_length(token: Token) -> None:
    if token.kind in (WORD, QUOTED) and (size := len(token.name.encode())) > _LONGEST:
        raise RefusedError(
            f'Identifiers beyond {_LONGEST} bytes are not modelled by the local Redshift: "{token.name}" has {size}'
        )
