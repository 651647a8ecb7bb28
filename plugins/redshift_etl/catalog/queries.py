"""The statements of the Warehouse page. Pure. Each reads one of the pipelines' own tables, or one system view."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from redshift_etl.contracts.mart import Mart
from redshift_etl.incidents import table_store
from redshift_etl.marts import build
from redshift_etl.warehouse.history import LOADS
from redshift_etl.warehouse.statement import Statement, text

LOADS_SHOWN = 30
HISTORY_SHOWN = 400  # a year of daily loads, and some
INCIDENTS_SHOWN = 200
FAILURES_SHOWN = 20

_LOAD = (
    "table_name, load_kind, committed_at, seconds, window_start, window_end, dag_id, run_id, "
    "inserted, updated, unchanged, deleted, superseded, rejected, rows_after, marked_deleted"
)
_BUILD = (
    "mart_name, MAX(built_at) AS built_at, MAX(seconds) AS seconds, MIN(day) AS first_day, MAX(day) AS last_day, "
    "MAX(dag_id) AS dag_id, MAX(run_id) AS run_id, SUM(rows_written) AS rows_written, COUNT(*) AS days"
)
_BUILD_NAMES = "mart_name, built_at, seconds, first_day, last_day, dag_id, run_id, rows_written, days"


def last_loads() -> Statement:
    """The newest loads of every table."""
    return Statement(
        "read the last loads",
        f"""SELECT {_LOAD} FROM (
    SELECT {_LOAD}, ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY committed_at DESC, load_id DESC) AS position
    FROM etl.load_history WHERE {LOADS}
) AS numbered
WHERE position <= {LOADS_SHOWN} ORDER BY table_name, position""",
    )


def last_builds() -> Statement:
    """The newest builds of every mart, the days of one build together."""
    return Statement(
        "read the last builds",
        f"""SELECT {_BUILD_NAMES} FROM (
    SELECT {_BUILD_NAMES}, ROW_NUMBER() OVER (PARTITION BY mart_name ORDER BY built_at DESC, build_id DESC) AS position
    FROM (SELECT build_id, {_BUILD} FROM etl.mart_builds GROUP BY build_id, mart_name) AS builds
) AS numbered
WHERE position <= {LOADS_SHOWN} ORDER BY mart_name, position""",
    )


def mart_rows() -> Statement:
    """The rows of every mart: the sum of the last build of each of its days."""
    return Statement(
        "count the rows of the marts",
        """SELECT mart_name, SUM(rows_written) FROM (
    SELECT mart_name, rows_written, ROW_NUMBER() OVER (PARTITION BY mart_name, day ORDER BY built_at DESC) AS position
    FROM etl.mart_builds
) AS numbered
WHERE position = 1 GROUP BY mart_name""",
    )


def stale_days(marts: Sequence[Mart]) -> Statement:
    """How many days of each mart are stale."""
    counts = [build.stale_days(mart) for mart in marts]
    text = "\nUNION ALL\n".join(
        f"SELECT CAST(%s AS VARCHAR(128)), COUNT(*) FROM (\n{count.sql}\n) AS stale" for count in counts
    )
    values = [
        value for mart, count in zip(marts, counts, strict=True) for value in (mart.contract.table, *count.values)
    ]
    return Statement("count the stale days", text, tuple(values))


def sizes() -> Statement:
    """An estimate of the rows, and the size in MB, of every table that has rows.

    Not ``tbl_rows``, which counts deleted rows until VACUUM removes them
    (https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLE_INFO.html).
    """
    return Statement("read the sizes", 'SELECT "schema", "table", estimated_visible_rows, size FROM svv_table_info')


def last_checks(since: datetime) -> Statement:
    """The last outcome of every check that ran since a time (UTC, naive)."""
    return _last_outcomes("checked_at >= %s", since, description=text("", 1))


def incidents(since: datetime) -> Statement:
    """Every open incident, and those opened since a time (UTC, naive)."""
    return Statement(
        "read the incidents",
        f"SELECT {', '.join(table_store.COLUMNS)} FROM {table_store.TABLE}\n"
        f"WHERE resolved_at IS NULL OR opened_at >= %s ORDER BY opened_at DESC LIMIT {INCIDENTS_SHOWN}",
        (since,),
    )


def loads_of(table: str) -> Statement:
    """The loads of one table, newest first."""
    return Statement(
        "read the loads",
        f"SELECT {_LOAD} FROM etl.load_history WHERE table_name = %s\n"
        f"ORDER BY committed_at DESC, load_id DESC LIMIT {HISTORY_SHOWN}",
        (table,),
    )


def builds_of(table: str) -> Statement:
    """The builds of one mart, newest first."""
    return Statement(
        "read the builds",
        f"SELECT {_BUILD} FROM etl.mart_builds WHERE mart_name = %s\n"
        f"GROUP BY build_id, mart_name ORDER BY 2 DESC LIMIT {HISTORY_SHOWN}",
        (table,),
    )


def checks_of(table: str) -> Statement:
    """The last outcome of every check of one table, of any age."""
    return _last_outcomes("table_name = %s", table, description="description")


def _last_outcomes(condition: str, value: object, *, description: str) -> Statement:
    return Statement(
        "read the last checks",
        f"""SELECT table_name, check_name, severity, outcome, failing_rows, checked_at, {description} FROM (
    SELECT table_name, check_name, severity, outcome, failing_rows, checked_at, description,
        ROW_NUMBER() OVER (PARTITION BY table_name, check_name ORDER BY checked_at DESC) AS position
    FROM etl.check_results WHERE {condition}
) AS numbered
WHERE position = 1 ORDER BY table_name, check_name""",
        (value,),
    )


def failures_of(table: str) -> Statement:
    """The last rows that failed a check of one table."""
    return Statement(
        "read the failed rows",
        "SELECT check_name, severity, row_key, reason, failed_at FROM etl.check_failures WHERE table_name = %s\n"
        f"ORDER BY failed_at DESC, check_name, row_number LIMIT {FAILURES_SHOWN}",
        (table,),
    )
