"""CREATE, ALTER, DROP and COMMENT of everything that is not a table's definition: who handles it, and what Redshift does not have."""

from __future__ import annotations

from local.redshift.create_table import create_table
from local.redshift.cursor import Cursor
from local.redshift.plans import Forward, Plan, Refused

_ABSENT = {
    "index": "Redshift has no indexes; use SORTKEY",
    "unique": "Redshift has no indexes; use SORTKEY",
    "sequence": "Redshift has no sequences; use an IDENTITY column",
    "trigger": "Redshift has no triggers",
    "constraint": "Redshift has no triggers",
    "event": "Redshift has no event triggers",
    "type": "CREATE TYPE is not supported by Redshift",
    "domain": "CREATE DOMAIN is not supported by Redshift",
    "extension": "Redshift has no extensions",
    "rule": "Redshift has no rules",
    "aggregate": "Redshift has no user-defined aggregates",
    "operator": "Redshift has no user-defined operators",
    "cast": "Redshift has no user-defined casts",
    "collation": "CREATE COLLATION is not supported by Redshift",
    "tablespace": "Redshift has no tablespaces",
    "unlogged": "Redshift has no unlogged tables",
    "foreign": "Redshift has no foreign tables; external tables are not modelled",
    "server": "CREATE SERVER is not supported by Redshift",
    "publication": "Redshift has no publications",
    "subscription": "Redshift has no subscriptions",
    "statistics": "CREATE STATISTICS is not supported by Redshift",
    "policy": "CREATE POLICY is not supported by Redshift; row-level security is not modelled",
    "recursive": "CREATE RECURSIVE VIEW is not supported by Redshift",
}
_NOT_MODELLED = {
    "external": "External schemas, tables and functions are not modelled by the local Redshift",
    "library": "Libraries are not modelled by the local Redshift",
    "model": "CREATE MODEL is not modelled by the local Redshift",
    "datashare": "Datashares are not modelled by the local Redshift",
    "masking": "Masking policies are not modelled by the local Redshift",
    "rls": "Row-level security is not modelled by the local Redshift",
    "identity": "Identity providers are not modelled by the local Redshift",
}


def create(sql: str) -> Plan:
    """The plan for a CREATE."""
    cursor = Cursor(sql)
    cursor.expect("create")
    cursor.take("or", "replace")
    cursor.take_any("local", "global")
    cursor.take_any("temporary", "temp")
    word = _refuse_absent(cursor)
    if word == "table":
        return create_table(sql)
    return Forward(sql)


def alter(sql: str) -> Plan:
    """The plan for an ALTER."""
    cursor = Cursor(sql)
    cursor.expect("alter")
    _refuse_absent(cursor)
    return Forward(sql)


def drop(sql: str) -> Plan:
    """The plan for a DROP."""
    cursor = Cursor(sql)
    cursor.expect("drop")
    _refuse_absent(cursor)
    return Forward(sql)


def comment(sql: str) -> Plan:
    """COMMENT ON TABLE, COLUMN, VIEW, SCHEMA, DATABASE, CONSTRAINT …"""
    return Forward(sql)


def _refuse_absent(cursor: Cursor) -> str:
    word = cursor.token.lower if cursor.token else ""
    if word in _ABSENT:
        raise Refused(_ABSENT[word])
    if word in _NOT_MODELLED:
        raise Refused(_NOT_MODELLED[word])
    return word
