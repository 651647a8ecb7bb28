"""CREATE, ALTER, DROP and COMMENT: the function for each kind of object, and the kinds that Redshift does not have.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_commands.html
https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DATABASE.html
"""

from __future__ import annotations

from collections.abc import Callable

from local_redshift.catalog.isolation import USE_LEVEL_OF_DATABASE, set_level
from local_redshift.catalog.template_database import template_name
from local_redshift.sql.lexer import quote_literal, quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader, qualified_sql
from local_redshift.statements.alter_table import alter_table
from local_redshift.statements.create_table import create_table
from local_redshift.statements.grants import create_user, grant, without_password
from local_redshift.statements.plan import Forward, Plan, Script
from local_redshift.statements.views import create_materialized_view, create_view

_UNSUPPORTED = {
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
    reader = TokenReader(sql)
    reader.expect("create")
    reader.take("or", "replace")
    reader.take_any("local", "global")
    reader.take_any("temporary", "temp")
    word = _kind(reader)
    handler = _CREATE.get(word)
    return handler(sql) if handler else Forward(sql)


def alter(sql: str) -> Plan:
    """The plan for an ALTER."""
    reader = TokenReader(sql)
    reader.expect("alter")
    word = _kind(reader)
    if word == "table":
        return alter_table(sql)
    if word == "user":
        return create_user(sql)
    if word in ("group", "role"):
        return without_password(sql)
    if word == "default":
        return grant(sql)
    if word == "database" and any(token.lower == "isolation" for token in reader.tokens):
        return _alter_isolation(sql)
    return Forward(sql)


def drop(sql: str) -> Plan:
    """The plan for a DROP."""
    reader = TokenReader(sql)
    reader.expect("drop")
    if _kind(reader) == "table" and reader.tokens[-1].lower == "cascade":
        return _drop_with_references(reader, sql)
    return Forward(sql)


def _drop_with_references(reader: TokenReader, sql: str) -> Plan:
    """DROP TABLE … CASCADE also drops the foreign keys that reference the tables."""
    reader.expect("table")
    reader.take("if", "exists")
    names = [reader.qualified()]
    while reader.take(","):
        names.append(reader.qualified())
    listed = ", ".join(quote_literal(qualified_sql(name)) for name in names)
    return Script((f"SELECT redshift_internal.forget_references(ARRAY[{listed}])", sql), "DROP TABLE")


def comment(sql: str) -> Plan:
    """COMMENT ON TABLE, COLUMN, VIEW, SCHEMA, DATABASE …; a comment on a key is not stored."""
    reader = TokenReader(sql)
    reader.expect("comment", "on")
    if reader.peek("constraint"):
        raise RefusedError("COMMENT ON CONSTRAINT is not modelled by the local Redshift")
    return Forward(sql)


def _create_schema(sql: str) -> Plan:
    """CREATE SCHEMA without its QUOTA."""
    reader = TokenReader(sql)
    at = next((index for index, token in enumerate(reader.tokens) if token.lower == "quota"), None)
    return Forward(sql if at is None else sql[: reader.tokens[at].start])


def _create_database(sql: str) -> Plan:
    """CREATE DATABASE name [OWNER user] [ISOLATION LEVEL level]: a copy of the template."""
    reader = TokenReader(sql)
    reader.expect("create", "database")
    name = reader.name()
    reader.take("with")
    owner = ""
    if reader.take("owner"):
        reader.take("=")
        owner = f" OWNER {quote_name(reader.name())}"
    level = _isolation_level(reader) if reader.peek("isolation") else None
    if not reader.done():
        raise RefusedError(f"CREATE DATABASE … {reader.next().text.upper()} is not modelled by the local Redshift")
    statement = f"CREATE DATABASE {quote_name(name)} TEMPLATE {quote_name(template_name())}{owner}"
    if level is None:
        return Forward(statement)
    statements = (statement, set_level(name, level))
    return Script(statements, "CREATE DATABASE", outside_block="CREATE DATABASE", separately=True)


def _alter_isolation(sql: str) -> Plan:
    """ALTER DATABASE name ISOLATION LEVEL level: while nobody else is connected; the current session gets it too."""
    reader = TokenReader(sql)
    reader.expect("alter", "database")
    name = reader.name()
    level = _isolation_level(reader)
    reader.expect_end()
    if name == "dev":
        raise RefusedError("The isolation level of the database dev cannot be altered on Redshift")
    unused = f"SELECT redshift_internal.refuse_others({quote_literal(name)})"
    statements = (unused, set_level(name, level), USE_LEVEL_OF_DATABASE)
    return Script(statements, "ALTER DATABASE", outside_block="ALTER DATABASE ISOLATION LEVEL")


def _isolation_level(reader: TokenReader) -> str:
    reader.expect("isolation", "level")
    level = reader.take_any("serializable", "snapshot")
    if level is None:
        raise reader.syntax_error()
    return level.upper()


_CREATE: dict[str, Callable[[str], Plan]] = {
    "table": create_table,
    "view": create_view,
    "materialized": create_materialized_view,
    "schema": _create_schema,
    "database": _create_database,
    "user": create_user,
    "group": without_password,
    "role": without_password,
}


def _kind(reader: TokenReader) -> str:
    word = reader.token.lower if reader.token else ""
    if word in _UNSUPPORTED:
        raise RefusedError(_UNSUPPORTED[word])
    if word in _NOT_MODELLED:
        raise RefusedError(_NOT_MODELLED[word])
    if word not in _KNOWN:
        raise reader.syntax_error()
    return word
