"""Servers with other settings: TLS by an authority of its own, SNAPSHOT isolation, an S3 that does not answer."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import psycopg2
import pytest
import redshift_connector

from local_redshift.protocol import tls
from local_redshift.storage.processes import free_port
from local_redshift.testing.pytest_plugin import RedshiftServer, beside

# In a process of its own: SSL_CERT_FILE is read from the environment when the driver makes its context.
_DEFAULT_SSL = """
import os, redshift_connector
with redshift_connector.connect(**{name: os.environ["TEST_" + name.upper()] for name in ("host", "user", "password",
        "database")}, port=int(os.environ["TEST_PORT"])) as connection:
    cursor = connection.cursor()
    cursor.execute("select 'x' || current_database()")
    print(type(connection._usock).__name__, cursor.fetchone()[0])
"""


def crossed_writes(database):
    """Two transactions that each read what the other writes; the second one's commit is left to the caller."""
    one, other = database.psycopg(), database.psycopg()
    for connection, read, written in ((one, "t", "u"), (other, "u", "t")):
        connection.execute("set statement_timeout to 5000")
        connection.execute(f"select * from {read}").fetchall()
        connection.execute(f"insert into {written} values (1)")
    one.commit()
    return one, other


@pytest.fixture(scope="module")
def secure(redshift_server: RedshiftServer, tmp_path_factory: pytest.TempPathFactory):
    """A server with TLS, and the folder of its certificates."""
    folder = tmp_path_factory.mktemp("tls")
    with beside(redshift_server, folder, tls_folder=str(folder / "certificates")) as server:
        yield server, folder / "certificates"


def test_tls_serves_redshift_connector_with_its_default_settings(secure, database) -> None:
    server, folder = secure
    where = {"host": "localhost", "port": str(server.port), "user": server.user, "password": server.password}
    env = {f"TEST_{key.upper()}": value for key, value in {**where, "database": database.database}.items()}
    run = [sys.executable, "-c", _DEFAULT_SSL]
    trusting = {**os.environ, **env, "SSL_CERT_FILE": str(folder / "ca.pem")}
    done = subprocess.run(run, env=trusting, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"SSLSocket x{database.database}\n", done.stderr
    trusting.pop("SSL_CERT_FILE")
    unknown = subprocess.run(run, env=trusting, capture_output=True, text=True, timeout=60, check=False)
    assert unknown.returncode == 1
    assert "certificate verify failed" in unknown.stderr


@pytest.mark.parametrize(
    ("host", "mode"), [("localhost", "verify-full"), ("127.0.0.1", "verify-full"), ("127.0.0.1", "require")]
)
def test_tls_serves_libpq(secure, database, host, mode) -> None:
    server, folder = secure
    options = {"sslmode": mode, "host": host, "port": server.port}
    if mode == "verify-full":
        options["sslrootcert"] = str(folder / "ca.pem")
    with psycopg.connect(database.dsn(), autocommit=True, **options) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("select count(*) from pg_attribute a, pg_class b limit 1").fetchone()[0] > 1000
        large = connection.execute("select repeat('x', 1000) from pg_attribute limit 3000").fetchall()
        assert len(large) == 3000
    psycopg2.connect(database.dsn(), **options).close()


def test_tls_is_offered_not_imposed_and_another_authority_is_not_trusted(secure, database, tmp_path: Path) -> None:
    server, folder = secure
    with psycopg.connect(database.dsn(), port=server.port, sslmode="disable") as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert (folder / "server.key").stat().st_mode & 0o777 == 0o600
    tls.context(tmp_path)
    options = {"host": "localhost", "port": server.port, "sslmode": "verify-full", "sslrootcert": tmp_path / "ca.pem"}
    with pytest.raises(psycopg.OperationalError, match="SSL error"):
        psycopg.connect(database.dsn(), **options)


def test_a_server_without_tls_says_so_to_a_driver_that_wants_it(database) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        psycopg.connect(database.dsn(), sslmode="require")
    with pytest.raises(redshift_connector.InterfaceError, match="SSL"):
        redshift_connector.connect(**{**database.kwargs(), "ssl": True})


def test_snapshot_isolation_lets_crossed_writes_commit_and_serializable_does_not(
    redshift_server: RedshiftServer, empty, tmp_path: Path
) -> None:
    with empty.psycopg(autocommit=True) as setup:
        setup.execute("create table t (id int); create table u (id int)")
    one, other = crossed_writes(empty)
    with one, other, pytest.raises(psycopg.Error, match="1023"):
        other.commit()
    with beside(redshift_server, tmp_path, isolation="SNAPSHOT") as server:
        there = server.connection(empty.database)
        one, other = crossed_writes(there)
        with one, other:
            other.commit()
        with there.psycopg(autocommit=True) as reader:
            assert reader.execute("select (select count(*) from t), (select count(*) from u)").fetchone() == (1, 2)


def test_an_s3_that_does_not_answer_fails_copy_and_unload_and_nothing_else(
    redshift_server: RedshiftServer, empty, tmp_path: Path
) -> None:
    role = redshift_server.iam_role
    nobody = f"http://127.0.0.1:{free_port()}"
    commands = (
        f"copy t from 's3://lake/x' iam_role '{role}' csv",
        f"copy t from 's3://lake/x.manifest' iam_role '{role}' csv manifest",
        f"unload ('select a from t') to 's3://lake/out/' iam_role '{role}'",
    )
    with (
        beside(redshift_server, tmp_path, s3_endpoint=nobody) as server,
        server.connection(empty.database).psycopg(autocommit=True) as connection,
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
