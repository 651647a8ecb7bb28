"""Opens connections to the warehouse by the name of an Airflow connection."""

from __future__ import annotations

import json
from typing import Any

from redshift_etl import __version__
from redshift_etl.warehouse.session import Connect

APPLICATION = f"redshift_etl {__version__}"


def warehouse(conn_id: str) -> Connect:
    """A function that opens a new connection to the warehouse, not in autocommit."""
    hook = _hook(conn_id)
    return lambda: _named(hook).get_conn()


def warehouse_at_once(conn_id: str) -> Connect:
    """The same without the hook's retries of 15 s, for callers that report a warehouse that is down."""
    hook = _hook(conn_id)
    once = type(hook).get_conn.retry_with(stop=lambda _: True)
    return lambda: once(_named(hook))


def _hook(conn_id: str) -> Any:
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    return RedshiftSQLHook(redshift_conn_id=conn_id)


def _named(hook: Any) -> Any:
    """The hook, whose connections have an application name, their own one if the Airflow connection's extra has it.

    STL_CONNECTION_LOG shows it. Without one redshift_connector 2.2 looks for the name of the module that connects, by
    `inspect.stack`, which in a process with Airflow's modules is longer than the connecting itself.
    """
    connection = hook.conn
    connection.extra = json.dumps({"application_name": APPLICATION, **connection.extra_dejson})
    return hook
