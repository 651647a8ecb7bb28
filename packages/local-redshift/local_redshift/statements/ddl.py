"""CREATE, ALTER, DROP and COMMENT: who handles what, and what Redshift does not have.

Source: developer guide pages c_unsupported-postgresql-features, c_SQL_commands.
"""

from __future__ import annotations

from collections.abc import Callable

from local_redshift.catalog.template_database import template_name
from local_redshift.sql.lexer import quote_literal, quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor, qualified_sql
from local_redshift.statements.alter_table import alter_table
from local_redshift.statements.create_table import create_table
from local_redshift.statements.grants import create_user, grant
from local_redshift.statements.plan import Forward, Plan, Script
from local_redshift.statements.views import create_materialized_view, create_view

_ABSENT = {
    "index": "Redshift has no indexes; use SORTKEY",
    "unique": "Redshift has no indexes; use SORTKEY",
    "sequence": "Redshift has no sequences; use an IDENTITY column",
    "trigger": "Redshift has no triggers",
    "constraint": "Redshift has no triggers",
    "event": "Redshift has no event triggers",
    "type": "User-defined types are not supported by Redshift",
    "domain": "Domains are not supported by Redshift",
    "extension": "Redshift has no extensions",
    "rule": "Redshift has no rules",
    "aggregate": "Redshift has no user-defined aggregates",
    "operator": "Redshift has no user-defined operators",
    "cast": "Redshift has no user-defined casts",
    "collation": "Collations are not supported by Redshift",
    "tablespace": "Redshift has no tablespaces",
    "unlogged": "Redshift has no unlogged tables",
    "foreign": "Redshift has no foreign tables",
    "server": "Foreign servers are not supported by Redshift",
    "publication": "Redshift has no publications",
    "subscription": "Redshift has no subscriptions",
    "statistics": "Extended statistics are not supported by Redshift",
    "policy": "Policies are not supported by Redshift",
    "recursive": "CREATE RECURSIVE VIEW is not supported by Redshift",
    "language": "Languages cannot be created on Redshift",
    "system": "ALTER SYSTEM is not supported by Redshift",
    "text": "Text search is not supported by Redshift",
    "access": "Access methods are not supported by Redshift",
    "conversion": "Conversions are not supported by Redshift",
    "owned": "DROP OWNED is not supported by Redshift",
}
_NOT_MODELLED = {
    "external": "External schemas, tables and functions are not modelled by the local Redshift",
    "library": "Libraries are not modelled by the local Redshift",
    "model": "Models are not modelled by the local Redshift",
    "datashare": "Datashares are not modelled by the local Redshift",
    "masking": "Masking policies are not modelled by the local Redshift",
    "rls": "Row-level security is not modelled by the local Redshift",
    "identity": "Identity providers are not modelled by the local Redshift",
    "function": "User-defined functions are not modelled by the local Redshift",
    "procedure": "Stored procedures are not modelled by the local Redshift",
}
_KNOWN = frozenset(["table", "view", "materialized", "schema", "database", "user", "group", "role", "default"])


def create(sql: str) -> Plan:
    """The plan for a CREATE."""
    cursor = Cursor(sql)
    cursor.expect("create")
    cursor.take("or", "replace")
    cursor.take_any("local", "global")
    cursor.take_any("temporary", "temp")
    word = _kind(cursor)
    handler = _CREATE.get(word)
    return handler(sql) if handler else Forward(sql)


def alter(sql: str) -> Plan:
    """The plan for an ALTER."""
    cursor = Cursor(sql)
    cursor.expect("alter")
    word = _kind(cursor)
    if word == "table":
        return alter_table(sql)
    if word == "user":
        return create_user(sql)
    if word == "default":
        return grant(sql)
    if word == "database" and any(token.lower == "isolation" for token in cursor.all):
        raise RefusedError(
            "ALTER DATABASE … ISOLATION LEVEL is not modelled; the local Redshift has one isolation level for all",
            hint="Start it with LOCAL_REDSHIFT_ISOLATION set to SERIALIZABLE or SNAPSHOT.",
        )
    return Forward(sql)


def drop(sql: str) -> Plan:
    """The plan for a DROP."""
    cursor = Cursor(sql)
    cursor.expect("drop")
    if _kind(cursor) == "table" and cursor.all[-1].lower == "cascade":
        return _drop_with_references(cursor, sql)
    return Forward(sql)


def _drop_with_references(cursor: Cursor, sql: str) -> Plan:
    """DROP TABLE … CASCADE drops the foreign keys that reference the tables too (r_DROP_TABLE)."""
    cursor.expect("table")
    cursor.take("if", "exists")
    names = [cursor.qualified()]
    while cursor.take(","):
        names.append(cursor.qualified())
    listed = ", ".join(quote_literal(qualified_sql(name)) for name in names)
    return Script((f"SELECT redshift_internal.forget_references(ARRAY[{listed}])", sql), "DROP TABLE")


def comment(sql: str) -> Plan:
    """COMMENT ON TABLE, COLUMN, VIEW, SCHEMA, DATABASE …; a key's comment has nowhere to go."""
    cursor = Cursor(sql)
    cursor.expect("comment", "on")
    if cursor.peek("constraint"):
        raise RefusedError("COMMENT ON CONSTRAINT is not modelled by the local Redshift")
    return Forward(sql)


def _create_schema(sql: str) -> Plan:
    """CREATE SCHEMA without its QUOTA."""
    cursor = Cursor(sql)
    at = next((index for index, token in enumerate(cursor.all) if token.lower == "quota"), None)
    return Forward(sql if at is None else sql[: cursor.all[at].start])


def _create_database(sql: str) -> Plan:
    """CREATE DATABASE name [OWNER user]: a copy of the template."""
    cursor = Cursor(sql)
    cursor.expect("create", "database")
    name = quote_name(cursor.name())
    cursor.take("with")
    owner = ""
    if cursor.take("owner"):
        cursor.take("=")
        owner = f" OWNER {quote_name(cursor.name())}"
    if not cursor.done():
        raise RefusedError(f"CREATE DATABASE … {cursor.next().text.upper()} is not modelled by the local Redshift")
    return Forward(f"CREATE DATABASE {name} TEMPLATE {quote_name(template_name())}{owner}")


_CREATE: dict[str, Callable[[str], Plan]] = {
    "table": create_table,
    "view": create_view,
    "materialized": create_materialized_view,
    "schema": _create_schema,
    "database": _create_database,
    "user": create_user,
}


def _kind(cursor: Cursor) -> str:
    word = cursor.token.lower if cursor.token else ""
    if word in _ABSENT:
        raise RefusedError(_ABSENT[word])
    if word in _NOT_MODELLED:
        raise RefusedError(_NOT_MODELLED[word])
    if word not in _KNOWN:
        raise cursor.syntax_error()
    return word
