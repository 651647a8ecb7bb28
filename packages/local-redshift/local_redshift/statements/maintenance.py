"""TRUNCATE, VACUUM, ANALYZE, LOCK. Sources: developer guide pages r_TRUNCATE, r_VACUUM_command, r_ANALYZE, r_LOCK."""

from __future__ import annotations

from local_redshift.sql.lexer import quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor, qualified_sql
from local_redshift.statements.plan import Plan, Script

_NOTHING = "SELECT 1"


def truncate(sql: str) -> Plan:
    """TRUNCATE commits the transaction it runs in and cannot be rolled back."""
    cursor = Cursor(sql)
    cursor.expect("truncate")
    cursor.take("table")
    table = qualified_sql(cursor.qualified())
    cursor.expect_end()
    return Script((f"TRUNCATE TABLE {table}",), "TRUNCATE TABLE", commits=True)


def vacuum(sql: str) -> Plan:
    """VACUUM [FULL | SORT ONLY | DELETE ONLY | REINDEX | RECLUSTER] [t] [TO n PERCENT] [BOOST], in no block."""
    cursor = Cursor(sql)
    cursor.expect("vacuum")
    if cursor.take_any("sort", "delete"):
        cursor.expect("only")
    else:
        cursor.take_any("full", "reindex", "recluster")
    table = None if cursor.done() or cursor.peek("to") or cursor.peek("boost") else qualified_sql(cursor.qualified())
    if cursor.take("to"):
        percent = cursor.integer()
        cursor.expect("percent")
        if not 0 <= percent <= 100:
            raise RefusedError("VACUUM threshold must be between 0 and 100 percent", "22023")
    cursor.take("boost")
    cursor.expect_end()
    statement = f"VACUUM {table}" if table else _NOTHING
    return Script((statement,), "VACUUM", outside_block="VACUUM", alone=True)


def analyze(sql: str) -> Plan:
    """ANALYZE [VERBOSE] [t [(columns)]] [PREDICATE COLUMNS | ALL COLUMNS]."""
    cursor = Cursor(sql)
    cursor.next()
    if cursor.peek("compression"):
        raise RefusedError("ANALYZE COMPRESSION is not modelled by the local Redshift")
    cursor.take("verbose")
    if cursor.done():
        return Script((_NOTHING,), "ANALYZE")
    table = qualified_sql(cursor.qualified())
    columns = f" ({', '.join(map(quote_name, cursor.names()))})" if cursor.peek("(") else ""
    if cursor.take_any("predicate", "all"):
        cursor.expect("columns")
    cursor.expect_end()
    return Script((f"ANALYZE {table}{columns}",), "ANALYZE")


def lock(sql: str) -> Plan:
    """LOCK [TABLE] t, …: nobody else reads or writes the tables until the transaction ends."""
    cursor = Cursor(sql)
    cursor.expect("lock")
    cursor.take("table")
    tables = [qualified_sql(cursor.qualified())]
    while cursor.take(","):
        tables.append(qualified_sql(cursor.qualified()))
    if not cursor.done():
        raise RefusedError("LOCK takes no mode on Redshift; it is always ACCESS EXCLUSIVE", "42601")
    # The second statement makes the pair a transaction, without which PostgreSQL refuses LOCK.
    return Script((f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE", "RESET redshift.nothing"), "LOCK TABLE")
