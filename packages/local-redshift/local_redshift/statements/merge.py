"""MERGE, with Redshift's limits. Source: developer guide page r_MERGE.

No alias on the target, both WHEN clauses or REMOVE DUPLICATES, an equality to match by, and a table as the source.
PostgreSQL's own MERGE does the work, and refuses a target row that several source rows match.
"""

from __future__ import annotations

from local_redshift.sql.lexer import quote_literal, quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor, qualified_sql
from local_redshift.statements.plan import Plan, Script


def merge(sql: str) -> Plan:
    """MERGE INTO t USING s ON … WHEN MATCHED … WHEN NOT MATCHED … | REMOVE DUPLICATES."""
    cursor = Cursor(sql)
    cursor.expect("merge")
    cursor.expect("into")
    target = cursor.qualified()
    if not cursor.peek("using"):
        raise RefusedError("MERGE takes no alias for its target on Redshift", "42601")
    cursor.expect("using")
    if cursor.peek("("):
        raise RefusedError("MERGE takes a table as its source on Redshift, not a subquery", "42601")
    source = cursor.qualified()
    cursor.take("as")
    alias = source[-1] if cursor.peek("on") else cursor.name()
    cursor.expect("on")
    condition = cursor.until("when", "remove")
    _check_equality(condition)
    into, using = qualified_sql(target), qualified_sql(source)
    checks = f"SELECT redshift_internal.check_merge({quote_literal(into)}, {quote_literal(using)}, "
    if cursor.take("remove"):
        cursor.expect("duplicates")
        cursor.expect_end()
        statements = (
            checks + "true)",
            f"DELETE FROM {into} USING {using} AS {quote_name(alias)} WHERE {condition}",
            f"INSERT INTO {into} SELECT DISTINCT * FROM {using}",
        )
        return Script(statements, "MERGE", lock=into)
    clauses = cursor.rest()
    extra = {token.lower for token in Cursor(clauses).all if token.kind == "word"} & {"default", "returning"}
    if extra:
        raise RefusedError(f"MERGE takes no {min(extra).upper()} on Redshift", "42601")
    _check_clauses(Cursor(clauses))
    statement = f"MERGE INTO {into} USING {using} AS {quote_name(alias)} ON {condition} {clauses}"
    return Script((statement, checks + "false)"), "MERGE", lock=into, query=True)


def _check_equality(condition: str) -> None:
    cursor = Cursor(condition)
    operators = [token.text for token in cursor.all if token.kind == "operator"]
    words = {token.lower for token in cursor.all if token.kind == "word"}
    others = {"<", ">", "<=", ">=", "<>", "!="} & set(operators)
    if "=" not in operators or others or words & {"or", "between", "like", "in", "not"}:
        raise RefusedError(
            "MERGE matches by equality of columns on Redshift", "42601", "Write ON target.key = source.key [AND …]."
        )


def _check_action(cursor: Cursor, *, insert: bool) -> None:
    """UPDATE, DELETE and INSERT … VALUES are all there is (r_MERGE); PostgreSQL has more."""
    if not (cursor.peek("insert") if insert else cursor.peek("update") or cursor.peek("delete")):
        raise RefusedError("MERGE updates or deletes what is matched and inserts what is not, on Redshift", "42601")


def _check_clauses(cursor: Cursor) -> None:
    found = []
    while not cursor.done():
        cursor.expect("when")
        inverted = cursor.take("not")
        cursor.expect("matched")
        if not cursor.peek("then"):
            raise RefusedError("MERGE takes no further condition after MATCHED on Redshift", "42601")
        found.append(not inverted)
        cursor.expect("then")
        _check_action(cursor, insert=inverted)
        cursor.until("when")
    if sorted(found) != [False, True]:
        raise RefusedError(
            "MERGE needs one WHEN MATCHED and one WHEN NOT MATCHED clause, or REMOVE DUPLICATES, on Redshift", "42601"
        )
