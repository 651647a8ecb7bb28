"""A PostgreSQL of the stack as a foreground program: start it, make its databases and roles, stop it on SIGTERM.

python -m local.stack.database metadata|postgres      in the state directory of $LOCAL_HOME

`postgres` is behind the local Redshift, and its users share it. Airflow's metadata and the sources are on `metadata`,
so that they stay available, and out of reach, whatever a user of the local Redshift does.
"""

from __future__ import annotations

import signal
import sys
import time

import psycopg
from psycopg import sql

from local.stack import database_move, ownership, state_dir
from local_redshift.storage import embedded_postgres

AIRFLOW = "airflow"
AIRLINE = "airline"
_POLL_SECONDS = 0.5


def prepare(stack: state_dir.StateDir) -> None:
    """Create what is missing in `metadata`: role and database `airflow`, database `airline`."""
    with psycopg.connect(embedded_postgres.dsn(stack.metadata, "postgres"), autocommit=True) as connection:
        role, password = sql.Identifier(AIRFLOW), sql.Literal(stack.secrets["airflow_database"])
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (AIRFLOW,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
        owners = {AIRFLOW: AIRFLOW, AIRLINE: embedded_postgres.SUPERUSER}
        database_move.from_older_layout(stack, connection, owners)
        for database, owner in owners.items():
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                names = map(sql.Identifier, (database, owner))
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))


def service_file(server: embedded_postgres.Postgres, database: str = AIRLINE) -> str:
    """The connection service file of libpq: with it `psql service=airline` is the sources' database, as its owner.

    Its values stand above PGHOST and the like; see https://www.postgresql.org/docs/18/libpq-pgservice.html.
    """
    values = {
        "host": server.host,
        "port": server.port,
        "user": embedded_postgres.SUPERUSER,
        "password": server.password,
        "dbname": database,
    }
    return "".join([f"[{AIRLINE}]\n", *(f"{name}={value}\n" for name, value in values.items())])


def is_ready(stack: state_dir.StateDir) -> bool:
    """Whether Airflow could log in to its database, on the stack's own server."""
    if not ownership.serves(stack, "metadata"):
        return False
    try:
        with psycopg.connect(
            host=embedded_postgres.HOST,
            port=stack.metadata.port,
            user=AIRFLOW,
            password=stack.secrets["airflow_database"],
            dbname=AIRLINE,
            connect_timeout=2,
        ):
            return True
    except psycopg.OperationalError:
        return False


def accepts(server: embedded_postgres.Postgres) -> bool:
    """Whether its superuser could log in to a private server."""
    try:
        with psycopg.connect(embedded_postgres.dsn(server, "postgres"), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def main(service: str) -> int:
    """Run until SIGTERM, or until the server exits: then the exit code is 1, and the supervisor restarts both."""
    stack = state_dir.create(state_dir.default_path())
    server = stack.servers[service]
    signals: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda number, _frame: signals.append(number))
    embedded_postgres.init(server)
    embedded_postgres.start(server)
    if service == "metadata":
        prepare(stack)
    while not signals and embedded_postgres.is_running(server):
        time.sleep(_POLL_SECONDS)
    embedded_postgres.stop(server)
    return 0 if signals else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
