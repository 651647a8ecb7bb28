"""TRUNCATE, VACUUM, ANALYZE, LOCK.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNCATE.html
https://docs.aws.amazon.com/redshift/latest/dg/r_VACUUM_command.html
https://docs.aws.amazon.com/redshift/latest/dg/r_ANALYZE.html
https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
"""

from __future__ import annotations

from local_redshift.sql.lexer import quote_literal, quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader, qualified_sql
from local_redshift.statements.plan import Plan, Script

_NO_OPERATION = "SELECT 1"


def truncate(sql: str) -> Plan:
    """TRUNCATE commits the transaction it runs in and cannot be rolled back."""
    reader = TokenReader(sql)
    reader.expect("truncate")
    reader.take("table")
    table = qualified_sql(reader.qualified())
    reader.expect_end()
    return Script((f"TRUNCATE TABLE {table}",), "TRUNCATE TABLE", commits=True)


def vacuum(sql: str) -> Plan:
    """VACUUM [FULL | SORT ONLY | DELETE ONLY | REINDEX | RECLUSTER] [t] [TO n PERCENT] [BOOST], outside a block."""
    reader = TokenReader(sql)
    reader.expect("vacuum")
    kind = reader.take_any("sort", "delete", "full", "reindex", "recluster")
    if kind in ("sort", "delete"):
        reader.expect("only")
    table = None if reader.done() or reader.peek("to") or reader.peek("boost") else qualified_sql(reader.qualified())
    if reader.take("to"):
        percent = reader.integer()
        reader.expect("percent")
        if not 0 <= percent <= 100:
            raise RefusedError("VACUUM threshold must be between 0 and 100 percent", "22023")
    reader.take("boost")
    reader.expect_end()
    statement = f"VACUUM {table}" if table else _NO_OPERATION
    if table and kind == "sort":  # it keeps the rows that are marked for deletion
        statement = f"SELECT {quote_literal(table)}::regclass"
    return Script((statement,), "VACUUM", outside_block="VACUUM", alone=True)


def analyze(sql: str) -> Plan:
    """ANALYZE [VERBOSE] [t [(columns)]] [PREDICATE COLUMNS | ALL COLUMNS]."""
    reader = TokenReader(sql)
    reader.next()
    if reader.peek("compression"):
        raise RefusedError("ANALYZE COMPRESSION is not modelled by the local Redshift")
    reader.take("verbose")
    if reader.done():
        return Script((_NO_OPERATION,), "ANALYZE")
    table = qualified_sql(reader.qualified())
    columns = f" ({', '.join(map(quote_name, reader.names()))})" if reader.peek("(") else ""
    if reader.take_any("predicate", "all"):
        reader.expect("columns")
    reader.expect_end()
    return Script((f"ANALYZE {table}{columns}",), "ANALYZE")


def lock(sql: str) -> Plan:
    """LOCK [TABLE] t, …: no other session can read or write the tables until the transaction ends."""
    reader = TokenReader(sql)
    reader.expect("lock")
    reader.take("table")
    tables = [qualified_sql(reader.qualified())]
    while reader.take(","):
        tables.append(qualified_sql(reader.qualified()))
    if not reader.done():
        raise RefusedError("LOCK with a mode is not supported by Redshift; it is always ACCESS EXCLUSIVE", "42601")
    # Two statements run in a transaction, which PostgreSQL requires for LOCK.
    return Script((f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE", "RESET redshift.nothing"), "LOCK TABLE")
