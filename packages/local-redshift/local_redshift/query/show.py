"""SHOW DATABASES, SCHEMAS, TABLES and COLUMNS as queries on the catalog.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLES.html
"""

from __future__ import annotations

from collections.abc import Sequence

from local_redshift.sql import lexer
from local_redshift.sql.token_tree import Item, Refused, Token, is_sign, name_of

_MAX_ROWS = 10_000  # that a SHOW returns, and the highest LIMIT
_LISTS = {
    "databases": ("svv_redshift_databases", "database_name", ""),
    "schemas": ("svv_all_schemas", "schema_name", "database"),
    "tables": ("svv_all_tables", "table_name", "schema"),
    "columns": ("svv_all_columns", "column_name", "table"),
}
_COLUMNS = {
    "databases": "*",
    "schemas": "*",
    "tables": "database_name, schema_name, table_name, table_type, table_acl, remarks",
    "columns": "*",
}
_SCOPES = {
    "database": ("database_name",),
    "schema": ("schema_name", "database_name"),
    "table": ("table_name", "schema_name", "database_name"),
}


def show(items: Sequence[Item]) -> str | None:
    """Return the query for a SHOW of a list, or None for any other statement. Raises Refused."""
    words = [item.word for item in items]
    if words[:1] != ["show"] or len(words) < 2 or words[1] not in _LISTS:
        return None
    what = words[1]
    view, name, scope = _LISTS[what]
    rest = list(items[2:])
    conditions: list[str] = []
    if scope and [item.word for item in rest[:2]] == ["from", scope]:
        path, rest = _path(rest[2:])
        conditions += [
            f"{column} = {lexer.quote_literal(part)}"
            for column, part in zip(_SCOPES[scope], reversed(path), strict=False)
        ]
    elif scope:
        raise Refused(f"SHOW {what.upper()} needs FROM {scope.upper()} and its name.", "42601")
    limit = _MAX_ROWS
    while rest:
        word, value = rest[0].word, rest[1] if len(rest) > 1 else None
        if word == "like" and isinstance(value, Token) and value.kind == lexer.STRING:
            conditions.append(f"{name} LIKE {value.text}")
        elif word == "limit" and isinstance(value, Token) and value.kind == lexer.NUMBER:
            limit = min(limit, int(value.text))
        elif not is_sign(rest[0], ";"):
            raise Refused(f"The local Redshift does not model this form of SHOW {what.upper()}.")
        rest = rest[2:]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "ordinal_position" if what == "columns" else name
    return f"SELECT {_COLUMNS[what]} FROM pg_catalog.{view}{where} ORDER BY {order} LIMIT {limit}"


def _path(items: Sequence[Item]) -> tuple[list[str], list[Item]]:
    """Return a dotted name and the items after it."""
    parts, at = [], 0
    while at < len(items) and name_of(items[at]):
        parts.append(name_of(items[at]))
        at += 1
        if at == len(items) or not is_sign(items[at], "."):
            break
        at += 1
    return parts, list(items[at:])
