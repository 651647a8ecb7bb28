"""``etl.touched_days``: which days of a table each load touched."""

from __future__ import annotations

from collections.abc import Sequence

from redshift_etl.warehouse.statement import Statement


def insert_touched_days(table: str, load_id: str, days: str, values: Sequence[object] = ()) -> Statement:
    """Record the days that a SELECT of ``day`` returns; ``values`` are those that it binds."""
    return Statement(
        "record the days touched",
        "INSERT INTO etl.touched_days (table_name, day, load_id)\n"
        f"SELECT CAST(%s AS VARCHAR(128)), day, CAST(%s AS VARCHAR(32)) FROM (\n    {days}\n) AS days",
        (table, load_id, *values),
    )
