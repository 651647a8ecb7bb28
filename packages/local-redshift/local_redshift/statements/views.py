"""Views and materialized views.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-create-sql-command.html
"""

from __future__ import annotations

import re
from itertools import pairwise

from local_redshift.query.rewrite import tables_read
from local_redshift.sql.lexer import quote_literal
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader, qualified_sql
from local_redshift.statements.create_table import read_distribution
from local_redshift.statements.plan import Forward, Plan, Script
from local_redshift.statements.table_definition import Table

_UNBOUND = re.compile(r"\s+with\s+no\s+schema\s+binding\s*$", re.IGNORECASE)
_BEFORE_STAR = ("select", "all", "distinct", ",", ".")


def create_view(sql: str) -> Plan:
    """CREATE VIEW. A late-binding view becomes a bound one.

    catalog/sql/85_late_binding_views.sql refuses the changes after which the two would differ.
    """
    bound = _UNBOUND.sub("", sql)
    if bound == sql:
        return Forward(sql)
    if any("." not in name for name in tables_read(bound)):
        raise RefusedError(
            "All the relation names inside should be qualified when creating views with no schema binding.", "42601"
        )
    reader = TokenReader(bound)
    reader.until("view")
    reader.expect("view")
    name = quote_literal(qualified_sql(reader.qualified()))
    star = any(token.text == "*" and before.lower in _BEFORE_STAR for before, token in pairwise(reader.tokens))
    return Script((bound, f"SELECT redshift_internal.late_view({name}, {star})"), "CREATE VIEW", query=True)


def create_materialized_view(sql: str) -> Plan:
    """CREATE MATERIALIZED VIEW, without the clauses of its distribution and refresh."""
    reader = TokenReader(sql)
    reader.expect("create", "materialized", "view")
    name = qualified_sql(reader.qualified())
    table = Table((name,))
    while not reader.done() and not reader.peek("as"):
        if reader.take("backup") or reader.take("auto", "refresh"):
            if reader.take_any("yes", "no") is None:
                raise reader.syntax_error()
        elif any(reader.peek(word) for word in ("diststyle", "distkey", "sortkey", "compound", "interleaved")):
            read_distribution(reader, table)
        else:
            raise reader.syntax_error()
    reader.expect("as")
    return Forward(f"CREATE MATERIALIZED VIEW {name} AS {reader.rest()}")
