"""Rewrites of Redshift's functions and query syntax into PostgreSQL's."""

from __future__ import annotations


def rewrite(sql: str) -> str:
    """Return the statement as PostgreSQL must see it."""
    return sql
