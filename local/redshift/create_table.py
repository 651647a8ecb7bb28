"""CREATE TABLE and CREATE TABLE AS: what PostgreSQL must run, and what only the registry must remember.

Keys, distribution, sort order and encodings leave the statement and go to `redshift_internal.register` as JSON, in
the same transaction. Sources: developer guide pages r_CREATE_TABLE_NEW, r_CREATE_TABLE_AS, t_Defining_constraints.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from local.redshift.cursor import Cursor, qualified_sql
from local.redshift.datatypes import read_type
from local.redshift.lexer import quote_literal, quote_name
from local.redshift.plans import Plan, RefusedError, Script
from local.redshift.table_keys import foreign, read_key, read_reference

ENCODINGS = frozenset(
    [
        "auto",
        "raw",
        "az64",
        "bytedict",
        "delta",
        "delta32k",
        "lzo",
        "mostly8",
        "mostly16",
        "mostly32",
        "runlength",
        "text255",
        "text32k",
        "zstd",
        "none",
    ]
)
_COLUMN_WORDS = (
    "encode",
    "distkey",
    "sortkey",
    "identity",
    "generated",
    "default",
    "not",
    "null",
    "unique",
    "primary",
    "references",
    "collate",
    ",",
    ")",
)
_TABLE_WORDS = ("diststyle", "distkey", "sortkey", "compound", "interleaved", "encode", "backup")


@dataclass
class Table:
    """A CREATE TABLE while it is read: `lines` are PostgreSQL's columns, `attributes` the registry's JSON."""

    name: tuple[str, ...]
    lines: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    encodings: dict[str, str] = field(default_factory=dict)
    identity: dict[str, list[int]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    like: str | None = None


def create_table(sql: str) -> Plan:
    """The plan for a CREATE TABLE statement. Raises RefusedError."""
    cursor = Cursor(sql)
    cursor.expect("create")
    cursor.take("local")
    temporary = cursor.take_any("temporary", "temp")
    cursor.expect("table")
    missing_only = cursor.take("if", "not", "exists")
    table = Table(cursor.qualified())
    if table.name[-1].startswith("#"):
        temporary = "temp"
    is_query = not cursor.peek("(") or _names_only(cursor)
    if is_query and cursor.peek("("):
        table.columns = cursor.names()
    elif not is_query:
        _definitions(cursor, table)
    _table_attributes(cursor, table)
    kind = "TEMPORARY TABLE" if temporary else "TABLE"
    head = f"CREATE {kind} {'IF NOT EXISTS ' if missing_only else ''}{qualified_sql(table.name)}"
    if is_query:
        _only_as_query(cursor, missing_only)
        names = f" ({', '.join(map(quote_name, table.columns))})" if table.columns else ""
        statement, tag = f"{head}{names} AS {cursor.rest()}", None
    else:
        cursor.expect_end()
        statement, tag = f"{head} ({', '.join(table.lines)})", "CREATE TABLE"
    return Script((statement, *_register(table, missing_only)), tag, query=True)


def _only_as_query(cursor: Cursor, missing_only: bool) -> None:
    """Step over AS; refuse what PostgreSQL has around it and Redshift does not (r_CREATE_TABLE_AS)."""
    cursor.expect("as")
    if missing_only:
        raise RefusedError("CREATE TABLE IF NOT EXISTS … AS is not supported by Redshift", "42601")
    if [token.lower for token in cursor.all[-3:]] in (["with", "no", "data"], [cursor.all[-3].lower, "with", "data"]):
        raise RefusedError("WITH [NO] DATA in CREATE TABLE AS is not supported by Redshift", "42601")


def _names_only(cursor: Cursor) -> bool:
    """Whether the parenthesis holds column names alone, or a query: CREATE TABLE t (a, b) AS …."""
    start = cursor.at
    cursor.group()
    query = cursor.done() is False and any(token.lower == "as" for token in cursor.all[cursor.at : cursor.at + 40])
    inside = cursor.all[start + 1 : cursor.at - 1]
    cursor.at = start
    return query and all(token.text == "," for token in inside[1::2])


def _definitions(cursor: Cursor, table: Table) -> None:
    cursor.expect("(")
    while True:
        if cursor.take("like"):
            _like(cursor, table)
        elif any(cursor.peek(word) for word in ("constraint", "unique", "primary", "foreign", "check", "exclude")):
            _table_constraint(cursor, table)
        else:
            read_column(cursor, table)
        if not cursor.take(","):
            break
    cursor.expect(")")


def _like(cursor: Cursor, table: Table) -> None:
    parent = qualified_sql(cursor.qualified())
    defaults = cursor.take("including", "defaults")
    if not defaults:
        cursor.take("excluding", "defaults")
    table.lines.append(f"LIKE {parent}{' INCLUDING DEFAULTS' if defaults else ''}")
    table.like = parent


def read_column(cursor: Cursor, table: Table) -> None:
    """Read one column definition into the table."""
    name = cursor.name()
    parts = [quote_name(name), read_type(cursor, f"{table.name[-1]}.{name}")]
    table.columns.append(name)
    while not (cursor.done() or cursor.peek(",") or cursor.peek(")")):
        parts.extend(_column_attribute(cursor, table, name, parts[1]))
    table.lines.append(" ".join(parts))


def _column_attribute(cursor: Cursor, table: Table, name: str, kind: str) -> list[str]:
    if _key_attribute(cursor, table, name):
        return ["NOT NULL"] if table.keys[-1]["type"] == "p" else []
    if cursor.take("encode"):
        table.encodings[name] = read_encoding(cursor)
    elif cursor.take("distkey"):
        _set(table, "diststyle", "KEY")
        _set(table, "distkey", name)
    elif cursor.take("sortkey"):
        _set(table, "sortstyle", "COMPOUND")
        _set(table, "sortkey", [name])
    elif cursor.take("not", "null"):
        return ["NOT NULL"]
    elif cursor.take("null"):
        return []
    elif cursor.take("default"):
        return ["DEFAULT", cursor.until(*_COLUMN_WORDS) if not cursor.take("null") else "NULL"]
    elif cursor.take("collate"):
        _collation(cursor)
    else:
        return _identity(cursor, table, name, kind)
    return []


def _key_attribute(cursor: Cursor, table: Table, name: str) -> bool:
    if cursor.take("primary", "key"):
        table.keys.append({"type": "p", "columns": [name]})
    elif cursor.take("unique"):
        table.keys.append({"type": "u", "columns": [name]})
    elif cursor.take("references"):
        table.keys.append({"type": "f", "columns": [name], **read_reference(cursor)})
    else:
        return False
    return True


def _identity(cursor: Cursor, table: Table, name: str, kind: str) -> list[str]:
    by_default = cursor.take("generated", "by", "default", "as")
    if not cursor.take("identity"):
        raise foreign(cursor)
    cursor.expect("(")
    seed = cursor.integer()
    cursor.expect(",")
    step = cursor.integer()
    cursor.expect(")")
    if kind not in ("integer", "bigint"):
        raise RefusedError("identity column type must be integer or bigint", "22023")
    if step == 0:
        raise RefusedError("identity column step cannot be 0", "22023")
    table.identity[name] = [seed, step, int(by_default)]
    lowest = "" if step > 0 else f" MAXVALUE {max(seed, -1)}"
    floor = f" MINVALUE {min(seed, 1)}" if step > 0 else ""
    kind = "BY DEFAULT" if by_default else "ALWAYS"
    return ["NOT NULL", f"GENERATED {kind} AS IDENTITY (START WITH {seed} INCREMENT BY {step}{floor}{lowest})"]


def read_encoding(cursor: Cursor) -> str:
    """An ENCODE's value. Raises RefusedError for one that Redshift does not have."""
    word = cursor.next().lower
    if word not in ENCODINGS:
        raise RefusedError(f'invalid encoding type "{word}" specified', "42601")
    return "raw" if word == "none" else word


