"""Faults of one try: the connections, clients and processes of a run that fail where its plan says.

Each fault that happens is noted in a file before it does, for some of them leave no time after.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redshift_connector
from botocore.awsrequest import AWSResponse

from redshift_etl.extract import postgres
from redshift_etl.lake.storage import Lake
from redshift_etl.transform.duckdb_process import DuckDB
from tests.faults.plan import COMMIT_FAULTS, INPUT_FAULTS, STATEMENT_FAULTS, Fault

LATE_SECONDS = 0.15
_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"  # PostgreSQL, "Message Formats": Query
_CONFLICT = {"S": "ERROR", "C": "XX000", "M": "1023 DETAIL: Serializable isolation violation on table in Redshift"}


@dataclass
class Injection:
    """The faults of a try, and how many statements, COMMITs and requests it has made."""

    faults: tuple[Fault, ...]
    noted: Path
    delete_staged: Callable[[str], None]
    statements: int = 0
    commits: int = 0
    left: dict[int, int] = field(default_factory=dict)

    def note(self, fault: Fault) -> None:
        """Write down that it happens now."""
        with self.noted.open("a") as file:
            file.write(fault.kind + "\n")

    def due(self, kinds: tuple[str, ...], at: int) -> Fault | None:
        """The fault of these kinds that happens at this point, if one is left."""
        for number, fault in enumerate(self.faults):
            left = self.left.setdefault(number, fault.times)
            if fault.kind in kinds and left and fault.at <= at < fault.at + fault.times:
                self.left[number] = left - 1
                return fault
        return None

    def take(self, kind: str) -> Fault | None:
        """The fault of that kind, wherever it is to happen."""
        return next((fault for fault in self.faults if fault.kind == kind), None)

    def connect(self, connect: Callable[[], Any]) -> Callable[[], Any]:
        """A function that opens connections which fail."""
        return lambda: Connection(connect(), self)


class Connection:
    """A connection of the warehouse that fails at the statements and COMMITs of the plan."""

    def __init__(self, connection: Any, injection: Injection) -> None:
        self.connection, self.injection, self.handed_over = connection, injection, False

    def cursor(self) -> Any:
        """A cursor whose statements are counted."""
        return Cursor(self.connection.cursor(), self)

    def before_statement(self, sql: str) -> None:
        """Fail if a fault is due."""
        injection = self.injection
        number, injection.statements = injection.statements, injection.statements + 1
        if sql.startswith("COPY") and (gone := injection.take("copy_file_gone")):
            injection.note(gone)
            injection.delete_staged(sql)
        fault = injection.due(STATEMENT_FAULTS, number)
        if fault is None:
            return
        injection.note(fault)
        if fault.kind in ("kill", "stop"):
            os.kill(os.getpid(), signal.SIGKILL if fault.kind == "kill" else signal.SIGSTOP)
        elif fault.kind == "cut":
            self.cut()
        else:
            self.connection.rollback()
            raise redshift_connector.ProgrammingError(_CONFLICT)

    def cut(self) -> None:
        """Close the socket."""
        self.connection._usock.shutdown(socket.SHUT_RDWR)

    def commit(self) -> None:
        """COMMIT, or what the plan makes of it."""
        if not self.connection.in_transaction:
            return
        number, self.injection.commits = self.injection.commits, self.injection.commits + 1
        fault = self.injection.due(COMMIT_FAULTS, number)
        if fault is None:
            self.connection.commit()
            return
        self.injection.note(fault)
        sending = self.connection._usock
        if fault.kind == "cut_after_commit":
            self.connection.commit()
            self.cut()
        elif fault.kind == "kill_in_commit":
            sending.sendall(_COMMIT)
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault.kind == "lost_reply":
            sending.sendall(_COMMIT)
            self._lose()
        else:
            threading.Thread(target=_send_late, args=(sending.dup(),)).start()
            self._lose()

    def _lose(self) -> None:
        """The client gets an error; the server is not told that it has."""
        self.handed_over = True
        raise redshift_connector.InterfaceError("connection reset by peer")

    def rollback(self) -> None:
        """ROLLBACK."""
        if self.handed_over:
            raise redshift_connector.InterfaceError("connection reset by peer")
        self.connection.rollback()

    def close(self) -> None:
        """Close, unless the network still delivers what was sent."""
        if self.handed_over:
            _KEPT.append(self.connection)
        else:
            self.connection.close()

    @property
    def autocommit(self) -> Any:
        """As the driver's."""
        return self.connection.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self.connection.autocommit = value


_KEPT: list[Any] = []


def _send_late(sending: socket.socket) -> None:
    time.sleep(LATE_SECONDS)
    sending.sendall(_COMMIT)


class Cursor:
    """A cursor whose statements may fail."""

    def __init__(self, cursor: Any, connection: Connection) -> None:
        self.cursor, self.owner = cursor, connection

    def execute(self, sql: str, values: Any = None) -> None:
        """Execute, unless a fault is due."""
        self.owner.before_statement(sql)
        self.cursor.execute(sql, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)


def break_lake(injection: Injection, lake: Lake) -> None:
    """S3 answers 503 at one request of the plan, and to its repetitions."""
    fault = injection.take("s3_unavailable")
    if fault is None:
        return
    seen = iter(range(1000))

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        """Of botocore's event: a response in place of the request."""
        if next(seen) < fault.at:
            return None
        injection.note(fault)
        return AWSResponse(request.url, 503, {}, _Raw())

    lake.client.meta.events.register("before-send.s3", answer)


class _Raw:
    """An empty body."""

    def stream(self) -> Any:
        """Of urllib3's response."""
        return iter(())


def break_source(injection: Injection, admin: str) -> None:
    """The server ends the session of the extract before its first statement."""
    fault = injection.take("source_lost")
    if fault is None:
        return
    plain = postgres.connect

    def connect(conn_id: str) -> Any:
        """A connection that is gone."""
        connection = plain(conn_id)
        injection.note(fault)
        with psycopg.connect(admin, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        return connection

    postgres.connect = connect


def break_transform(injection: Injection) -> None:
    """The DuckDB process is killed before one of its statements."""
    fault = injection.take("transform_lost")
    if fault is None:
        return
    plain, seen = DuckDB.run, iter(range(1000))

    def run(duck: DuckDB, statement: str) -> list[list[Any]]:
        """As the class's, but for one."""
        if next(seen) == fault.at:
            injection.note(fault)
            duck._process.kill()
            duck._process.wait()
        return plain(duck, statement)

    DuckDB.run = run  # type: ignore[method-assign,assignment]


assert set(INPUT_FAULTS) == {"source_lost", "transform_lost", "s3_unavailable", "copy_file_gone", "api_error"}
