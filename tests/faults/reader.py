"""A reader that polls the table throughout a history, in a process of its own, and keeps what it has seen."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redshift_connector

PAUSE_SECONDS = 0.02
LONGEST_WAIT_SECONDS = 30.0
_UNDEFINED = ("42P01", "3F000")  # the table, its schema: before the first load


class Seen:
    """What a reader has seen: its states in order, equal neighbours once; reads; the longest wait (s)."""

    def __init__(self) -> None:
        self.states: list[list[Any]] = []
        self.reads = 0
        self.longest = 0.0

    def add(self, rows: list[Any], seconds: float) -> None:
        """One read."""
        self.reads += 1
        self.longest = max(self.longest, seconds)
        if not self.states or self.states[-1] != rows:
            self.states.append(rows)


def read_table(connect: Any, columns: str) -> list[Any]:
    """The table's rows, in order; none where no run has made it."""
    connection = connect()
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT 1 FROM svv_tables WHERE table_schema = 'core' AND table_name = 'items'")
        if not cursor.fetchall():
            return []
        cursor.execute(f"SELECT {columns} FROM core.items")
        return sorted((tuple(row) for row in cursor.fetchall()), key=repr)
    finally:
        connection.close()


@contextmanager
def reading(connect: Any, columns: str, path: Path) -> Iterator[None]:
    """Poll until the end of the block; what was seen is then in the file."""
    child = os.fork()
    if child == 0:
        try:
            _poll(connect, columns, path)
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def _poll(connect: Any, columns: str, path: Path) -> None:
    seen, stopped = Seen(), []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    connection = connect()
    connection.autocommit = True
    cursor = connection.cursor()
    while not stopped:
        began = time.monotonic()
        try:
            cursor.execute(f"SELECT {columns} FROM core.items")
            rows = sorted((tuple(row) for row in cursor.fetchall()), key=repr)
        except redshift_connector.ProgrammingError as error:
            if error.args[0].get("C") not in _UNDEFINED:
                raise
        else:
            seen.add(rows, time.monotonic() - began)
        time.sleep(PAUSE_SECONDS)
    connection.close()
    path.write_bytes(pickle.dumps(seen))