def _collation(cursor: Cursor) -> None:
    if cursor.take_any("case_sensitive", "cs") is None:
        raise RefusedError(
            f"COLLATE {cursor.next().text} is not modelled by the local Redshift",
            hint="Only CASE_SENSITIVE, the default, is.",
        )


def _table_constraint(cursor: Cursor, table: Table) -> None:
    table.keys.append(read_key(cursor))


def _table_attributes(cursor: Cursor, table: Table) -> None:
    while not cursor.done() and any(cursor.peek(word) for word in _TABLE_WORDS):
        if cursor.take("backup"):
            choice = cursor.take_any("yes", "no")
            if choice is None:
                raise cursor.syntax_error()
            _set(table, "backup", choice == "yes")
        elif cursor.take("encode"):
            cursor.expect("auto")
        else:
            read_distribution(cursor, table)
    if not cursor.done() and not cursor.peek("as"):
        raise foreign(cursor)


def read_distribution(cursor: Cursor, table: Table) -> None:
    """DISTSTYLE, DISTKEY or SORTKEY at table level."""
    if cursor.take("diststyle"):
        style = cursor.take_any("auto", "even", "all", "key")
        if style is None:
            raise cursor.syntax_error()
        _set(table, "diststyle", style.upper())
    elif cursor.take("distkey"):
        _set(table, "distkey", _one(cursor))
        if table.attributes.setdefault("diststyle", "KEY") != "KEY":
            raise RefusedError("DISTKEY column cannot be specified with a DISTSTYLE other than KEY", "42601")
    else:
        style = cursor.take_any("compound", "interleaved")
        cursor.expect("sortkey")
        automatic = style is None and cursor.take("auto")
        _set(table, "sortstyle", "AUTO" if automatic else (style or "compound").upper())
        if not automatic:
            _set(table, "sortkey", cursor.names())


def _one(cursor: Cursor) -> str:
    cursor.expect("(")
    name = cursor.name()
    cursor.expect(")")
    return name


def _set(table: Table, key: str, value: Any) -> None:
    if key in table.attributes and (key != "diststyle" or table.attributes[key] != value):
        raise RefusedError(f"Multiple {key.upper()} specifications are not allowed", "42601")
    table.attributes[key] = value


def _register(table: Table, missing_only: bool) -> list[str]:
    if table.attributes.get("diststyle") == "KEY" and "distkey" not in table.attributes:
        raise RefusedError("DISTSTYLE KEY needs a DISTKEY column", "42601")
    if sum(key["type"] == "p" for key in table.keys) > 1:
        raise RefusedError(f'multiple primary keys for table "{table.name[-1]}" are not allowed', "42P16")
    parts = (("keys", table.keys), ("encodings", table.encodings), ("identity", table.identity))
    known: dict[str, Any] = {**table.attributes, **{key: value for key, value in parts if value}}
    if not known and not table.like:
        return []
    if missing_only:
        known["only_new"] = True
    if table.like:
        known["like"] = table.like
    name, body = quote_literal(qualified_sql(table.name)), quote_literal(json.dumps(known))
    return [f"SELECT redshift_internal.register({name}, {body})"]
