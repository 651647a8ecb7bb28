"""The wire protocol: drivers, cursors, cancelling, disconnecting clients, many connections, broken messages."""

import contextlib
import os
import random
import select
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import psycopg2
import pytest
from redshift_connector.error import ProgrammingError

from local_redshift.protocol.messages import CANCEL_REQUEST
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer


def raw(redshift: Connection) -> tuple[psycopg.Connection[Any], socket.socket]:
    """Return a psycopg connection and a duplicate of its socket, to send broken messages after the login."""
    connection = redshift.psycopg(autocommit=True)
    return connection, socket.socket(fileno=os.dup(connection.pgconn.socket))


def alive(redshift: Connection) -> bool:
    with redshift.psycopg() as connection:
        return connection.execute("select 1").fetchone() == (1,)


def test_all_drivers_connect_and_bind_parameters(empty_redshift: Connection) -> None:
    with empty_redshift.connect() as rs:
        cursor = rs.cursor()
        cursor.execute("select %s::int + 1, %s::varchar, version()", (41, "한글"))
        row = cursor.fetchone()
        assert row[:2] == [42, "한글"]
        assert "Redshift 1.0" in row[2]
    with psycopg2.connect(empty_redshift.dsn()) as p2, p2.cursor() as cursor:
        cursor.execute("select %s + 1, %s", (41, "a\\b'c"))
        assert cursor.fetchone() == (42, "a\\b'c")
        assert p2.server_version == 80002
    with empty_redshift.psycopg() as p3:
        assert p3.execute("select %s::int + 1, %s::varchar", (41, "a\\b'c")).fetchone() == (42, "a\\b'c")
        assert p3.execute("show server_version").fetchone() == ("8.0.2",)


def test_server_side_cursors_and_fetch(empty_redshift: Connection) -> None:
    with empty_redshift.psycopg() as p3:
        p3.execute("create table t as select row_number() over () as n from pg_attribute limit 500")
        with p3.cursor("named") as cursor:
            cursor.execute("select n from t order by n")
            assert [row[0] for row in cursor.fetchmany(3)] == [1, 2, 3]
        p3.execute("declare c cursor for select n from t order by n")
        assert p3.execute("fetch forward 2 from c").fetchall() == [(1,), (2,)]
        p3.execute("close c")


def test_named_statements_of_special_commands_and_pipelines(empty_redshift: Connection) -> None:
    with empty_redshift.psycopg(autocommit=True, prepare_threshold=0) as p3:
        p3.execute("create table t (a int) distkey(a)", prepare=True)
        for _ in range(3):
            p3.execute("insert into t values (%s)", (1,), prepare=True)
            p3.execute("analyze t", prepare=True)
        with p3.pipeline():
            p3.execute("insert into t values (2)")
            counted = p3.execute("select count(*) from t")
        assert counted.fetchone() == (4,)


