"""Servers with other settings: TLS by an authority of its own, isolation, a workgroup, an S3 that cannot be reached."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import psycopg2
import pytest
import redshift_connector
from redshift_connector.error import InterfaceError

from local_redshift.protocol import tls
from local_redshift.storage.processes import free_port
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer, beside

TlsServer = tuple[RedshiftServer, Path]
# In a process of its own: SSL_CERT_FILE is read from the environment when the driver makes its context.
_DEFAULT_SSL = """
import os, redshift_connector
with redshift_connector.connect(**{name: os.environ["TEST_" + name.upper()] for name in ("host", "user", "password",
        "database")}, port=int(os.environ["TEST_PORT"])) as connection:
    cursor = connection.cursor()
    cursor.execute("select 'x' || current_database()")
    print(type(connection._usock).__name__, cursor.fetchone()[0])
"""


def crossed_writes(redshift: Connection) -> tuple[psycopg.Connection[Any], psycopg.Connection[Any]]:
    """Two transactions that each read what the other writes; the first has committed."""
    one, other = redshift.psycopg(), redshift.psycopg()
    for connection, read, written in ((one, "t", "u"), (other, "u", "t")):
        connection.execute("set statement_timeout to 5000")
        connection.execute(f"select * from {read}").fetchall()
        connection.execute(f"insert into {written} values (1)")
    one.commit()
    return one, other


@pytest.fixture(scope="module")
def tls_server(redshift_server: RedshiftServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    """A server with TLS, and the folder of its certificates."""
    folder = tmp_path_factory.mktemp("tls")
    with beside(redshift_server, folder, tls_folder=str(folder / "certificates")) as server:
        yield server, folder / "certificates"


def test_tls_serves_redshift_connector_with_its_default_settings(
    tls_server: TlsServer, shared_redshift: Connection
) -> None:
    server, folder = tls_server
    where = {"host": "localhost", "port": str(server.port), "user": server.user, "password": server.password}
    env = {f"TEST_{key.upper()}": value for key, value in {**where, "database": shared_redshift.database}.items()}
    run = [sys.executable, "-c", _DEFAULT_SSL]
    trusting = {**os.environ, **env, "SSL_CERT_FILE": str(folder / "ca.pem")}
    done = subprocess.run(run, env=trusting, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"SSLSocket x{shared_redshift.database}\n", done.stderr
    trusting.pop("SSL_CERT_FILE")
    unknown = subprocess.run(run, env=trusting, capture_output=True, text=True, timeout=60, check=False)
    assert unknown.returncode == 1
    assert "certificate verify failed" in unknown.stderr


@pytest.mark.parametrize(
    ("host", "mode"), [("localhost", "verify-full"), ("127.0.0.1", "verify-full"), ("127.0.0.1", "require")]
)
def test_tls_serves_libpq(tls_server: TlsServer, shared_redshift: Connection, host: str, mode: str) -> None:
    server, folder = tls_server
    options: dict[str, Any] = {"sslmode": mode, "host": host, "port": server.port}
    if mode == "verify-full":
        options["sslrootcert"] = str(folder / "ca.pem")
    with psycopg.connect(shared_redshift.dsn(), autocommit=True, **options) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("select count(*) > 1000 from pg_attribute a, pg_class b").fetchone() == (True,)
        large = connection.execute("select repeat('x', 1000) from pg_attribute limit 3000").fetchall()
        assert len(large) == 3000
    psycopg2.connect(shared_redshift.dsn(), **options).close()


def test_tls_is_offered_not_imposed_and_another_authority_is_not_trusted(
    tls_server: TlsServer, shared_redshift: Connection, tmp_path: Path
) -> None:
    server, _ = tls_server
    with psycopg.connect(shared_redshift.dsn(), port=server.port, sslmode="disable") as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    tls.context(tmp_path)
    options: dict[str, Any] = {
        "host": "localhost",
        "port": server.port,
        "sslmode": "verify-full",
        "sslrootcert": tmp_path / "ca.pem",
    }
    with pytest.raises(psycopg.OperationalError, match="SSL error"):
        psycopg.connect(shared_redshift.dsn(), **options)


def test_the_key_of_tls_is_its_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        tls.context(tmp_path / "certificates")
    finally:
        os.umask(before)
    folder = tmp_path / "certificates"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with_key = [path for path in folder.iterdir() if "PRIVATE KEY" in path.read_text()]
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in with_key] == [("server.key", 0o600)]


def test_a_server_without_tls_reports_it_to_a_driver_that_requires_it(shared_redshift: Connection) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        psycopg.connect(shared_redshift.dsn(), sslmode="require")
    with pytest.raises(InterfaceError, match="SSL"):
        redshift_connector.connect(**{**shared_redshift.kwargs(), "ssl": True})


def test_snapshot_isolation_lets_crossed_writes_commit_and_serializable_does_not(
    redshift_server: RedshiftServer, empty_redshift: Connection, tmp_path: Path
) -> None:
    with empty_redshift.psycopg(autocommit=True) as setup:
        setup.execute("create table t (id int); create table u (id int)")
    one, other = crossed_writes(empty_redshift)
    with one, other:
        other.commit()
    with beside(redshift_server, tmp_path, isolation="SERIALIZABLE") as server:
        serializable = server.connection(empty_redshift.database)
        one, other = crossed_writes(serializable)
        with one, other, pytest.raises(psycopg.Error, match="1023"):
            other.commit()
        with serializable.psycopg(autocommit=True) as reader:
            assert reader.execute("select (select count(*) from t), (select count(*) from u)").fetchone() == (1, 2)
            assert reported_levels(reader) == ["Serializable", "Serializable"]


def reported_levels(connection: psycopg.Connection[Any]) -> list[str]:
    """The level of the current database as both views report it."""
    query = (
        "select trim(isolation_level) from stv_db_isolation_level where db_name = current_database() union all "
        "select database_isolation_level from svv_redshift_databases where database_name = current_database()"
    )
    return [row[0] for row in connection.execute(query)]


def test_a_database_has_a_level_of_its_own_until_it_is_altered(redshift_server: RedshiftServer) -> None:
    with redshift_server.connection(redshift_server.new_database()).psycopg(autocommit=True) as admin:
        assert reported_levels(admin) == ["Snapshot Isolation"] * 2
        admin.execute("create database leveled isolation level serializable")
        levels = "select trim(isolation_level) from stv_db_isolation_level where db_name = 'leveled'"
        assert admin.execute(levels).fetchall() == [("Serializable",)]
        leveled = redshift_server.connection("leveled")
        with leveled.psycopg(autocommit=True) as session:
            session.execute("create table t (id int)")
            session.execute("create table u (id int)")
            with pytest.raises(psycopg.errors.ObjectInUse, match="accessed by other users"):
                admin.execute("alter database leveled isolation level snapshot")
        one, other = crossed_writes(leveled)
        with one, other, pytest.raises(psycopg.Error, match="1023"):
            other.commit()
        one.close()
        other.close()
        with leveled.psycopg(autocommit=True) as session:
            session.execute("alter database leveled isolation level snapshot")
            assert reported_levels(session) == ["Snapshot Isolation"] * 2
        one, other = crossed_writes(leveled)
        with one, other:
            other.commit()
        redshift_server.drop_database("leveled")


@pytest.mark.parametrize("redshift", ["SERIALIZABLE"], indirect=True)
def test_the_level_of_the_database_survives_reset_all(redshift: Connection) -> None:
    with redshift.psycopg(autocommit=True) as setup:
        setup.execute("create table t (id int)")
        setup.execute("create table u (id int)")
    one, other = redshift.psycopg(), redshift.psycopg()
    with one, other:
        for connection, read, written in ((one, "t", "u"), (other, "u", "t")):
            connection.execute("reset all")
            connection.commit()
            connection.execute(f"select * from {read}").fetchall()
            connection.execute(f"insert into {written} values (1)")
        one.commit()
        with pytest.raises(psycopg.Error, match="1023"):
            other.commit()


@pytest.mark.slow
def test_an_s3_that_cannot_be_reached_fails_copy_and_unload_and_nothing_else(
    redshift_server: RedshiftServer, empty_redshift: Connection, tmp_path: Path
) -> None:
    role = redshift_server.iam_role
    unused_endpoint = f"http://127.0.0.1:{free_port()}"
    commands = (
        f"copy t from 's3://lake/x' iam_role '{role}' csv",
        f"copy t from 's3://lake/x.manifest' iam_role '{role}' csv manifest",
        f"unload ('select a from t') to 's3://lake/out/' iam_role '{role}'",
    )
    with (
        beside(redshift_server, tmp_path, s3_endpoint=unused_endpoint) as server,
        server.connection(empty_redshift.database).psycopg(autocommit=True) as connection,
    ):
        connection.execute("create table t (a int)")
        connection.execute("insert into t values (1)")
        for sql in commands:
            with pytest.raises(psycopg.Error, match="Could not connect to the endpoint") as error:
                connection.execute(sql)
            assert error.value.sqlstate == "XX000"
            assert "s3://lake/" in str(error.value)
            assert connection.execute("select a from t").fetchall() == [(1,)]
        connection.execute("begin")
        with pytest.raises(psycopg.Error, match="endpoint"):
            connection.execute(commands[0])
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("select 1")
        connection.execute("rollback")
