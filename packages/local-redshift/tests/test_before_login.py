"""Clients that are not logged in: what they may send, for how long and how many of them, and that others are served."""

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from local_redshift.protocol.messages import GSS_REQUEST, SSL_REQUEST, startup
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer, beside

pytestmark = pytest.mark.slow

_MIB = 1 << 20
_STARTUP = startup({"user": "nobody_here", "database": "warehouse"})
Connect = Callable[[RedshiftServer], socket.socket]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes TCP connections, which are closed after the test."""
    with contextlib.ExitStack() as stack:

        def connected(server: RedshiftServer) -> socket.socket:
            return stack.enter_context(socket.create_connection((server.host, server.port), timeout=20))

        yield connected


def answer(client: socket.socket) -> bytes:
    """All that the server sends until it ends the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1000):
            parts.append(part)
    return b"".join(parts)


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        while part := client.recv(1000):
            pass
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    return bool(part)


def seconds_to_log_in(connection: Connection) -> float:
    """The longest of three logins and queries of a client that has a password."""
    times = []
    for _ in range(3):
        started = time.monotonic()
        with connection.psycopg(connect_timeout=10) as session:
            assert session.execute("select 1").fetchone() == (1,)
        times.append(time.monotonic() - started)
    return max(times)


def open_after(clients: list[socket.socket], expected: int, seconds: float) -> int:
    """How many connections are open once it is the expected number, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while (number := sum(map(is_open, clients))) > expected and time.monotonic() < deadline:
        time.sleep(0.1)
    return number


@pytest.mark.parametrize("first", [_STARTUP, b""], ids=["start-up packets", "silent"])
def test_a_flood_of_connections_that_do_not_log_in_stops_nobody(
    redshift_server: RedshiftServer, shared_redshift: Connection, connect: Connect, first: bytes
) -> None:
    clients = []
    for _ in range(300 if not first else 230):
        clients.append(connect(redshift_server))
        clients[-1].sendall(first)

    assert seconds_to_log_in(shared_redshift) < 3

    assert (
        open_after(clients, redshift_server.config.max_pending_logins, 5) <= redshift_server.config.max_pending_logins
    )
    with psycopg.connect(redshift_server.config.admin()) as admin:
        query = "select count(*) from pg_stat_activity where state is null and backend_type = 'client backend'"
        [waiting] = admin.execute(query).fetchone() or [None]
    assert waiting is not None
    assert waiting <= redshift_server.config.max_pending_logins


def test_a_session_is_not_closed_by_a_flood(
    redshift_server: RedshiftServer, shared_redshift: Connection, connect: Connect
) -> None:
    with shared_redshift.psycopg(autocommit=True) as session:
        for _ in range(2 * redshift_server.config.max_pending_logins):
            connect(redshift_server).sendall(_STARTUP)
        assert session.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("first", [b"", b"\0\0", _STARTUP], ids=["silent", "half a length", "no password"])
def test_a_client_that_does_not_log_in_is_disconnected(
    redshift_server: RedshiftServer, connect: Connect, tmp_path: Path, first: bytes
) -> None:
    with beside(redshift_server, tmp_path, login_seconds=0.5) as server:
        client = connect(server)
        client.sendall(first)
        started = time.monotonic()
        answer(client)
        assert 0.3 < time.monotonic() - started < 10


def test_a_client_that_has_logged_in_may_be_silent_for_longer(
    redshift_server: RedshiftServer, shared_redshift: Connection, tmp_path: Path
) -> None:
    with (
        beside(redshift_server, tmp_path, login_seconds=0.5) as server,
        server.connection(shared_redshift.database).psycopg(autocommit=True) as session,
    ):
        time.sleep(0.8)
        assert session.execute("select 1").fetchone() == (1,)


def test_long_messages_before_the_login_take_no_memory(
    redshift_server: RedshiftServer, shared_redshift: Connection, connect: Connect
) -> None:
    process = psutil.Process(redshift_server.process.pid)
    before, grown = process.memory_info().rss, 0
    clients = [connect(redshift_server) for _ in range(12)]
    for client in clients:
        client.sendall(_STARTUP)
        with contextlib.suppress(OSError):  # it ends the connection
            client.sendall(b"p" + struct.pack("!I", 60 * _MIB))
            for _ in range(59):
                client.sendall(bytes(_MIB))
        grown = max(grown, process.memory_info().rss - before)

    assert grown < 40 * _MIB
    assert seconds_to_log_in(shared_redshift) < 3
    assert open_after(clients, 0, 5) == 0


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (struct.pack("!II", 2**31 - 1, 196608), b"invalid length of startup packet"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"invalid length of startup packet"),
        (struct.pack("!II", 8, SSL_REQUEST), b"N"),
        (struct.pack("!II", 8, 1234), b"unsupported frontend protocol"),
        (struct.pack("!IIII", 16, 80877102, 1, 2), b""),
        (_STARTUP + b"Q\0\0\0\x0dselect 1\0", b"expected"),
        (_STARTUP + b"p" + struct.pack("!I", 200 * _MIB), b"invalid message length"),
    ],
    ids=["2 GiB", "HTTP", "TLS", "version", "cancel with a wrong key", "Query", "200 MiB"],
)
def test_what_is_no_login_is_refused_and_others_are_served(
    redshift_server: RedshiftServer, shared_redshift: Connection, connect: Connect, sent: bytes, expected: bytes
) -> None:
    client = connect(redshift_server)
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)
    assert expected in answer(client)
    assert seconds_to_log_in(shared_redshift) < 3


@pytest.fixture(scope="module")
def tls_server(redshift_server: RedshiftServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedshiftServer]:
    """A server that offers TLS."""
    folder = tmp_path_factory.mktemp("tls")
    with beside(redshift_server, folder, tls_folder=str(folder / "certificates")) as server:
        yield server


@pytest.mark.parametrize(("request_code", "name"), [(SSL_REQUEST, b"SSL"), (GSS_REQUEST, b"GSSAPI encryption")])
@pytest.mark.parametrize("early", [_STARTUP, b"x"])
def test_bytes_in_clear_behind_a_request_for_encryption_are_refused(
    tls_server: RedshiftServer, connect: Connect, request_code: int, name: bytes, early: bytes
) -> None:
    client = connect(tls_server)
    client.sendall(struct.pack("!II", 8, request_code) + early)
    assert b"received unencrypted data after " + name in answer(client)


def test_tls_that_a_client_starts_and_does_not_finish_ends(
    redshift_server: RedshiftServer, connect: Connect, tmp_path: Path
) -> None:
    with beside(redshift_server, tmp_path, tls_folder=str(tmp_path / "certificates"), login_seconds=0.5) as server:
        client = connect(server)
        client.sendall(struct.pack("!II", 8, SSL_REQUEST))
        assert client.recv(1) == b"S"
        assert answer(client) == b""


def test_tls_is_not_started_inside_tls(tls_server: RedshiftServer, connect: Connect) -> None:
    client = connect(tls_server)
    client.sendall(struct.pack("!II", 8, SSL_REQUEST))
    assert client.recv(1) == b"S"
    context = ssl.create_default_context(cafile=f"{tls_server.config.tls_folder}/ca.pem")
    with context.wrap_socket(client, server_hostname="localhost") as encrypted:
        encrypted.sendall(struct.pack("!II", 8, SSL_REQUEST))
        assert b"unsupported frontend protocol" in encrypted.recv(1000)


def test_a_login_without_tls_is_refused_where_it_is_required(
    redshift_server: RedshiftServer, shared_redshift: Connection, tmp_path: Path
) -> None:
    settings = {"tls_folder": str(tmp_path / "certificates"), "require_ssl": True}
    with beside(redshift_server, tmp_path, **settings) as server:
        database = server.connection(shared_redshift.database)
        with pytest.raises(psycopg.OperationalError, match=r'database "test_\d+", SSL off'):
            database.psycopg(sslmode="disable")
        with database.psycopg(sslmode="require", autocommit=True) as session:
            assert session.execute("select 1").fetchone() == (1,)
            session.cancel()
