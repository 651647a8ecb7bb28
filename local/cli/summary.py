"""How each table of the warehouse was filled, read by SQL from `etl.load_history` and `etl.mart_builds`."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import redshift_connector

from local.stack import ownership, state_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redshift_connector.core import Connection

COLUMNS = ("table", "rows", "window", "inserted", "updated", "deleted", "seconds")

_TABLES = """
SELECT table_schema || '.' || table_name FROM information_schema.tables
WHERE table_schema IN ('core', 'mart') AND table_type = 'BASE TABLE' ORDER BY 1
"""
_LOADS = """
SELECT table_name, MIN(CASE WHEN extracted > 0 THEN window_start END), MAX(CASE WHEN extracted > 0 THEN window_end END),
    SUM(inserted), SUM(updated), SUM(deleted), SUM(seconds)
FROM etl.load_history GROUP BY table_name
"""
_BUILDS = """
SELECT mart_name, MIN(CASE WHEN rows_written > 0 THEN day END), MAX(CASE WHEN rows_written > 0 THEN day + 1 END),
    SUM(rows_written), NULL, NULL, SUM(seconds)
FROM (
    SELECT mart_name, day, rows_written, seconds / COUNT(*) OVER (PARTITION BY build_id, mart_name) AS seconds
    FROM etl.mart_builds
) AS builds
GROUP BY mart_name
"""


@contextmanager
def connect(stack: state_dir.StateDir) -> Iterator[Connection]:
    """A connection to the local Redshift, in autocommit. Raises ForeignServerError."""
    ownership.check(stack, "redshift")
    connection = redshift_connector.connect(
        host=state_dir.HOST,
        port=stack.ports["redshift"],
        database=state_dir.DATABASE,
        user=state_dir.DATABASE_USER,
        password=stack.secrets["redshift"],
        ssl=False,
    )
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()


def query(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]


def tables(stack: state_dir.StateDir) -> list[tuple[object, ...]]:
    """A row of COLUMNS for each table: the window is that of loads with rows, the numbers are those of all loads."""
    summary: list[tuple[object, ...]] = []
    with connect(stack) as connection:
        loads = {row[0]: row[1:] for row in [*query(connection, _LOADS), *query(connection, _BUILDS)]}
        for (table,) in query(connection, _TABLES):
            schema, name = table.split(".")
            count = query(connection, f'SELECT COUNT(*) FROM "{schema}"."{name}"')[0][0]
            first, last, *changes, seconds = loads.get(table, (None,) * 6)
            whole = (None if change is None else int(change) for change in changes)
            summary.append((table, count, _span(first, last), *whole, None if seconds is None else float(seconds)))
    return summary


def _span(first: Any, last: Any) -> str | None:
    if first is None:
        return None
    # Windows are half-open; the last day in the window is shown.
    return f"{str(first)[:10]} … {str(last - timedelta(days=1))[:10]}"
