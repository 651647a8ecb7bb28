"""Identifiers as Redshift reads them: folded to lower case even when quoted, and `#name` for a temporary table."""

from __future__ import annotations

import re

from local.redshift.lexer import QUOTED, WORD, quote_name, tokens

_NEEDED = re.compile(r'"[^"]*[A-Z][^"]*"|#[A-Za-z_]')


def fold(sql: str) -> str:
    """Return the statement with quoted identifiers in lower case and temporary names quoted. Raises LexError."""
    if ('"' not in sql and "#" not in sql) or not _NEEDED.search(sql):
        return sql
    parts, position = [], 0
    for token in tokens(sql):
        if token.kind == QUOTED or (token.kind == WORD and token.text.startswith("#")):
            parts += [sql[position : token.start], quote_name(token.name)]
            position = token.end
    return "".join(parts) + sql[position:]
