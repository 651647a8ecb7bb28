"""Users, groups, roles, GRANT and REVOKE.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DEFAULT_PRIVILEGES.html
"""

from __future__ import annotations

from local_redshift.sql.lexer import STRING, quote_literal, quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader
from local_redshift.statements.passwords import verifier
from local_redshift.statements.plan import Forward, Plan, Script

_WRITES = ("insert", "update", "delete")
_NOT_MODELLED = ("datashare", "assumerole", "share", "explain", "masking", "external")


def grant(sql: str) -> Plan:
    """GRANT, REVOKE or ALTER DEFAULT PRIVILEGES; PostgreSQL has no ROLE before a name."""
    reader = TokenReader(sql)
    parts, position, grants_write = [], 0, False
    on_index = next((i for i, token in enumerate(reader.tokens) if token.lower == "on"), len(reader.tokens))
    for index, token in enumerate(reader.tokens):
        word = token.lower
        if index < 4 and word in _NOT_MODELLED:
            raise RefusedError(f"GRANT of {word.upper()} is not modelled by the local Redshift")
        grants_write = grants_write or (index < on_index and word in _WRITES)
        following = index + 1 < len(reader.tokens) and reader.tokens[index + 1].kind in ("word", "quoted")
        if word == "role" and following:
            parts.append(sql[position : token.start])
            position = token.end
        elif index == on_index and grants_write:
            # A write locks its table, for which PostgreSQL needs more than the INSERT privilege.
            parts.append(sql[position : token.start] + ", MAINTAIN ")
            position = token.start
    return Forward("".join(parts) + sql[position:])


def create_user(sql: str) -> Plan:
    """CREATE USER or ALTER USER, without the options that PostgreSQL does not have.

    A superuser is a member of pg_monitor, and SYSLOG ACCESS UNRESTRICTED the membership in pg_read_all_stats: both are
    PostgreSQL's own roles with these rights (catalog/sql/87_visibility.sql).
    """
    reader = TokenReader(sql)
    verb = reader.next().lower
    reader.expect("user")
    name = quote_name(reader.name())
    if verb == "alter" and (reader.peek("rename") or reader.peek("set") or reader.peek("reset")):
        return Forward(sql)
    reader.take("with")
    options: list[str] = []
    memberships: list[str] = []
    while not reader.done():
        options += _user_option(reader, name, memberships)
    statement = f"{verb.upper()} USER {name} {' '.join(options)}".rstrip()
    if verb == "create":
        memberships = [each for each in memberships if each.startswith("GRANT")]
    return Script((statement, *memberships), None) if memberships else Forward(statement)


def without_password(sql: str) -> Plan:
    """CREATE or ALTER of a group or role, which have no password on Redshift; PostgreSQL would take one."""
    reader = TokenReader(sql)
    while not reader.done():
        if reader.peek("password"):
            raise reader.syntax_error()
        reader.next()
    return Forward(sql)


def _user_option(reader: TokenReader, user: str, memberships: list[str]) -> list[str]:
    if reader.take("password"):
        return ["PASSWORD", "NULL" if reader.take("disable") else quote_literal(verifier(reader.string()))]
    if reader.take("valid", "until"):
        return ["VALID UNTIL", quote_literal(reader.string())]
    if reader.take("syslog", "access"):
        access = reader.take_any("restricted", "unrestricted")
        if access is None:
            raise reader.syntax_error()
        memberships.append(_membership("pg_read_all_stats", user, granted=access == "unrestricted"))
        return []
    if reader.take("session", "timeout") or reader.take("externalid"):
        reader.next()
        return []
    if reader.take("reset", "session", "timeout"):
        return []
    if reader.token is not None and reader.token.kind == STRING:
        raise reader.syntax_error()
    word = reader.next()
    if word.lower in ("createuser", "nocreateuser"):
        memberships.append(_membership("pg_monitor", user, granted=word.lower == "createuser"))
    return [{"createuser": "CREATEROLE", "nocreateuser": "NOCREATEROLE"}.get(word.lower, word.text)]


def _membership(role: str, user: str, *, granted: bool) -> str:
    return f"GRANT {role} TO {user} WITH ADMIN OPTION" if granted else f"REVOKE {role} FROM {user}"
