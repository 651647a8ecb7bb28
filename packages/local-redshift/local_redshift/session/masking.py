"""Masks passwords and keys in the text of a statement before it is logged, found by the tokens of the statement."""

from __future__ import annotations

import re
from collections.abc import Iterator

from local_redshift.sql.lexer import OPERATOR, STRING, WORD, LexError, Token, first_word, literal, tokens

_SECRETS = ("password", "credentials", "secret_access_key", "access_key_id", "session_token", "master_symmetric_key")
_ANY_SECRET = re.compile("|".join(_SECRETS), re.IGNORECASE)
_JOINING = ("as", "to", "=")  # between a name and its value
# After PASSWORD in CREATE USER and ALTER USER, everything but these and what follows them is taken for the password.
_USER_OPTIONS = frozenset(
    [
        *("connection", "createdb", "createuser", "disable", "externalid", "group", "in", "limit", "nocreatedb"),
        *("nocreateuser", "reset", "role", "session", "syslog", "user", "valid"),
    ]
)
_WITH_VALUES = ("create", "alter", "copy", "unload")  # statements in which any token after a name is its value


def masked(sql: str, error: str | None) -> tuple[str, str | None]:
    """The statement and its error without secrets."""
    text, secrets = mask(sql)
    return text, mask_error(error, secrets)


def mask(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement with '***' for each secret, and the secrets as written and as values."""
    if not _ANY_SECRET.search(sql):
        return sql, ()
    parts, secrets, position = [], [], 0
    try:
        for token in _secret_tokens(sql):
            parts += [sql[position : token.start], "'***'"]
            position = token.end
            secrets += [token.text, *_parts(token)]
    except LexError:  # it never ran: what follows the first such word is not readable
        start = max(position, _ANY_SECRET.search(sql).end())  # type: ignore[union-attr]
        parts += [sql[position:start], " ***"]
        secrets += re.findall(r"[^\s'\"]+", sql[start:])
        position = len(sql)
    return "".join(parts) + sql[position:], tuple(secrets)


def mask_error(error: str | None, secrets: tuple[str, ...]) -> str | None:
    """The error with *** for each secret: PostgreSQL's syntax errors quote a token."""
    for secret in secrets:
        if error and len(secret) > 2:
            error = error.replace(secret, "***")
    return error


def _parts(token: Token) -> list[str]:
    """The value of a token, and the values in it where it is a list such as that of CREDENTIALS."""
    value = literal(token) if token.kind == STRING else token.text.strip('"')
    return [value, *re.split("[;=]", value)]


def _secret_tokens(sql: str) -> Iterator[Token]:
    statement = first_word(sql)
    of_user = statement in ("create", "alter")
    expected = inside = False  # a value comes next; its first token is read
    for token in tokens(sql):
        if token.kind == WORD and token.lower in _SECRETS:
            expected, inside = True, False
        elif expected and not inside and token.lower in _JOINING and token.kind in (WORD, OPERATOR):
            continue
        elif expected and _is_value(token, statement, of_user=of_user, inside=inside):
            inside = True
            yield token
        else:
            expected = inside = False


def _is_value(token: Token, statement: str, *, of_user: bool, inside: bool) -> bool:
    if token.kind == STRING:
        return True
    if token.text == ";" or statement not in _WITH_VALUES:
        return False
    if of_user:
        return token.lower not in _USER_OPTIONS
    return not inside or token.kind != WORD
