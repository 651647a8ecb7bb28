"""BEGIN, COMMIT, ROLLBACK, SET TRANSACTION, PREPARE, cursors, EXPLAIN.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_BEGIN.html
https://docs.aws.amazon.com/redshift/latest/dg/r_SET_SESSION_CHARACTERISTICS.html
https://docs.aws.amazon.com/redshift/latest/dg/declare.html
https://docs.aws.amazon.com/redshift/latest/dg/fetch.html
https://docs.aws.amazon.com/redshift/latest/dg/r_EXPLAIN.html
"""

from __future__ import annotations

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader
from local_redshift.statements.plan import Forward, Plan

LEVELS = ("serializable", "read uncommitted", "read committed", "repeatable read")
NO_EFFECT = "SET redshift.nothing TO ''"  # its reply is that of SET


def begin(sql: str) -> Plan:
    """BEGIN or START TRANSACTION; every isolation level has the effect of the database's own."""
    reader = TokenReader(sql)
    if reader.next().lower == "start":
        reader.expect("transaction")
    else:
        reader.take_any("work", "transaction")
    modes = _access_modes(reader)
    return Forward(f"BEGIN {modes}" if modes else "BEGIN")


def set_transaction(reader: TokenReader) -> Plan:
    """SET TRANSACTION and SET SESSION CHARACTERISTICS AS TRANSACTION, after TRANSACTION or before CHARACTERISTICS.

    An isolation level has no effect, as in BEGIN.
    """
    session = reader.take("characteristics")
    if session:
        reader.expect("as", "transaction")
    if reader.done():
        raise reader.syntax_error()
    modes = _access_modes(reader)
    target = "SESSION CHARACTERISTICS AS TRANSACTION" if session else "TRANSACTION"
    return Forward(f"SET {target} {modes}" if modes else NO_EFFECT)


def _access_modes(reader: TokenReader) -> str:
    """Read transaction modes to the end; READ ONLY and READ WRITE are returned, isolation levels are left out."""
    modes = []
    while not reader.done():
        reader.take(",")
        if reader.take("isolation", "level"):
            if not any(reader.take(*level.split()) for level in LEVELS):
                raise reader.syntax_error()
        elif reader.take("read", "only"):
            modes.append("READ ONLY")
        elif reader.take("read", "write"):
            modes.append("READ WRITE")
        else:
            raise reader.syntax_error()
    return ", ".join(modes)


def end(sql: str) -> Plan:
    """COMMIT or ROLLBACK, without savepoints, prepared transactions or chains."""
    reader = TokenReader(sql)
    word = reader.next().lower
    reader.take_any("work", "transaction")
    if reader.peek("to"):
        raise RefusedError("Savepoints are not supported by Redshift")
    if reader.peek("prepared"):
        raise RefusedError("Prepared transactions are not supported by Redshift")
    reader.expect_end()
    return Forward(word.upper())


def prepare(sql: str) -> Plan:
    """PREPARE name AS …; two-phase commit is refused."""
    reader = TokenReader(sql)
    reader.expect("prepare")
    if reader.peek("transaction"):
        raise RefusedError("Prepared transactions are not supported by Redshift")
    return Forward(sql)


def declare(sql: str) -> Plan:
    """DECLARE name CURSOR FOR query; Redshift's cursors only move forward, and are closed with their transaction."""
    reader = TokenReader(sql)
    reader.expect("declare")
    reader.name()
    head = [token.lower for token in reader.tokens[2:8]]
    head = head[: head.index("for")] if "for" in head else head
    if "binary" in head or ("scroll" in head and "no" not in head) or "with" in head:
        raise RefusedError("DECLARE … BINARY, SCROLL and WITH HOLD are not supported by Redshift")
    return Forward(sql)


def fetch(sql: str) -> Plan:
    """FETCH [NEXT | ALL | FORWARD [count | ALL] | count] FROM name."""
    reader = TokenReader(sql)
    reader.expect("fetch")
    if word := reader.take_any("first", "last", "prior", "absolute", "relative", "backward"):
        raise RefusedError(f"FETCH {word.upper()} is not supported by Redshift; a cursor only moves forward")
    return Forward(sql)


def explain(sql: str) -> Plan:
    """EXPLAIN [VERBOSE] query, which does not run the query."""
    reader = TokenReader(sql)
    reader.expect("explain")
    reader.take("(")
    if reader.take_any("analyze", "analyse") or reader.take("verbose", "analyze"):
        raise RefusedError("EXPLAIN ANALYZE is not supported by Redshift; use SVL_QUERY_REPORT on a cluster")
    options = ("verbose", "costs", "settings", "generic_plan", "buffers", "timing", "summary", "format")
    if reader.take_any(*options) and reader.tokens[1].text == "(":
        raise RefusedError("EXPLAIN with options is not supported by Redshift; only VERBOSE is")
    return Forward(sql)
