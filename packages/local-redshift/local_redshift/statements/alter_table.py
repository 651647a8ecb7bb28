"""ALTER TABLE. Source: developer guide pages r_ALTER_TABLE, r_ALTER_TABLE_APPEND."""

from __future__ import annotations

import json
from typing import Any

from local_redshift.sql.data_types import read_type
from local_redshift.sql.lexer import quote_literal, quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor, qualified_sql
from local_redshift.statements.columns import read_column
from local_redshift.statements.constraints import read_key
from local_redshift.statements.create_table import read_distribution
from local_redshift.statements.encodings import check_fit, read_encoding
from local_redshift.statements.plan import Forward, Plan, Script
from local_redshift.statements.table_definition import Table

_TAG = "ALTER TABLE"


def alter_table(sql: str) -> Plan:
    """The plan for an ALTER TABLE: one action, as on Redshift."""
    cursor = Cursor(sql)
    cursor.expect("alter")
    cursor.expect("table")
    name = cursor.qualified()
    return _action(cursor, name, sql)


def _action(cursor: Cursor, name: tuple[str, ...], sql: str) -> Plan:
    if cursor.take("append", "from"):
        return _append(cursor, qualified_sql(name))
    if cursor.take("add"):
        return _add(cursor, name)
    if cursor.take("drop"):
        return _drop(cursor, qualified_sql(name))
    if cursor.take("alter"):
        return _alter(cursor, name)
    if cursor.peek("rename") or cursor.peek("owner"):
        return Forward(sql)
    if cursor.token is not None and cursor.token.kind == "word":
        raise RefusedError(
            f"ALTER TABLE … {cursor.token.text.upper()} is not supported by Redshift or not modelled here"
        )
    raise cursor.syntax_error()


def _append(cursor: Cursor, target: str) -> Plan:
    source = qualified_sql(cursor.qualified())
    ignore_extra = cursor.take("ignoreextra")
    fill_target = cursor.take("filltarget")
    cursor.expect_end()
    arguments = f"{quote_literal(target)}, {quote_literal(source)}, {ignore_extra}, {fill_target}"
    locks = f"LOCK TABLE {target}, {source} IN ACCESS EXCLUSIVE MODE"
    call = f"SELECT redshift_internal.append({arguments})"
    return Script((locks, call), "ALTER TABLE APPEND", outside_block="ALTER TABLE APPEND")


def _add(cursor: Cursor, name: tuple[str, ...]) -> Plan:
    target = qualified_sql(name)
    if any(cursor.peek(word) for word in ("constraint", "unique", "primary", "foreign", "check")):
        key = read_key(cursor)
        cursor.expect_end()
        return Script((_change(target, {"add_key": key}),), _TAG)
    cursor.take("column")
    table = Table(name)
    read_column(cursor, table)
    _one_action(cursor)
    if table.identity or table.keys or table.attributes:
        raise RefusedError("ADD COLUMN takes no IDENTITY, key, DISTKEY or SORTKEY on Redshift")
    if "NOT NULL" in table.lines[0] and " DEFAULT " not in table.lines[0].replace(" DEFAULT NULL", ""):
        raise RefusedError("ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression")
    statements = [f"ALTER TABLE {target} ADD COLUMN {table.lines[0]}"]
    if table.encodings:
        statements.append(_change(target, {"encodings": table.encodings}))
    return Script(tuple(statements), _TAG, query=True)


def _drop(cursor: Cursor, target: str) -> Plan:
    if cursor.take("constraint"):
        change = {"drop_key": cursor.name()}
        cursor.take_any("restrict", "cascade")
        cursor.expect_end()
        return Script((_change(target, change),), _TAG)
    cursor.take("column")
    column = cursor.name()
    behaviour = cursor.take_any("restrict", "cascade") or ""
    _one_action(cursor)
    drop = f"ALTER TABLE {target} DROP COLUMN {quote_name(column)} {behaviour}".rstrip()
    return Script((_change(target, {"drop_column": column}), drop), _TAG)


def _alter(cursor: Cursor, name: tuple[str, ...]) -> Plan:
    target = qualified_sql(name)
    if cursor.take("encode"):
        cursor.expect("auto")
        return Script((_change(target, {"no_encodings": True}),), _TAG)
    if any(cursor.peek(word) for word in ("diststyle", "distkey", "sortkey", "compound", "interleaved")):
        return _redistribute(cursor, name)
    cursor.take("column")
    column = cursor.name()
    if cursor.take("encode"):
        return _encode(cursor, target, column)
    if not cursor.take("type"):
        word = cursor.token.text.upper() if cursor.token else ""
        raise RefusedError(
            f"ALTER COLUMN … {word} is not supported by Redshift", hint="Only TYPE of a VARCHAR and ENCODE can change."
        )
    new = read_type(cursor, f"{name[-1]}.{column}")
    cursor.expect_end()
    check = (
        f"SELECT redshift_internal.check_resize({quote_literal(target)}, {quote_literal(column)}, {quote_literal(new)})"
    )
    resize = f"ALTER TABLE {target} ALTER COLUMN {quote_name(column)} TYPE {new}"
    return Script((check, resize), _TAG, outside_block="ALTER TABLE ALTER COLUMN")


def _encode(cursor: Cursor, target: str, column: str) -> Plan:
    """ALTER COLUMN … ENCODE, of one column or of several (r_ALTER_TABLE)."""
    encodings = {column: read_encoding(cursor)}
    while cursor.take(",", "alter"):
        cursor.take("column")
        column = cursor.name()
        cursor.expect("encode")
        encodings[column] = read_encoding(cursor)
    cursor.expect_end()
    checks = (check_fit(target, name, encoding) for name, encoding in encodings.items())
    return Script((*checks, _change(target, {"encodings": encodings})), _TAG)


def _redistribute(cursor: Cursor, name: tuple[str, ...]) -> Plan:
    table = Table(name)
    change: dict[str, Any]
    if cursor.take("sortkey", "none"):
        change = {"no_sortkey": True}
    elif cursor.take("distkey"):
        change = {"diststyle": "KEY", "distkey": cursor.name()}
    else:
        while not cursor.done() and not cursor.peek(","):
            cursor.take("alter")
            read_distribution(cursor, table)
        change = table.attributes
    cursor.expect_end()
    return Script((_change(qualified_sql(name), change),), _TAG)


def _one_action(cursor: Cursor) -> None:
    if cursor.peek(","):
        raise RefusedError("ALTER TABLE takes one action on Redshift", "42601", "Write one statement for each column.")
    cursor.expect_end()


def _change(target: str, what: dict[str, Any]) -> str:
    return f"SELECT redshift_internal.change({quote_literal(target)}, {quote_literal(json.dumps(what))})"
