"""Users, groups, roles, GRANT and REVOKE.

Sources: developer guide pages r_CREATE_USER, r_GRANT, r_REVOKE, r_ALTER_DEFAULT_PRIVILEGES.
"""

from __future__ import annotations

from local_redshift.sql.lexer import quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor
from local_redshift.statements.plan import Forward, Plan

_WRITES = ("insert", "update", "delete")
_NOT_MODELLED = ("datashare", "assumerole", "share", "explain", "masking", "external")


def grant(sql: str) -> Plan:
    """GRANT, REVOKE or ALTER DEFAULT PRIVILEGES; ROLE before a name is a noise word for PostgreSQL's grammar."""
    cursor = Cursor(sql)
    parts, position, wrote = [], 0, False
    depth_on = next((i for i, token in enumerate(cursor.all) if token.lower == "on"), len(cursor.all))
    for index, token in enumerate(cursor.all):
        word = token.lower
        if index < 4 and word in _NOT_MODELLED:
            raise RefusedError(f"GRANT of {word.upper()} is not modelled by the local Redshift")
        wrote = wrote or (index < depth_on and word in _WRITES)
        following = index + 1 < len(cursor.all) and cursor.all[index + 1].kind in ("word", "quoted")
        if word == "role" and following:
            parts.append(sql[position : token.start])
            position = token.end
        elif index == depth_on and wrote:
            # Who may write must be able to take the table lock that a write takes; PostgreSQL asks for more than
            # INSERT.
            parts.append(sql[position : token.start] + ", MAINTAIN ")
            position = token.start
    return Forward("".join(parts) + sql[position:])


def create_user(sql: str) -> Plan:
    """CREATE USER or ALTER USER, without the options that PostgreSQL does not have."""
    cursor = Cursor(sql)
    verb = cursor.next().lower
    cursor.expect("user")
    name = quote_name(cursor.name())
    if verb == "alter" and (cursor.peek("rename") or cursor.peek("set") or cursor.peek("reset")):
        return Forward(sql)
    cursor.take("with")
    options: list[str] = []
    while not cursor.done():
        options += _user_option(cursor)
    return Forward(f"{verb.upper()} USER {name} {' '.join(options)}".rstrip())


def _user_option(cursor: Cursor) -> list[str]:
    if cursor.take("password"):
        return ["PASSWORD", "NULL" if cursor.take("disable") else cursor.next().text]
    if cursor.take("syslog", "access"):
        cursor.next()
        return []
    if cursor.take("session", "timeout") or cursor.take("externalid"):
        cursor.next()
        return []
    if cursor.take("reset", "session", "timeout"):
        return []
    word = cursor.next()
    return [{"createuser": "CREATEROLE", "nocreateuser": "NOCREATEROLE"}.get(word.lower, word.text)]
