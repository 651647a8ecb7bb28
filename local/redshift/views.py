"""Views and materialized views. Sources: developer guide pages r_CREATE_VIEW, materialized-view-create-sql-command."""

from __future__ import annotations

import re

from local.redshift.create_table import Table, read_distribution
from local.redshift.cursor import Cursor, qualified_sql
from local.redshift.plans import Forward, Plan

_UNBOUND = re.compile(r"\s+with\s+no\s+schema\s+binding\s*$", re.IGNORECASE)


def create_view(sql: str) -> Plan:
    """CREATE VIEW; a late-binding view is bound here, so its tables must exist and cannot be dropped under it."""
    return Forward(_UNBOUND.sub("", sql))


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
