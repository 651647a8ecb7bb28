"""``etl.touched_days``: which days of a table each load touched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from redshift_etl.warehouse.statement import Statement


def insert_touched_days(table: str, load_id: str, days: str, window_days: Sequence[date] = ()) -> Statement:
    """Record the days that a SELECT of ``day`` returns, and those of the load's window, which are in a row.

    The window's own days count even if nothing changed: a re-run of a day rebuilds its marts, and a day without rows
    was loaded all the same.
    """
    values: tuple[object, ...] = ()
    if window_days:
        window, values = days_between(window_days[0], window_days[-1])
        days = f"{days}\n    UNION\n    {window}"
    return Statement(
        "record the days touched",
        "INSERT INTO etl.touched_days (table_name, day, load_id)\n"
        f"SELECT CAST(%s AS VARCHAR(128)), day, CAST(%s AS VARCHAR(32)) FROM (\n    {days}\n) AS days",
        (table, load_id, *values),
    )


_DIGIT = "(SELECT 0 AS n" + "".join(f" UNION ALL SELECT {digit}" for digit in range(1, 10)) + ")"
_PLACES = tuple(10**place for place in range(len(str((date.max - date.min).days))))


def days_between(first: date, last: date) -> tuple[str, tuple[object, ...]]:
    """A SELECT of each day from ``first`` to ``last``, and its values: of one length, however many days these are.

    Numbers from their decimal digits: a cluster's generate_series runs on the leader node alone and cannot be written
    to a table (https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-functions.html).
    """
    number = " + ".join(f"{place} * d{place}.n" for place in _PLACES)
    digits = "\n        CROSS JOIN ".join(f"{_DIGIT} AS d{place}" for place in _PLACES)
    # No digit by itself is more than the number of days: the other rows are never multiplied.
    bounds = " AND ".join(f"{place} * d{place}.n <= %s" for place in _PLACES)
    sql = f"""SELECT CAST(DATEADD(day, {number}, CAST(%s AS DATE)) AS DATE) AS day
    FROM {digits}
    WHERE {bounds} AND {number} <= %s"""
    return sql, (first, *((last - first).days,) * (len(_PLACES) + 1))
