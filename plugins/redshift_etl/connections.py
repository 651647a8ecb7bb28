"""Airflow connections that are not there, or whose environment variable cannot be read.

Airflow takes a variable ``AIRFLOW_CONN_…`` that it cannot read for one that is not set, and reads a URI whose password
has a ``/`` as one of another host. Its own messages of both have parts of the password, so they are not shown.
"""

from __future__ import annotations

import json
import os
import re

from redshift_etl.errors import ConfigError

_SPECIAL = re.compile(r"[/?#\[\]]")
_FIX = (
    "percent-encode each special character of the login and password (@ is %40, / is %2F, # is %23, ? is %3F, % is "
    '%25), or write it as JSON: {"conn_type": …, "login": …, "password": …, "host": …}'
)


def no_connection(conn_id: str) -> ConfigError:
    """The error of a task whose Airflow connection is missing, or not readable."""
    return unreadable(conn_id) or ConfigError(
        "The Airflow connection is not configured.",
        fix=f"add it in Admin > Connections, or set {_variable(conn_id)}",
        connection=conn_id,
    )


def unreadable(conn_id: str) -> ConfigError | None:
    """The error of a connection whose environment variable Airflow cannot read; None for any other."""
    from airflow.sdk import Connection

    text = os.environ.get(_variable(conn_id), "")
    if not text:
        return None
    try:
        Connection.from_json(text, conn_id) if text.lstrip().startswith("{") else Connection.from_uri(text, conn_id)
    except Exception as error:  # noqa: BLE001 — whatever Airflow's parser raises: it has read no connection
        return _not_read(conn_id, text, error)
    return None


def _not_read(conn_id: str, text: str, error: Exception) -> ConfigError:
    where = {"connection": conn_id, "variable": _variable(conn_id)}
    if not text.lstrip().startswith("{"):
        return not_encoded(conn_id) or ConfigError(
            "The environment variable of the Airflow connection is not a URI.",
            fix="write type://login:password@host:port/schema, with a number for the port",
            **where,
        )
    if isinstance(error, json.JSONDecodeError):
        what = f"The environment variable of the Airflow connection is not JSON: {error}."
        return ConfigError(what, fix="correct it, or write it as a URI", **where)
    known = ("conn_type", "login", "password", "host", "port", "schema", "extra", "description")
    what = f"The environment variable of the Airflow connection has a key or value that it cannot have: {error}."
    return ConfigError(what, fix=f"the keys are {', '.join(known)}; the port is a number", **where)


def not_encoded(conn_id: str, effect: str = "") -> ConfigError | None:
    """The error of a connection's URI whose login or password has a character that ends it; None for any other."""
    _, found, rest = os.environ.get(_variable(conn_id), "").partition("://")
    credentials, at, _ = rest.rpartition("@")
    if not (found and at and _SPECIAL.search(credentials)):
        return None
    return ConfigError(
        f"The login or password in the URI of the Airflow connection is not percent-encoded{effect}.",
        fix=_FIX,
        connection=conn_id,
        variable=_variable(conn_id),
    )


def of_another_host(conn_id: str) -> ConfigError | None:
    """The same, of a connection that Airflow could read, and by which nothing was reached."""
    return not_encoded(conn_id, ", and a part of it was taken for the host")


def _variable(conn_id: str) -> str:
    return f"AIRFLOW_CONN_{conn_id.upper()}"
