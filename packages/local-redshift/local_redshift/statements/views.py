"""Views and materialized views. Sources: developer guide pages r_CREATE_VIEW, materialized-view-create-sql-command."""

from __future__ import annotations

import re
from itertools import pairwise

from local_redshift.query import rewrite
from local_redshift.sql.lexer import quote_literal
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor, qualified_sql
from local_redshift.statements.create_table import read_distribution
from local_redshift.statements.plan import Forward, Plan, Script
from local_redshift.statements.table_definition import Table

_UNBOUND = re.compile(r"\s+with\s+no\s+schema\s+binding\s*$", re.IGNORECASE)
_BEFORE_STAR = ("select", "all", "distinct", ",", ".")


def create_view(sql: str) -> Plan:
    """CREATE VIEW. A late-binding view is bound here; sql/85_late_views.sql refuses what would show the difference."""
    bound = _UNBOUND.sub("", sql)
    if bound == sql:
        return Forward(sql)
    if any("." not in name for name in rewrite.tables_read(bound)):
        raise RefusedError(
            "All the relation names inside should be qualified when creating views with no schema binding.", "42601"
        )
    cursor = Cursor(bound)
    cursor.until("view")
    cursor.expect("view")
    name = quote_literal(qualified_sql(cursor.qualified()))
    star = any(token.text == "*" and before.lower in _BEFORE_STAR for before, token in pairwise(cursor.all))
    return Script((bound, f"SELECT redshift_internal.late_view({name}, {star})"), "CREATE VIEW", query=True)


def create_materialized_view(sql: str) -> Plan:
    """CREATE MATERIALIZED VIEW, without what only distributes or refreshes it."""
    cursor = Cursor(sql)
    cursor.expect("create", "materialized", "view")
    name = qualified_sql(cursor.qualified())
    table = Table((name,))
    while not cursor.done() and not cursor.peek("as"):
        if cursor.take("backup") or cursor.take("auto", "refresh"):
            if cursor.take_any("yes", "no") is None:
                raise cursor.syntax_error()
        elif any(cursor.peek(word) for word in ("diststyle", "distkey", "sortkey", "compound", "interleaved")):
            read_distribution(cursor, table)
        else:
            raise cursor.syntax_error()
    cursor.expect("as")
    return Forward(f"CREATE MATERIALIZED VIEW {name} AS {cursor.rest()}")
