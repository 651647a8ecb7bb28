"""BEGIN, COMMIT, ROLLBACK, PREPARE, cursors, EXPLAIN.

Sources: developer guide pages r_BEGIN, r_COMMIT, r_ROLLBACK, declare, fetch, r_EXPLAIN.
"""

from __future__ import annotations

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor
from local_redshift.statements.plan import Forward, Plan

_LEVELS = (("serializable",), ("read", "uncommitted"), ("read", "committed"), ("repeatable", "read"))


def begin(sql: str) -> Plan:
    """BEGIN or START TRANSACTION; every isolation level means the database's own (r_BEGIN)."""
    cursor = Cursor(sql)
    if cursor.next().lower == "start":
        cursor.expect("transaction")
    else:
        cursor.take_any("work", "transaction")
    modes = []
    while not cursor.done():
        cursor.take(",")
        if cursor.take("isolation", "level"):
            if not any(cursor.take(*level) for level in _LEVELS):
                raise cursor.syntax_error()
        elif cursor.take("read", "only"):
            modes.append("READ ONLY")
        elif cursor.take("read", "write"):
            modes.append("READ WRITE")
        else:
            raise cursor.syntax_error()
    return Forward("BEGIN" if not modes else f"BEGIN {', '.join(modes)}")


def end(sql: str) -> Plan:
    """COMMIT or ROLLBACK, without savepoints, prepared transactions or chains."""
    cursor = Cursor(sql)
    word = cursor.next().lower
    cursor.take_any("work", "transaction")
    if cursor.peek("to"):
        raise RefusedError("Savepoints are not supported by Redshift")
    if cursor.peek("prepared"):
        raise RefusedError("Prepared transactions are not supported by Redshift")
    cursor.expect_end()
    return Forward(word.upper())


def prepare(sql: str) -> Plan:
    """PREPARE name AS …; two-phase commit is refused."""
    cursor = Cursor(sql)
    cursor.expect("prepare")
    if cursor.peek("transaction"):
        raise RefusedError("Prepared transactions are not supported by Redshift")
    return Forward(sql)


def declare(sql: str) -> Plan:
    """DECLARE name CURSOR FOR query; Redshift's cursors only go forward, and end with their transaction."""
    cursor = Cursor(sql)
    cursor.expect("declare")
    cursor.name()
    head = [token.lower for token in cursor.all[2:8]]
    head = head[: head.index("for")] if "for" in head else head
    if "binary" in head or ("scroll" in head and "no" not in head) or "with" in head:
        raise RefusedError("DECLARE … BINARY, SCROLL and WITH HOLD are not supported by Redshift")
    return Forward(sql)


def fetch(sql: str) -> Plan:
    """FETCH [NEXT | ALL | FORWARD [count | ALL] | count] FROM name."""
    cursor = Cursor(sql)
    cursor.expect("fetch")
    if word := cursor.take_any("first", "last", "prior", "absolute", "relative", "backward"):
        raise RefusedError(f"FETCH {word.upper()} is not supported by Redshift; a cursor only goes forward")
    return Forward(sql)


def explain(sql: str) -> Plan:
    """EXPLAIN [VERBOSE] query: it never runs the query."""
    cursor = Cursor(sql)
    cursor.expect("explain")
    cursor.take("(")
    if cursor.take_any("analyze", "analyse") or cursor.take("verbose", "analyze"):
        raise RefusedError("EXPLAIN ANALYZE is not supported by Redshift; use SVL_QUERY_REPORT on a cluster")
    options = ("verbose", "costs", "settings", "generic_plan", "buffers", "timing", "summary", "format")
    if cursor.take_any(*options) and cursor.all[1].text == "(":
        raise RefusedError("EXPLAIN with options is not supported by Redshift; only VERBOSE is")
    return Forward(sql)
