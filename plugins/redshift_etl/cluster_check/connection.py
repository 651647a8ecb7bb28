"""The connection: that there is one, its encryption, its time zone, and the database's isolation level."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from redshift_etl import settings
from redshift_etl.cluster_check.model import STATEMENT, Cluster, Result, failed, unknown, warning
from redshift_etl.warehouse.connect import warehouse_at_once
from redshift_etl.warehouse.session import Connect, StatementError, open_session
from redshift_etl.warehouse.statement import Statement, literal

_UTC = ("UTC", "ETC/UTC", "GMT", "UCT", "ZULU")
_PROBE_SECONDS = 10


def limited(connect: Connect) -> Connect:
    """Connections on which a statement that waits for too long is cancelled."""

    def opened() -> Any:
        """Open one and set its timeout (milliseconds)."""
        connection = connect()
        connection.cursor().execute(f"SET statement_timeout TO {STATEMENT.seconds * 1000}")
        connection.commit()
        return connection

    return opened


def configured() -> Connect:
    """Opens the connection ``redshift_default``; raises Airflow's error when there is none."""
    from airflow.sdk import BaseHook

    target = BaseHook.get_connection(settings.REDSHIFT)
    connect = warehouse_at_once(settings.REDSHIFT)

    def reachable() -> Any:
        """Fail in seconds where packets are dropped: the driver would wait for minutes."""
        if target.host:
            socket.create_connection((target.host, target.port or 5439), _PROBE_SECONDS).close()
        return connect()

    return limited(reachable)


def connection(cluster: Cluster) -> str:
    """Log in."""
    with open_session(cluster.connect, cluster.name) as session:
        query = Statement("read the version", "SELECT CURRENT_USER, CURRENT_DATABASE(), VERSION()")
        user, database, version = session.run(query)[0]
    return f"user {user}, database {database}, {str(version).split(' on ')[-1].split(', ')[-1]}"


def tls(cluster: Cluster) -> Result | str:
    """Whether the driver's socket is encrypted."""
    with open_session(cluster.connect, cluster.name) as session:
        used = getattr(session.connection, "_usock", None)
        if isinstance(used, ssl.SSLSocket):
            checked = used.context.verify_mode == ssl.CERT_REQUIRED
            if not checked:
                return warning(
                    f"{used.version()}, the certificate is not checked",
                    'Set {"sslmode": "verify-full"} in the extra of redshift_default.',
                )
            return f"{used.version()}, the certificate is checked"
    return warning("not encrypted", 'Remove "ssl": false from the extra of redshift_default.')


def time_zone(cluster: Cluster) -> Result | str:
    """Dates of TIMESTAMPTZ values depend on the session's zone; the pipelines count days in UTC."""
    with open_session(cluster.connect, cluster.name) as session:
        query = Statement("read the time zone", "SELECT CURRENT_SETTING('timezone'), CURRENT_USER")
        zone, user = session.run(query)[0]
    if str(zone).upper() in _UTC:
        return str(zone)
    fix = f"As a superuser: ALTER USER {user} SET timezone TO 'UTC'."
    return failed(f"{zone}, not UTC", fix)


def isolation_level(cluster: Cluster) -> Result | str:
    """SNAPSHOT is the default of new clusters: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html."""
    with open_session(cluster.connect, cluster.name) as session:
        database = session.value(Statement("read the database's name", "SELECT CURRENT_DATABASE()"))
        try:
            rows = session.run(
                Statement(
                    "read the isolation level",
                    "SELECT database_isolation_level FROM svv_redshift_databases "
                    f"WHERE database_name = {literal(str(database))}",
                )
            )
        except StatementError as error:
            return unknown(f"svv_redshift_databases is refused: {error.message}")
    level = str(rows[0][0]) if rows else "not in svv_redshift_databases"
    if level.lower().startswith("serializable"):
        return warning(
            level,
            f"Nobody else connected, as a superuser: ALTER DATABASE {database} ISOLATION LEVEL SNAPSHOT; "
            "until then loads repeat on error 1023.",
        )
    return level if rows else unknown(level)
