"""The source of a history: a PostgreSQL table, its landing file, and an API over the same rows."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.faults.plan import Change
from tests.faults.tables import SOURCE, Kind

_VALUES = "VALUES (%(code)s, %(at)s, %(day)s, %(amount)s, %(name)s)"
_STATEMENTS = {
    "insert": f"INSERT INTO items (code, changed_at, day, amount, name) {_VALUES}",
    "blank": f"INSERT INTO items (code, changed_at, day, amount, name) {_VALUES}",
    "update": "UPDATE items SET changed_at = %(at)s, amount = %(amount)s WHERE code = %(code)s AND deleted_at IS NULL",
    "delete": "UPDATE items SET changed_at = %(at)s, deleted_at = %(at)s WHERE code = %(code)s AND deleted_at IS NULL",
    "remove": "DELETE FROM items WHERE code = %(code)s",
    "correct": "UPDATE items SET amount = %(amount)s WHERE code = %(code)s AND changed_at >= %(start)s",
}


class Source:
    """The table ``items`` of a database, and the windows of the kind that reads it."""

    def __init__(self, dsn: str, kind: Kind) -> None:
        self.dsn, self.kind = dsn, kind
        parts = conninfo_to_dict(dsn)
        names = {"host": "host", "port": "port", "login": "user", "password": "password", "schema": "dbname"}
        values = {"conn_type": "postgres", **{name: parts[part] for name, part in names.items()}}
        self.connection = json.dumps(values | {"port": int(str(parts["port"]))})
        with psycopg.connect(dsn) as connection:
            connection.execute(SOURCE)

    def apply(self, window: int, changes: Sequence[Change]) -> None:
        """Make the changes of a window, and commit."""
        with psycopg.connect(self.dsn) as connection:
            self._apply(connection, window, changes)

    @contextmanager
    def open_while(self, window: int, changes: Sequence[Change]) -> Iterator[None]:
        """Make the changes in a transaction that commits at the end of the block."""
        with psycopg.connect(self.dsn) as connection:
            self._apply(connection, window, changes)
            yield

    def _apply(self, connection: Any, window: int, changes: Sequence[Change]) -> None:
        start, share = self.kind.window(window).start, self.kind.period / 60
        for change in sorted(changes, key=lambda change: change.minute):
            at = (start + change.minute * share).replace(tzinfo=None, microsecond=0)
            code = f"k{change.item}{' ' if change.operation == 'blank' else ''}"
            values = {
                "code": code, "at": at, "day": at.date(), "amount": change.amount, "name": f"n{change.amount}",
                "start": start.replace(tzinfo=None),
            }  # fmt: skip
            connection.execute(_STATEMENTS[change.operation], values)

    def rows(self, columns: str, where: str = "code = rtrim(code)") -> list[tuple[Any, ...]]:
        """What it has now, without the keys that Redshift cannot tell apart."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(f"SELECT {columns} FROM items WHERE {where}").fetchall()

    def as_csv(self) -> bytes:
        """The landing file of a full refresh."""
        text = io.StringIO()
        rows = self.rows("code, amount, name")
        csv.writer(text, lineterminator="\n").writerows([("code", "amount", "name"), *sorted(rows)])
        return text.getvalue().encode()


@contextmanager
def api(source: Source) -> Iterator[str]:
    """The URL of a JSON API over the source's rows, served by a process of its own until the end of the block."""
    server = HTTPServer(("127.0.0.1", 0), _handler(source))
    child = os.fork()
    if child == 0:
        server.serve_forever()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        server.server_close()


def _handler(source: Source) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers for the days asked for; ``fail`` of the query makes it fail."""

        def do_GET(self) -> None:
            """A request."""
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            if query.get("fail") == "cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
                return
            status = int(query.get("fail", 200))
            body = json.dumps(answer(source, query)).encode() if status == 200 else b"busy"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


def answer(source: Source, query: dict[str, str]) -> dict[str, Any]:
    """The hours of the days asked for that have an item, the newest item of each."""
    first = datetime.fromisoformat(query["start_date"])
    end = datetime.fromisoformat(query["end_date"]) + timedelta(days=1)
    hours: dict[str, int] = {}
    for at, amount in sorted(source.rows("changed_at, amount")):
        if first <= at < end:
            hours[f"{at:%Y-%m-%dT%H:00}"] = amount
    return {"hourly": {"time": list(hours), "level": list(hours.values())}}
