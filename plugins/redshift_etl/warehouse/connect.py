"""Opens connections to the warehouse by the name of an Airflow connection."""

from __future__ import annotations

from typing import Any


def warehouse(conn_id: str) -> Any:
    """A function that opens a new connection to the warehouse, not in autocommit."""
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    return RedshiftSQLHook(redshift_conn_id=conn_id).get_conn


def warehouse_at_once(conn_id: str) -> Any:
    """The same without the hook's retries of 15 s, for callers that report a warehouse that is down."""
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    hook = RedshiftSQLHook(redshift_conn_id=conn_id)
    once = RedshiftSQLHook.get_conn.retry_with(stop=lambda _: True)
    return lambda: once(hook)
