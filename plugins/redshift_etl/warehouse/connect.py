"""Opens connections to the warehouse by the name of an Airflow connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from redshift_etl import __version__
from redshift_etl.connections import no_connection, of_another_host
from redshift_etl.errors import ConfigError, TransientError
from redshift_etl.warehouse.session import Connect

APPLICATION = f"redshift_etl {__version__}"
# Of the driver, and of OpenSSL; a handshake that is cut off names SSL too, and is tried again.
_TLS_SETTINGS = ("Server refuses SSL", "CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")


def warehouse(conn_id: str) -> Connect:
    """A function that opens a new connection to the warehouse, not in autocommit."""
    hook = _hook(conn_id)
    return lambda: _open(hook, type(hook).get_conn)


def warehouse_at_once(conn_id: str) -> Connect:
    """The same without the hook's retries of 15 s, for callers that report a warehouse that is down."""
    hook = _hook(conn_id)
    once = type(hook).get_conn.retry_with(stop=lambda _: True)
    return lambda: _open(hook, once)


def _hook(conn_id: str) -> Any:
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    return RedshiftSQLHook(redshift_conn_id=conn_id)


def _open(hook: Any, get_conn: Callable[[Any], Any]) -> Any:
    """A new connection. Raises ConfigError where the settings of the Airflow connection are why there is none."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    conn_id = hook.redshift_conn_id
    try:
        return get_conn(_named(hook))
    except AirflowNotFoundException as error:
        raise no_connection(conn_id) from error
    except TypeError as error:
        what = f"The extra of the Airflow connection has a setting that the driver does not have: {error}."
        raise ConfigError(what, fix="correct its extra", connection=conn_id) from error
    except Exception as error:
        if any(text in str(error) for text in _TLS_SETTINGS):
            fix = 'correct its extra, e.g. {"ssl": false} for a server without TLS, and sslmode'
            what = f"The warehouse, or its driver, refuses TLS: {error}."
            raise ConfigError(what, fix=fix, connection=conn_id) from error
        cause = _cause(error)
        if isinstance(cause, OSError):
            raise of_another_host(conn_id) or _not_reached(hook, cause) from error
        raise


def _not_reached(hook: Any, cause: OSError) -> TransientError:
    return TransientError(
        f"The warehouse cannot be reached: {cause}.",
        fix="it is tried again; if it lasts, check host and port of the connection, the cluster and the network",
        connection=hook.redshift_conn_id,
        host=hook.conn.host,
        port=hook.conn.port,
    )


def _cause(error: Exception) -> object:
    """What the driver wraps: its errors of the network have the socket's as their last argument."""
    return error.args[-1] if error.args and not isinstance(error, OSError) else error


def _named(hook: Any) -> Any:
    """The hook, whose connections have an application name, their own one if the Airflow connection's extra has it.

    STL_CONNECTION_LOG shows it. Without one redshift_connector 2.2 looks for the name of the module that connects, by
    `inspect.stack`, which with Airflow's modules takes seven times as long as the first connection itself.
    """
    connection = hook.conn
    connection.extra = json.dumps({"application_name": APPLICATION, **connection.extra_dejson})
    return hook
