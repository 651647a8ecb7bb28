"""What the warehouse says about itself: which days of a mart are stale, and how each table was filled.

Read as anybody would, by redshift_connector and SQL, from `etl.load_history`, `etl.touched_days`, `etl.mart_builds`
and `etl.mart_inputs`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import redshift_connector
import yaml

from local.stack import state_dir

if TYPE_CHECKING:
    from datetime import date

_MARTS = state_dir.REPOSITORY / "include" / "sql" / "marts"

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


class Warehouse:
    """A connection to the local Redshift; close it after use."""

    def __init__(self, stack: state_dir.Home) -> None:
        self._connection = redshift_connector.connect(
            host=state_dir.HOST,
            port=stack.ports["redshift"],
            database=state_dir.DATABASE,
            user=state_dir.DATABASE_USER,
            password=stack.secrets["redshift"],
            ssl=False,
        )
        self._connection.autocommit = True

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def tables(self) -> set[str]:
        """Tables of the schemas core, etl and mart, as schema.table."""
        schemas = "('core', 'etl', 'mart')"
        return {name for (name,) in self.rows(_TABLES.replace("('core', 'mart')", schemas))}

    def stale_days(self) -> dict[str, list[date]]:
        """Days that a mart lacks, or has from older inputs than there are, by mart. Same rule as the marts' own DAG."""
        if not {"etl.touched_days", "etl.mart_inputs"} <= self.tables():
            return {}
        now: dict[str, dict[date, int]] = defaultdict(dict)
        for table, day, touches in self.rows(
            "SELECT table_name, day, COUNT(*) FROM etl.touched_days GROUP BY table_name, day"
        ):
            now[table][day] = touches
        built = {
            (mart, day, table): touches
            for mart, day, table, touches in self.rows(
                "SELECT mart_name, day, input_name, touches FROM etl.mart_inputs"
            )
        }
        stale = {}
        for mart, inputs in mart_inputs().items():
            common = set.intersection(*(set(now[table]) for table in inputs))
            days = [
                day for day in common if any(built.get((mart, day, table), 0) < now[table][day] for table in inputs)
            ]
            if days:
                stale[mart] = sorted(days)
        return stale

    def summary(self) -> list[tuple[object, ...]]:
        """Table, rows, window of the loads that had rows; inserted, updated, deleted and seconds of all its loads."""
        loads = {row[0]: row[1:] for row in [*self.rows(_LOADS), *self.rows(_BUILDS)]}
        summary: list[tuple[object, ...]] = []
        for (table,) in self.rows(_TABLES):
            schema, name = table.split(".")
            count = self.rows(f'SELECT COUNT(*) FROM "{schema}"."{name}"')[0][0]
            first, last, *changes, seconds = loads.get(table, (None,) * 6)
            whole = (None if change is None else int(change) for change in changes)
            summary.append((table, count, _span(first, last), *whole, None if seconds is None else float(seconds)))
        return summary


def mart_inputs() -> dict[str, list[str]]:
    """Input tables by mart, from the front matter of include/sql/marts."""
    marts = {}
    for path in sorted(_MARTS.glob("*.sql")):
        front = re.match(r"/\*(.*?)\*/", path.read_text(), re.DOTALL)
        inputs = (yaml.safe_load(front[1]) if front else {}).get("inputs")
        if inputs:
            marts[f"mart.{path.stem}"] = list(inputs)
    return marts


def _span(first: Any, last: Any) -> str | None:
    if first is None:
        return None
    # Windows are half-open: what is shown is the last day in it.
    return f"{str(first)[:10]} … {str(last - timedelta(days=1))[:10]}"
