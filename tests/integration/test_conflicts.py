"""What a retry of the whole transaction makes good: a conflict (1023), and an S3 that fails COPY or UNLOAD."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from local_redshift.testing.pytest_plugin import beside
from redshift_etl.errors import TransientError
from redshift_etl.warehouse import retry
from tests.integration.batches import LoadTarget
from tests.integration.connections import Observed
from tests.integration.writers import DAY3, WRITES, Write, of_one_level, things

__all__ = ["of_one_level", "things"]

CONFLICTS = {
    "mart": ("etl.mart_builds", f"INSERT INTO etl.touched_days VALUES ('core.things', '{DAY3}', 'other')"),
    "swap": (
        "etl.load_history",
        f"INSERT INTO etl_shadow.core__things__staged (id, version, name) VALUES (99, '{DAY3}', 'swap')",
    ),
}
"""What another transaction reads that the writer writes, and what it writes that the writer only reads."""


@pytest.mark.parametrize("target", ["SERIALIZABLE"], indirect=True)
@pytest.mark.parametrize("kind", CONFLICTS)
def test_a_transaction_that_loses_a_serializable_conflict_is_tried_again(of_one_level: LoadTarget, kind: str) -> None:
    prepare, table, states = WRITES[kind]
    write = prepare(of_one_level)
    read, other = CONFLICTS[kind]
    tries: list[int] = []

    def conflict() -> None:
        """Commit the other transaction first, once."""
        tries.append(1)
        if len(tries) > 1:
            return
        connection = of_one_level.connect()
        for sql in (f"SELECT COUNT(*) FROM {read}", other):
            connection.cursor().execute(sql)
        connection.commit()
        connection.close()

    write(lambda: Observed(of_one_level.connect(), [], conflict))
    assert len(tries) > 1
    column = "day" if kind == "mart" else "name"
    rows = of_one_level.rows(f"SELECT CAST(MAX({column}) AS VARCHAR(10)) FROM {table}")
    assert rows[0][0] in {newest for _, newest in states} - {"old"}


class FlakyS3(ThreadingHTTPServer):
    """Passes requests on to an S3, but answers those for some objects with 503, so many times."""

    def __init__(self, endpoint: str, failing: str, times: int) -> None:
        super().__init__(("127.0.0.1", 0), _FlakyS3Request)
        self.endpoint, self.failing, self.times = urlsplit(endpoint), failing, times


class _FlakyS3Request(BaseHTTPRequestHandler):
    server: FlakyS3

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.failing in self.path and self.server.times > 0:
            self.server.times -= 1
            self._reply(
                503, [], b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
            )
            return
        connection = http.client.HTTPConnection(self.server.endpoint.hostname or "", self.server.endpoint.port)
        connection.request(self.command, self.path, body, dict(self.headers))
        response = connection.getresponse()
        self._reply(response.status, response.getheaders(), response.read())
        connection.close()

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def flaky(target: LoadTarget, folder: Path, failing: str, times: int) -> Iterator[tuple[LoadTarget, FlakyS3]]:
    """The same warehouse over an S3 that fails, and that S3."""
    s3 = FlakyS3(target.server.s3_endpoint, failing, times)
    Thread(target=s3.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{s3.server_port}"
    try:
        with beside(target.server, folder, s3_endpoint=endpoint) as server:
            yield replace(target, server=server, database=server.connection(target.database.database)), s3
    finally:
        s3.shutdown()
        s3.server_close()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "failing"), [("upsert", "part.csv.zst"), ("retention", "archive")])
def test_a_copy_and_an_unload_that_s3_fails_are_tried_again(
    of_one_level: LoadTarget, tmp_path: Path, kind: str, failing: str
) -> None:
    prepare, table, states = WRITES[kind]
    write: Write = prepare(of_one_level)
    with flaky(of_one_level, tmp_path, failing, 4) as (other, s3):  # one more than the local Redshift itself tries
        write(other.connect)
    assert s3.times == 0
    rows = of_one_level.rows(f"SELECT COUNT(*), MAX(name) FROM {table}")
    assert rows[0] in states
    assert rows[0][1] != "old"


def test_an_s3_that_stays_away_is_an_error_that_airflow_tries_again(
    of_one_level: LoadTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "ATTEMPTS", 2)
    write = WRITES["upsert"][0](of_one_level)
    with (
        beside(of_one_level.server, tmp_path, s3_endpoint="http://127.0.0.1:1") as server,
        pytest.raises(TransientError, match="S3CurlException"),
    ):
        write(server.connection(of_one_level.database.database).connect)
    assert of_one_level.rows("SELECT COUNT(*), MAX(name) FROM core.things") == [(3, "old")]
