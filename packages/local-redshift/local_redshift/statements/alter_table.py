"""ALTER TABLE.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html
"""

from __future__ import annotations

import json
from typing import Any

from local_redshift.sql.data_types import read_type
from local_redshift.sql.lexer import quote_literal, quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader, qualified_sql
from local_redshift.statements.columns import read_column
from local_redshift.statements.constraints import read_key
from local_redshift.statements.create_table import read_distribution
from local_redshift.statements.encodings import check_fit, read_encoding
from local_redshift.statements.plan import Forward, Plan, Script
from local_redshift.statements.table_definition import Table

_TAG = "ALTER TABLE"


def alter_table(sql: str) -> Plan:
    """The plan for an ALTER TABLE: one action, as on Redshift."""
    reader = TokenReader(sql)
    reader.expect("alter")
    reader.expect("table")
    name = reader.qualified()
    return _action(reader, name, sql)


def _action(reader: TokenReader, name: tuple[str, ...], sql: str) -> Plan:
    if reader.take("append", "from"):
        return _append(reader, qualified_sql(name))
    if reader.take("add"):
        return _add(reader, name)
    if reader.take("drop"):
        return _drop(reader, qualified_sql(name))
    if reader.take("alter"):
        return _alter(reader, name)
    if reader.peek("rename") or reader.peek("owner"):
        return Forward(sql)
    if reader.token is not None and reader.token.kind == "word":
        word = reader.token.text.upper()
        raise RefusedError(f"ALTER TABLE … {word} is not supported by Redshift or not modelled by the local Redshift")
    raise reader.syntax_error()


def _append(reader: TokenReader, target: str) -> Plan:
    source = qualified_sql(reader.qualified())
    ignore_extra = reader.take("ignoreextra")
    fill_target = reader.take("filltarget")
    reader.expect_end()
    arguments = f"{quote_literal(target)}, {quote_literal(source)}, {ignore_extra}, {fill_target}"
    locks = f"LOCK TABLE {target}, {source} IN ACCESS EXCLUSIVE MODE"
    call = f"SELECT redshift_internal.append({arguments})"
    return Script((locks, call), "ALTER TABLE APPEND", outside_block="ALTER TABLE APPEND")


def _add(reader: TokenReader, name: tuple[str, ...]) -> Plan:
    target = qualified_sql(name)
    if any(reader.peek(word) for word in ("constraint", "unique", "primary", "foreign", "check")):
        key = read_key(reader)
        reader.expect_end()
        return Script((_change(target, {"add_key": key}),), _TAG)
    reader.take("column")
    table = Table(name)
    read_column(reader, table)
    _one_action(reader)
    if table.identity or table.keys or table.attributes:
        raise RefusedError("ADD COLUMN with IDENTITY, a key, DISTKEY or SORTKEY is not supported by Redshift")
    if "NOT NULL" in table.lines[0] and " DEFAULT " not in table.lines[0].replace(" DEFAULT NULL", ""):
        raise RefusedError("ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression")
    statements = [f"ALTER TABLE {target} ADD COLUMN {table.lines[0]}"]
    if table.encodings:
        statements.append(_change(target, {"encodings": table.encodings}))
    return Script(tuple(statements), _TAG, query=True)


def _drop(reader: TokenReader, target: str) -> Plan:
    if reader.take("constraint"):
        change = {"drop_key": reader.name()}
        reader.take_any("restrict", "cascade")
        reader.expect_end()
        return Script((_change(target, change),), _TAG)
    reader.take("column")
    column = reader.name()
    behaviour = reader.take_any("restrict", "cascade") or ""
    _one_action(reader)
    drop = f"ALTER TABLE {target} DROP COLUMN {quote_name(column)} {behaviour}".rstrip()
    return Script((_change(target, {"drop_column": column}), drop), _TAG)


def _alter(reader: TokenReader, name: tuple[str, ...]) -> Plan:
    target = qualified_sql(name)
    if reader.take("encode"):
        reader.expect("auto")
        return Script((_change(target, {"no_encodings": True}),), _TAG)
    if any(reader.peek(word) for word in ("diststyle", "distkey", "sortkey", "compound", "interleaved")):
        return _redistribute(reader, name)
    reader.take("column")
    column = reader.name()
    if reader.take("encode"):
        return _encode(reader, target, column)
    if not reader.take("type"):
        word = reader.token.text.upper() if reader.token else ""
        raise RefusedError(
            f"ALTER COLUMN … {word} is not supported by Redshift",
            hint="Only TYPE of a VARCHAR column and ENCODE can change.",
        )
    new = read_type(reader, f"{name[-1]}.{column}")
    reader.expect_end()
    check = (
        f"SELECT redshift_internal.check_resize({quote_literal(target)}, {quote_literal(column)}, {quote_literal(new)})"
    )
    resize = f"ALTER TABLE {target} ALTER COLUMN {quote_name(column)} TYPE {new}"
    return Script((check, resize), _TAG, outside_block="ALTER TABLE ALTER COLUMN")


def _encode(reader: TokenReader, target: str, column: str) -> Plan:
    """ALTER COLUMN … ENCODE, of one column or of several."""
    encodings = {column: read_encoding(reader)}
    while reader.take(",", "alter"):
        reader.take("column")
        column = reader.name()
        reader.expect("encode")
        encodings[column] = read_encoding(reader)
    reader.expect_end()
    checks = (check_fit(target, name, encoding) for name, encoding in encodings.items())
    return Script((*checks, _change(target, {"encodings": encodings})), _TAG)


def _redistribute(reader: TokenReader, name: tuple[str, ...]) -> Plan:
    table = Table(name)
    change: dict[str, Any]
    if reader.take("sortkey", "none"):
        change = {"no_sortkey": True}
    elif reader.take("distkey"):
        change = {"diststyle": "KEY", "distkey": reader.name()}
    else:
        while not reader.done() and not reader.peek(","):
            reader.take("alter")
            read_distribution(reader, table)
        change = table.attributes
    reader.expect_end()
    return Script((_change(qualified_sql(name), change),), _TAG)


def _one_action(reader: TokenReader) -> None:
    if reader.peek(","):
        raise RefusedError(
            "ALTER TABLE with several actions is not supported by Redshift", "42601", "Write one for each."
        )
    reader.expect_end()


def _change(target: str, what: dict[str, Any]) -> str:
    return f"SELECT redshift_internal.change({quote_literal(target)}, {quote_literal(json.dumps(what))})"
