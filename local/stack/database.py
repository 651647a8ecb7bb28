"""The stack's PostgreSQL as a foreground program: start it, make its databases and roles, stop it on SIGTERM.

python -m local.stack.database in the state directory of $LOCAL_HOME
"""

from __future__ import annotations

import signal
import sys
import time

import psycopg
from psycopg import sql

from local.stack import ownership, state_dir
from local_redshift.storage import embedded_postgres

AIRFLOW = "airflow"
AIRLINE = "airline"
_POLL_SECONDS = 0.5


def prepare(stack: state_dir.StateDir) -> None:
    """Create what is missing: role and database `airflow`, database `airline`. The local Redshift creates its own."""
    with psycopg.connect(embedded_postgres.dsn(stack.postgres, "postgres"), autocommit=True) as connection:
        role, password = sql.Identifier(AIRFLOW), sql.Literal(stack.secrets["airflow_database"])
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (AIRFLOW,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
        for database, owner in ((AIRFLOW, role), (AIRLINE, sql.Identifier(embedded_postgres.SUPERUSER))):
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), owner))
            # Users of the local Redshift neither see nor enter it.
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(AIRLINE), role))


def service_file(server: embedded_postgres.Postgres, database: str = AIRLINE) -> str:
    """The connection service file of libpq: with it `psql service=airline` is the sources' database, as its owner.

    Its values stand above PGHOST and the like; see https://www.postgresql.org/docs/18/libpq-pgservice.html.
    """
    values = {
        "host": embedded_postgres.HOST,
        "port": server.port,
        "user": embedded_postgres.SUPERUSER,
        "password": server.password,
        "dbname": database,
    }
    return "".join([f"[{AIRLINE}]\n", *(f"{name}={value}\n" for name, value in values.items())])


def is_ready(stack: state_dir.StateDir) -> bool:
    """Whether Airflow could log in to its database, on the stack's own server."""
    server = stack.postgres
    if not ownership.serves(stack, "postgres"):
        return False
    try:
        with psycopg.connect(
            host=embedded_postgres.HOST,
            port=server.port,
            user=AIRFLOW,
            password=stack.secrets["airflow_database"],
            dbname=AIRLINE,
            connect_timeout=2,
        ):
            return True
    except psycopg.OperationalError:
        return False


def main() -> int:
    """Run until SIGTERM, or until the server exits: then the exit code is 1, and the supervisor restarts both."""
    stack = state_dir.create(state_dir.default_path())
    signals: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda number, _frame: signals.append(number))
    embedded_postgres.init(stack.postgres)
    embedded_postgres.start(stack.postgres)
    prepare(stack)
    while not signals and embedded_postgres.is_running(stack.postgres):
        time.sleep(_POLL_SECONDS)
    embedded_postgres.stop(stack.postgres)
    return 0 if signals else 1


if __name__ == "__main__":
    sys.exit(main())
