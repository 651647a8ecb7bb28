"""The two PostgreSQL servers of a stack: who reaches which, and state folders of versions that had one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from local.stack import database, ports, state_dir
from local_redshift.storage import embedded_postgres
from tests.local.conftest import StartProgram, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def stack() -> Iterator[state_dir.StateDir]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path has at most 107 bytes
        created = state_dir.create(Path(folder) / "state", new_ports=True)
        yield created
        for server in created.servers.values():
            embedded_postgres.stop(server)


def start(server: embedded_postgres.Postgres) -> None:
    embedded_postgres.init(server)
    embedded_postgres.start(server)


def listeners(server: embedded_postgres.Postgres) -> list[tuple[str, int]]:
    process = embedded_postgres.server_process(server)
    assert process is not None
    own = [process, *process.children(recursive=True)]
    sockets = [it for one in own for it in one.net_connections("tcp") if it.status == psutil.CONN_LISTEN]
    return [(it.laddr[0], it.laddr[1]) for it in sockets]


def query(server: embedded_postgres.Postgres, name: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(embedded_postgres.dsn(server, name)) as connection:
        return connection.execute(sql.encode()).fetchall()


def test_the_server_of_the_warehouse_has_no_port_and_its_socket_is_its_owners(stack: state_dir.StateDir) -> None:
    start(stack.postgres)

    assert listeners(stack.postgres) == []
    folder = Path(stack.postgres.host)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.parent == stack.path
    assert database.accepts(stack.postgres)

    embedded_postgres.stop(stack.postgres)
    assert not folder.exists()


def test_databases_of_a_stack_that_had_one_server_are_moved_once(stack: state_dir.StateDir) -> None:
    old = embedded_postgres.Postgres(
        stack.postgres.data, ports.choose({}, check=True)["metadata"], stack.postgres.password
    )
    start(old)  # as an earlier version did
    with psycopg.connect(embedded_postgres.dsn(old, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE airflow LOGIN PASSWORD 'of the earlier version'")
        connection.execute("CREATE ROLE airline_reader LOGIN")
        connection.execute("CREATE DATABASE airflow OWNER airflow")
        connection.execute("CREATE DATABASE airline")
        connection.execute("CREATE DATABASE warehouse")
    with psycopg.connect(embedded_postgres.dsn(old, "airflow")) as connection:
        connection.execute("SET ROLE airflow; CREATE TABLE dag_run (id serial PRIMARY KEY, note text UNIQUE)")
        connection.execute("INSERT INTO dag_run (note) VALUES ('first'), ('한글')")
    with psycopg.connect(embedded_postgres.dsn(old, "airline")) as connection:
        connection.execute("CREATE TABLE flights (id int); INSERT INTO flights VALUES (7)")
        connection.execute("GRANT SELECT ON flights TO airline_reader")
    embedded_postgres.stop(old)

    for _ in range(2):
        start(stack.postgres)
        start(stack.metadata)
        database.prepare(stack)
        login = {"host": stack.metadata.host, "port": stack.metadata.port, "user": "airflow", "dbname": "airflow"}
        with psycopg.connect(**login, password=stack.secrets["airflow_database"]) as airflow:  # type: ignore[arg-type]
            rows = airflow.execute("SELECT id, note FROM dag_run ORDER BY id").fetchall()
            airflow.execute("INSERT INTO dag_run (note) VALUES ('third')")
            airflow.rollback()
        assert rows == [(1, "first"), (2, "한글")]
        assert query(stack.metadata, "airline", "SELECT id FROM flights") == [(7,)]
        names = "SELECT datname FROM pg_database WHERE datname !~ '^template' ORDER BY 1"
        assert query(stack.postgres, "postgres", names) == [("postgres",), ("warehouse",)]
        assert query(stack.metadata, "postgres", names) == [("airflow",), ("airline",), ("postgres",)]
        roles = "SELECT count(*) FROM pg_roles WHERE rolname IN ('airflow', 'airline_reader')"
        assert query(stack.postgres, "postgres", roles) == [(0,)]
        assert not list(stack.path.glob("*.dump"))
        embedded_postgres.stop(stack.postgres)
        embedded_postgres.stop(stack.metadata)


def test_a_move_that_was_killed_begins_anew(stack: state_dir.StateDir) -> None:
    start(stack.postgres)
    start(stack.metadata)
    with psycopg.connect(embedded_postgres.dsn(stack.postgres, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE airline")
    with psycopg.connect(embedded_postgres.dsn(stack.postgres, "airline")) as connection:
        connection.execute("CREATE TABLE flights (id int); INSERT INTO flights VALUES (7)")
    with psycopg.connect(embedded_postgres.dsn(stack.metadata, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE airline_moving")
    (stack.path / "airline.dump").write_text("half")

    database.prepare(stack)

    assert query(stack.metadata, "airline", "SELECT id FROM flights") == [(7,)]


def test_no_new_stack_has_the_metadata_where_users_of_the_warehouse_are(
    stack: state_dir.StateDir, start_program: StartProgram
) -> None:
    env = {**os.environ, "LOCAL_HOME": str(stack.path)}
    for service in stack.servers:
        start_program("-m", "local.stack.database", service, env=env)
    wait_for(lambda: database.accepts(stack.postgres) and database.accepts(stack.metadata))

    names = "SELECT datname FROM pg_database WHERE datname IN ('airflow', 'airline') ORDER BY 1"
    wait_for(lambda: query(stack.metadata, "postgres", names) == [("airflow",), ("airline",)])
    assert query(stack.postgres, "postgres", names) == []
    assert listeners(stack.metadata) == [("127.0.0.1", stack.metadata.port)]


# As a user without privileges, as root, and as root where user namespaces are not allowed; in a folder of a long path.
_PROGRAM = """
import pathlib, sys, psycopg
from local_redshift.storage import embedded_postgres
pg = embedded_postgres.Postgres(pathlib.Path(sys.argv[1]) / "pg", 5432, "it's a \\" password", private=True)
embedded_postgres.init(pg)
embedded_postgres.start(pg)
with psycopg.connect(embedded_postgres.dsn(pg, "postgres")) as connection:
    print(connection.execute("SELECT current_user").fetchone()[0], len(pg.host) < 100)
embedded_postgres.stop(pg)
"""


@pytest.mark.parametrize("name", ["short", "a folder, somebody's", "long" * 50])
@pytest.mark.parametrize("who", ["root", "without namespaces", "nobody"])
def test_a_private_server_starts_whoever_runs_it_and_wherever_its_data_is(who: str, name: str) -> None:
    if os.geteuid():
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory(prefix="private-") as parent:
        Path(parent).chmod(0o755)
        folder = Path(parent) / name
        folder.mkdir(mode=0o711)
        env = {**os.environ, "TMPDIR": parent, **({"PATH": parent} if who == "without namespaces" else {})}
        as_user = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--") if who == "nobody" else ()
        command = [*as_user, sys.executable, "-c", _PROGRAM, str(folder)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.stdout == "postgres True\n", done.stderr


def test_a_folder_of_somebody_else_is_not_used_for_the_socket(tmp_path: Path) -> None:
    server = embedded_postgres.Postgres(tmp_path / "pg", 5432, "password", private=True)
    embedded_postgres.init(server)
    Path(server.host).mkdir(mode=0o755)
    with pytest.raises(embedded_postgres.PostgresError, match="not a folder of this user alone"):
        embedded_postgres.start(server)
    Path(server.host).rmdir()
    Path(server.host).symlink_to(tmp_path)
    with pytest.raises(embedded_postgres.PostgresError, match="not a folder of this user alone"):
        embedded_postgres.start(server)
