"""Connections to the warehouse that are cut or observed: a test passes them where the product opens its own."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from redshift_etl.warehouse.session import Session
from redshift_etl.warehouse.statement import Statement


def broken(connect: Callable[[], Any], fuse: itertools.count[int] | None, when: int) -> Broken:
    """A new connection, cut before the n-th statement that is counted by ``fuse``: without one, by itself."""
    return Broken(connect(), itertools.count() if fuse is None else fuse, when)


class Broken:
    """A connection whose socket is cut just before its n-th statement."""

    def __init__(self, connection: Any, fuse: itertools.count[int], when: int) -> None:
        self.connection, self.fuse, self.when = connection, fuse, when

    def _burn(self) -> None:
        if next(self.fuse) == self.when:
            cut(self.connection)

    def cursor(self) -> Any:
        self._burn()
        return self.connection.cursor()

    def commit(self) -> None:
        self._burn()
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()


def cut(connection: Any) -> None:
    """Close a connection's socket."""
    connection._usock.shutdown(socket.SHUT_RDWR)


COMMIT_DELAY_SECONDS = 0.3


def commit_late(connection: Any) -> None:
    """Lose a connection whose COMMIT is still on its way: the server gets it some time after the client has given up.

    The driver's socket becomes one whose other end is closed; the COMMIT, a simple query, follows by the real one.
    """
    real, (broken_end, other) = connection._usock.dup(), socket.socketpair()
    other.close()
    os.dup2(broken_end.fileno(), connection._usock.fileno())
    broken_end.close()
    Thread(target=_commit_later, args=(real,)).start()


def _commit_later(real: socket.socket) -> None:
    time.sleep(COMMIT_DELAY_SECONDS)
    query = b"COMMIT\0"
    real.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
    received = b""
    while not received.endswith(b"I") and (more := real.recv(4096)):  # ReadyForQuery, idle
        received += more
    real.close()


@dataclass
class Observed:
    """A connection that records its transactions, and calls before and after the COMMIT of those that LOCK first.

    And before a ROLLBACK.
    """

    connection: Any
    transactions: list[list[str]]
    before_commit: Callable[[], None] = lambda: None
    after_commit: Callable[[Any], None] = lambda _: None
    before_rollback: Callable[[Any], None] = lambda _: None
    sent: list[str] = field(default_factory=list)

    def cursor(self) -> Any:
        return ObservedCursor(self.connection.cursor(), self.sent)

    def commit(self) -> None:
        locked = bool(self.sent) and self.sent[0].startswith("LOCK")
        if locked:
            self.before_commit()
        if self.sent:
            self.transactions.append(self.sent)
            self.sent = []
        self.connection.commit()
        if locked:
            self.after_commit(self.connection)

    def rollback(self) -> None:
        self.sent = []
        self.before_rollback(self.connection)
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()


class ObservedCursor:
    """A cursor that records what it executes."""

    def __init__(self, cursor: Any, sent: list[str]) -> None:
        self.cursor, self.sent = cursor, sent

    def execute(self, sql: str, values: Any = None) -> None:
        self.sent.append(sql)
        self.cursor.execute(sql, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)


@dataclass
class Meeting:
    """Two writers of a table: the first holds its transaction open until the second has sent its LOCK."""

    connect: Callable[[], Any]
    reached: Event = field(default_factory=Event)
    connections: list[Observed] = field(default_factory=list)

    def hold(self, _: Session, __: int) -> list[Statement]:
        """The last proof of the first one's load."""
        self.reached.set()
        until = time.monotonic() + 30
        while time.monotonic() < until and not any("LOCK" in sql for each in self.connections for sql in each.sent):
            time.sleep(0.01)
        time.sleep(0.2)
        return []

    def second(self) -> Observed:
        """A connection of the second one."""
        self.connections.append(Observed(self.connect(), []))
        return self.connections[-1]
