"""Identifiers as Redshift reads them: folded to lower case even when quoted, and `#name` for a temporary table.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
"""

from __future__ import annotations

import re

from local_redshift.sql.lexer import QUOTED, WORD, Token, quote_name, tokens
from local_redshift.sql.refusal import RefusedError

# Redshift's identifiers have up to 127 bytes; PostgreSQL truncates to 63, so two names could become one.
_MAX_BYTES = 63
_LONG = re.compile(r'[\w$]{64}|"[^"]{64}')
_LONG_UNLESS_ASCII = re.compile(r'[\w$]{16}|"[^"]{16}')
_NEEDS_FOLDING = re.compile(r'"[^"]*[A-Z][^"]*"|#[A-Za-z_]')


def fold(sql: str) -> str:
    """Return the statement with quoted identifiers in lower case and temporary names quoted.

    Raises LexError, and RefusedError for a name that PostgreSQL would truncate.
    """
    if (_LONG if sql.isascii() else _LONG_UNLESS_ASCII).search(sql):
        for token in tokens(sql):
            _check_length(token)
    if ('"' not in sql and "#" not in sql) or not _NEEDS_FOLDING.search(sql):
        return sql
    parts, position = [], 0
    for token in tokens(sql):
        if token.kind == QUOTED or (token.kind == WORD and token.text.startswith("#")):
            parts += [sql[position : token.start], quote_name(token.name)]
            position = token.end
    return "".join(parts) + sql[position:]


def _check_length(token: Token) -> None:
    if token.kind in (WORD, QUOTED) and (size := len(token.name.encode())) > _MAX_BYTES:
        raise RefusedError(
            f'Identifiers beyond {_MAX_BYTES} bytes are not modelled by the local Redshift: "{token.name}" has {size}'
        )
