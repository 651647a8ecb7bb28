"""BEGIN, COMMIT, ROLLBACK, PREPARE. Sources: developer guide pages r_BEGIN, r_COMMIT, r_ROLLBACK."""

from __future__ import annotations

from local.redshift.cursor import Cursor
from local.redshift.plans import Forward, Plan, RefusedError

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
