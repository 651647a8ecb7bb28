"""What a source has, without its rows: counts by day, and when a file was last written. For reconciliation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from numbers import Number

from redshift_etl import settings
from redshift_etl.errors import ConfigError
from redshift_etl.extract import postgres
from redshift_etl.extract.postgres_errors import translated
from redshift_etl.lake.storage import Lake

_FILES = "include/sql/reconcile"


def count_by_day(conn_id: str, sql: str, start: datetime, end: datetime) -> dict[date, int]:
    """Run a SELECT of (day, rows) on a production PostgreSQL, read-only, with the window bound.

    Raises the errors of ``extract.postgres``.
    """
    with translated(conn_id, sql, _FILES), postgres.connect(conn_id) as connection:
        connection.read_only = True
        rows = connection.execute(sql, {"start": start, "end": end}).fetchall()
    if any(len(row) != 2 or type(row[0]) is not date or not isinstance(row[1], Number) for row in rows):
        raise ConfigError(
            "The SELECT of a comparison returns something else than days with their number of rows.",
            fix=f"correct it, in {_FILES}: SELECT CAST(… AS DATE), COUNT(*)",
            connection=conn_id,
            returned=rows[0],
        )
    return {day: int(number) for day, number in rows}


def file_changed(lake: Lake) -> Callable[[str], datetime]:
    """When a file of the landing zone was last written (UTC)."""
    landing = settings.landing()

    def last_modified(name: str) -> datetime:
        """Its Last-Modified."""
        entry = lake.head(landing, landing.key(name))
        return datetime.fromisoformat(entry.about["last_modified"]).astimezone(UTC)

    return last_modified