def test_an_error_in_a_batch_skips_to_its_end(empty_redshift: Connection) -> None:
    with empty_redshift.psycopg(autocommit=True) as p3:
        with pytest.raises(psycopg.Error), p3.pipeline():  # noqa: PT012 - the pipeline raises at its end
            p3.execute("create index i on t (a)")
            p3.execute("create table after (a int)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            p3.execute("select * from after")


def test_interval_is_right_with_libpq_and_refused_with_redshift_connector(empty_redshift: Connection) -> None:
    with empty_redshift.psycopg() as p3:
        assert p3.execute("select interval '1 day'").fetchone() == (timedelta(days=1),)
    with empty_redshift.connect() as rs:
        cursor = rs.cursor()
        with pytest.raises(ProgrammingError, match="INTERVAL"):
            cursor.execute("select interval '1 day'")
        with pytest.raises(ProgrammingError, match="25P02"):
            cursor.execute("select 1")
        rs.rollback()
        cursor.execute("select interval '1 day'::varchar")
        assert cursor.fetchone() == ["1 day"]


def test_cancel_request_ends_a_statement(empty_redshift: Connection) -> None:
    with empty_redshift.psycopg(autocommit=True) as p3:
        p3.execute("create table big as select a.attnum from pg_attribute a, pg_attribute b limit 2000000")
        timer = threading.Timer(0.3, p3.cancel)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            p3.execute("select count(*) from big a, big b")
        assert p3.execute("select 1").fetchone() == (1,)


def test_a_cancel_request_with_a_wrong_key_ends_no_statement(empty_redshift: Connection) -> None:
    running = "select state from pg_stat_activity where pid = %s and query like '%%count%%'"
    with empty_redshift.psycopg(autocommit=True) as p3, empty_redshift.psycopg(autocommit=True) as other:
        p3.execute("set statement_timeout to 30000")  # or a cancel request that fails would keep the test from ending
        p3.execute("create table big as select a.attnum from pg_attribute a, pg_attribute b limit 2000000")
        pid = p3.info.backend_pid
        with ThreadPoolExecutor(1) as pool:
            statement = pool.submit(p3.execute, "select count(*) from big a, big b")
            while other.execute(running, [pid]).fetchone() != ("active",):
                time.sleep(0.01)
            for key in (0, 1, 2**32 - 1):
                with socket.create_connection((empty_redshift.host, empty_redshift.port), timeout=5) as client:
                    client.sendall(struct.pack("!IIII", 16, CANCEL_REQUEST, pid, key))
                    assert client.recv(100) == b""
            time.sleep(0.2)
            assert other.execute(running, [pid]).fetchone() == ("active",)
            p3.cancel()
            with pytest.raises(psycopg.errors.QueryCanceled):
                statement.result(20)


def test_a_client_that_disconnects_leaves_no_lock(empty_redshift: Connection) -> None:
    with empty_redshift.psycopg(autocommit=True) as setup:
        setup.execute("create table t (a int)")
    connection, twin = raw(empty_redshift)
    connection.execute("begin")
    connection.execute("insert into t values (1)")
    twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.pgconn.finish()
    twin.close()
    with empty_redshift.psycopg(autocommit=True) as other:
        other.execute("set statement_timeout to 10000")
        other.execute("insert into t values (2)")
        assert other.execute("select a from t").fetchall() == [(2,)]


def test_a_client_that_disconnects_during_a_result_stops_the_statement(empty_redshift: Connection) -> None:
    connection, twin = raw(empty_redshift)
    query = b"select a.attname, b.attname from pg_attribute a, pg_attribute b, pg_attribute c\0"
    twin.sendall(b"Q" + struct.pack("!I", 4 + len(query)) + query)
    select.select([twin], [], [], 20)
    running = (
        "select count(*) from pg_stat_activity "
        "where query like '%pg_attribute c' and state = 'active' and pid <> pg_backend_pid()"
    )
    with empty_redshift.psycopg(autocommit=True) as other:
        assert other.execute(running).fetchone() == (1,)
        connection.pgconn.finish()
        twin.close()
        deadline = time.monotonic() + 15
        while other.execute(running).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_fifty_connections_work_at_once(empty_redshift: Connection) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(empty_redshift.psycopg(autocommit=True)) for _ in range(50)]
        threads = [threading.Thread(target=lambda c=c: [c.execute("select 1") for _ in range(5)]) for c in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert [c.execute("select 1").fetchone() for c in connections] == [(1,)] * 50


def test_a_stuck_client_does_not_stop_others(empty_redshift: Connection) -> None:
    connection, twin = raw(empty_redshift)
    query = b"select repeat('x', 10000) from pg_attribute a, pg_attribute b\0"
    twin.sendall(b"Q" + struct.pack("!I", 4 + len(query)) + query)  # and never read
    assert alive(empty_redshift)
    connection.pgconn.finish()
    twin.close()


@pytest.mark.parametrize("sql", ["copy t from stdin", "copy t to stdout"])
def test_copy_through_the_connection_is_refused(empty_redshift: Connection, sql: str) -> None:
    with (
        psycopg2.connect(empty_redshift.dsn()) as p2,
        p2.cursor() as cursor,
        pytest.raises(psycopg2.errors.FeatureNotSupported),
    ):
        cursor.execute(sql)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (b"select '\xff'", "22021"),
        (b"select 1; " * 3 + b"selec", "42601"),
        (b"select '" + b"x" * (17 << 20) + b"'", "54000"),
    ],
)
def test_bad_statements_get_an_error_and_the_connection_goes_on(
    empty_redshift: Connection, statement: bytes, code: str
) -> None:
    with empty_redshift.psycopg(autocommit=True) as p3:
        result = p3.pgconn.exec_(statement)
        assert result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == code.encode()
        assert p3.execute("select 1").fetchone() == (1,)


