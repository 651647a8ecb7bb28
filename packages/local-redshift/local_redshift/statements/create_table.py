"""CREATE TABLE and CREATE TABLE AS: what PostgreSQL must run, and what only the registry must remember.

Keys, distribution, sort order and encodings leave the statement and go to `redshift_internal.register` as JSON, in
the same transaction. Sources: developer guide pages r_CREATE_TABLE_NEW, r_CREATE_TABLE_AS, t_Defining_constraints.
"""

from __future__ import annotations

from local_redshift.sql.lexer import quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor, qualified_sql
from local_redshift.statements.columns import read_column
from local_redshift.statements.constraints import foreign, read_key
from local_redshift.statements.plan import Plan, Script
from local_redshift.statements.table_definition import Table, registered, set_attribute

_TABLE_WORDS = ("diststyle", "distkey", "sortkey", "compound", "interleaved", "encode", "backup")


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
    return Script((statement, *registered(table, missing_only)), tag, query=True)


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


def _table_constraint(cursor: Cursor, table: Table) -> None:
    table.keys.append(read_key(cursor))


def _table_attributes(cursor: Cursor, table: Table) -> None:
    while not cursor.done() and any(cursor.peek(word) for word in _TABLE_WORDS):
        if cursor.take("backup"):
            choice = cursor.take_any("yes", "no")
            if choice is None:
                raise cursor.syntax_error()
            set_attribute(table, "backup", choice == "yes")
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
        set_attribute(table, "diststyle", style.upper())
    elif cursor.take("distkey"):
        set_attribute(table, "distkey", _one(cursor))
        if table.attributes.setdefault("diststyle", "KEY") != "KEY":
            raise RefusedError("DISTKEY column cannot be specified with a DISTSTYLE other than KEY", "42601")
    else:
        style = cursor.take_any("compound", "interleaved")
        cursor.expect("sortkey")
        automatic = style is None and cursor.take("auto")
        set_attribute(table, "sortstyle", "AUTO" if automatic else (style or "compound").upper())
        if not automatic:
            set_attribute(table, "sortkey", cursor.names())


def _one(cursor: Cursor) -> str:
    cursor.expect("(")
    name = cursor.name()
    cursor.expect(")")
    return name
