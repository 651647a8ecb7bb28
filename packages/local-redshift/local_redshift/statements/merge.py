"""MERGE, with Redshift's limits.

The target has no alias, the source is a table, the condition is an equality, and there are both WHEN clauses or REMOVE
DUPLICATES. PostgreSQL's own MERGE runs, which raises an error for a target row that several source rows match.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
"""

from __future__ import annotations

from local_redshift.sql.lexer import quote_literal, quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader, qualified_sql
from local_redshift.statements.plan import Plan, Script


def merge(sql: str) -> Plan:
    """MERGE INTO t USING s ON … WHEN MATCHED … WHEN NOT MATCHED … | REMOVE DUPLICATES."""
    reader = TokenReader(sql)
    reader.expect("merge")
    reader.expect("into")
    target = reader.qualified()
    if not reader.peek("using"):
        raise RefusedError("MERGE with an alias for its target is not supported by Redshift", "42601")
    reader.expect("using")
    if reader.peek("("):
        raise RefusedError("MERGE with a subquery as its source is not supported by Redshift; use a table", "42601")
    source = reader.qualified()
    reader.take("as")
    alias = source[-1] if reader.peek("on") else reader.name()
    reader.expect("on")
    condition = reader.until("when", "remove")
    _check_equality(condition)
    into, using = qualified_sql(target), qualified_sql(source)
    checks = f"SELECT redshift_internal.check_merge({quote_literal(into)}, {quote_literal(using)}, "
    if reader.take("remove"):
        reader.expect("duplicates")
        reader.expect_end()
        statements = (
            checks + "true)",
            f"DELETE FROM {into} USING {using} AS {quote_name(alias)} WHERE {condition}",
            f"INSERT INTO {into} SELECT DISTINCT * FROM {using}",
        )
        return Script(statements, "MERGE", lock=into)
    clauses = reader.rest()
    extra = {token.lower for token in TokenReader(clauses).tokens if token.kind == "word"} & {"default", "returning"}
    if extra:
        raise RefusedError(f"MERGE with {min(extra).upper()} is not supported by Redshift", "42601")
    _check_clauses(TokenReader(clauses))
    statement = f"MERGE INTO {into} USING {using} AS {quote_name(alias)} ON {condition} {clauses}"
    return Script((statement, checks + "false)"), "MERGE", lock=into, query=True)


def _check_equality(condition: str) -> None:
    reader = TokenReader(condition)
    operators = [token.text for token in reader.tokens if token.kind == "operator"]
    words = {token.lower for token in reader.tokens if token.kind == "word"}
    others = {"<", ">", "<=", ">=", "<>", "!="} & set(operators)
    if "=" not in operators or others or words & {"or", "between", "like", "in", "not"}:
        raise RefusedError(
            "MERGE on Redshift needs a condition of equality", "42601", "Write ON target.key = source.key [AND …]."
        )


def _check_action(reader: TokenReader, *, insert: bool) -> None:
    """Raises RefusedError for an action other than UPDATE, DELETE and INSERT … VALUES."""
    if not (reader.peek("insert") if insert else reader.peek("update") or reader.peek("delete")):
        raise RefusedError(
            "MERGE on Redshift updates or deletes matched rows, and inserts rows that are not matched", "42601"
        )


def _check_clauses(reader: TokenReader) -> None:
    matched = []
    while not reader.done():
        reader.expect("when")
        inverted = reader.take("not")
        reader.expect("matched")
        if not reader.peek("then"):
            raise RefusedError("MERGE with a condition after MATCHED is not supported by Redshift", "42601")
        matched.append(not inverted)
        reader.expect("then")
        _check_action(reader, insert=inverted)
        reader.until("when")
    if sorted(matched) != [False, True]:
        raise RefusedError(
            "MERGE on Redshift needs one WHEN MATCHED and one WHEN NOT MATCHED clause, or REMOVE DUPLICATES", "42601"
        )