def test_a_statement_of_sixteen_megabytes_and_ten_thousand_statements(empty_redshift: Connection) -> None:
    with empty_redshift.psycopg(autocommit=True, cursor_factory=psycopg.ClientCursor) as p3:
        text = "x" * ((16 << 20) - 100)
        assert p3.execute(f"select length('{text}')").fetchone() == (len(text),)
        cursor = p3.execute("select 1;" * 10_000)
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize(
    ("user", "password", "name", "code"),
    [("awsuser", "wrong", None, "28P01"), ("nobody_here", "x", None, "28P01"), (None, None, "missing", "3D000")],
)
def test_wrong_logins(
    empty_redshift: Connection, user: str | None, password: str | None, name: str | None, code: str
) -> None:
    dsn = psycopg.conninfo.make_conninfo(
        host=empty_redshift.host,
        port=empty_redshift.port,
        user=user or empty_redshift.user,
        password=password or empty_redshift.password,
        dbname=name or empty_redshift.database,
    )
    with pytest.raises(psycopg.OperationalError) as error:
        psycopg.connect(dsn)
    words = {"28P01": "password authentication failed", "3D000": "does not exist"}
    assert words[code] in str(error.value)


def test_a_missing_bucket_fails_the_copy_and_nothing_else(
    redshift_server: RedshiftServer, empty_redshift: Connection
) -> None:
    with empty_redshift.psycopg(autocommit=True) as p3:
        p3.execute("create table t (a int)")
        with pytest.raises(psycopg.Error, match="NoSuchBucket"):
            p3.execute(f"copy t from 's3://no-such-bucket/x' iam_role '{redshift_server.iam_role}' csv")
        assert p3.execute("select count(*) from t").fetchone() == (0,)


def test_random_bytes_do_not_stop_the_server(empty_redshift: Connection) -> None:
    rng = random.Random(1)
    for round_number in range(40):
        with socket.create_connection((empty_redshift.host, empty_redshift.port), timeout=5) as client:
            size = rng.choice([0, 1, 7, 8, 9, 100])
            client.sendall(
                rng.randbytes(size) if round_number % 2 else struct.pack("!II", size + 8, 196608) + rng.randbytes(size)
            )
    assert alive(empty_redshift)


def test_broken_messages_after_login_end_only_that_session(empty_redshift: Connection) -> None:
    rng = random.Random(2)
    kinds = b"QPBDECSHFXdcfpzA\0"
    for _ in range(40):
        connection, twin = raw(empty_redshift)
        body = rng.randbytes(rng.choice([0, 1, 4, 20]))
        length = rng.choice([0, 3, len(body) + 4, len(body) + 4, 1 << 30, 0xFFFFFFFF])
        with contextlib.suppress(OSError):
            twin.sendall(bytes([rng.choice(kinds)]) + struct.pack("!I", length) + body + b"S\0\0\0\4")
            twin.settimeout(0.05)
            twin.recv(1000)
        connection.pgconn.finish()
        twin.close()
    assert alive(empty_redshift)
