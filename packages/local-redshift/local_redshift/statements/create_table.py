"""CREATE TABLE and CREATE TABLE AS: the statement for PostgreSQL, and the attributes for the registry.

Keys, distribution, sort order and encodings are removed from the statement and passed to `redshift_internal.register`
as JSON, in the same transaction.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_AS.html
"""

from __future__ import annotations

from local_redshift.sql.lexer import quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader, qualified_sql
from local_redshift.statements.columns import read_column
from local_redshift.statements.constraints import read_key, unsupported_clause
from local_redshift.statements.plan import Plan, Script
from local_redshift.statements.table_definition import Table, register_statements, set_attribute

_TABLE_WORDS = ("diststyle", "distkey", "sortkey", "compound", "interleaved", "encode", "backup")


def create_table(sql: str) -> Plan:
    """The plan for a CREATE TABLE statement. Raises RefusedError."""
    reader = TokenReader(sql)
    reader.expect("create")
    reader.take("local")
    temporary = reader.take_any("temporary", "temp")
    reader.expect("table")
    missing_only = reader.take("if", "not", "exists")
    table = Table(reader.qualified())
    if table.name[-1].startswith("#"):
        temporary = "temp"
    is_query = not reader.peek("(") or _names_only(reader)
    if is_query and reader.peek("("):
        table.columns = reader.names()
    elif not is_query:
        _definitions(reader, table)
    _table_attributes(reader, table)
    kind = "TEMPORARY TABLE" if temporary else "TABLE"
    head = f"CREATE {kind} {'IF NOT EXISTS ' if missing_only else ''}{qualified_sql(table.name)}"
    if is_query:
        _only_as_query(reader, missing_only)
        names = f" ({', '.join(map(quote_name, table.columns))})" if table.columns else ""
        statement, tag = f"{head}{names} AS {reader.rest()}", None
    else:
        reader.expect_end()
        statement, tag = f"{head} ({', '.join(table.lines)})", "CREATE TABLE"
    return Script((statement, *register_statements(table, missing_only)), tag, query=True)


def _only_as_query(reader: TokenReader, missing_only: bool) -> None:
    """Skip AS. Raises RefusedError for the clauses around it that PostgreSQL has and Redshift does not."""
    reader.expect("as")
    if missing_only:
        raise RefusedError("CREATE TABLE IF NOT EXISTS … AS is not supported by Redshift", "42601")
    if [token.lower for token in reader.tokens[-3:]] in (
        ["with", "no", "data"],
        [reader.tokens[-3].lower, "with", "data"],
    ):
        raise RefusedError("WITH [NO] DATA in CREATE TABLE AS is not supported by Redshift", "42601")


def _names_only(reader: TokenReader) -> bool:
    """Whether the parentheses contain only column names, as in CREATE TABLE t (a, b) AS …, or a query."""
    start = reader.position
    reader.group()
    query = reader.done() is False and any(
        token.lower == "as" for token in reader.tokens[reader.position : reader.position + 40]
    )
    inside = reader.tokens[start + 1 : reader.position - 1]
    reader.position = start
    return query and all(token.text == "," for token in inside[1::2])


def _definitions(reader: TokenReader, table: Table) -> None:
    reader.expect("(")
    while True:
        if reader.take("like"):
            _like(reader, table)
        elif any(reader.peek(word) for word in ("constraint", "unique", "primary", "foreign", "check", "exclude")):
            table.keys.append(read_key(reader))
        else:
            read_column(reader, table)
        if not reader.take(","):
            break
    reader.expect(")")


def _like(reader: TokenReader, table: Table) -> None:
    parent = qualified_sql(reader.qualified())
    defaults = reader.take("including", "defaults")
    if not defaults:
        reader.take("excluding", "defaults")
    table.lines.append(f"LIKE {parent}{' INCLUDING DEFAULTS' if defaults else ''}")
    table.like = parent


def _table_attributes(reader: TokenReader, table: Table) -> None:
    while not reader.done() and any(reader.peek(word) for word in _TABLE_WORDS):
        if reader.take("backup"):
            choice = reader.take_any("yes", "no")
            if choice is None:
                raise reader.syntax_error()
            set_attribute(table, "backup", choice == "yes")
        elif reader.take("encode"):
            reader.expect("auto")
        else:
            read_distribution(reader, table)
    if not reader.done() and not reader.peek("as"):
        raise unsupported_clause(reader)


def read_distribution(reader: TokenReader, table: Table) -> None:
    """Read DISTSTYLE, DISTKEY or SORTKEY of a table."""
    if reader.take("diststyle"):
        style = reader.take_any("auto", "even", "all", "key")
        if style is None:
            raise reader.syntax_error()
        set_attribute(table, "diststyle", style.upper())
    elif reader.take("distkey"):
        set_attribute(table, "distkey", _one(reader))
        if table.attributes.setdefault("diststyle", "KEY") != "KEY":
            raise RefusedError("DISTKEY column cannot be specified with a DISTSTYLE other than KEY", "42601")
    else:
        style = reader.take_any("compound", "interleaved")
        reader.expect("sortkey")
        automatic = style is None and reader.take("auto")
        set_attribute(table, "sortstyle", "AUTO" if automatic else (style or "compound").upper())
        if not automatic:
            set_attribute(table, "sortkey", reader.names())


def _one(reader: TokenReader) -> str:
    reader.expect("(")
    name = reader.name()
    reader.expect(")")
    return name
