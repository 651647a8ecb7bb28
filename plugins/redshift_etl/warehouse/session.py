"""Runs statements on one connection, and classifies failures: those that a retry may solve, and the others."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

from redshift_etl.errors import ConfigError, EtlError, TransientError
from redshift_etl.warehouse.statement import Statement

log = logging.getLogger(__name__)

# AWS, "Managing concurrent write operations": the transaction may be run again. 1023 is a serializable violation, 1018
# a table whose definition changed meanwhile; the texts are of a cluster, which has them as XX000.
_CONFLICT_CODES = ("40001", "40P01")
_CONFLICT_NUMBER = re.compile(r"\s*(ERROR:\s*)?(1023|1018)\b")
_CONFLICT_TEXTS = ("conflict with concurrent transaction", "dropped by concurrent transaction")
# A COPY or an UNLOAD that S3 fails, or does not respond to, for longer than Redshift itself tries again
# (https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-multiple-files.html).
_S3_FAILED = re.compile(r"S3CurlException|S3ServiceException:.*\bStatus 5\d\d\b", re.DOTALL)
_LOST = ("08", "57P01", "57P02", "57P03")  # PostgreSQL's connection_exception class and the shutdown codes

Connect = Callable[[], Any]


class StatementError(ConfigError):
    """A statement that the warehouse refused; a retry would not help."""

    def __init__(self, statement: Statement, code: str, message: str) -> None:
        super().__init__(
            f"The warehouse refuses to {statement.purpose}: {message}.",
            fix="read the statement: its tables, the grants on them, or its SQL in this repository",
            code=code,
            statement=statement.sql,
        )
        self.statement = statement
        self.code = code
        self.message = message

    def explained(self, fix: str, **where: object) -> ConfigError:
        """The same refusal, with the fix and the place that the caller can name."""
        return ConfigError(self.what, fix=fix, **where, code=self.code, statement=self.statement.sql)


class ConflictError(TransientError):
    """A transaction that was rolled back in favour of a concurrent one; run again, it may succeed."""


@dataclass
class Session:
    """One connection and its cursor, with the label (table, window, run) that its log lines carry."""

    connection: Any
    label: str
    log_level: int = logging.INFO

    def run(self, statement: Statement) -> list[tuple[Any, ...]]:
        """Execute one command and return its rows. Raises TransientError or StatementError."""
        started = monotonic()
        cursor = self.connection.cursor()
        try:
            cursor.execute(statement.sql, statement.values or None)
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        except Exception as error:
            raise classify(error, statement) from error
        finally:
            cursor.close()
        log.log(self.log_level, "%s: %s (%.2f s)", self.label, statement.purpose, monotonic() - started)
        log.debug("%s", statement.sql)
        return rows

    def run_step(self, statements: Iterable[Statement]) -> list[list[tuple[Any, ...]]]:
        """Execute the commands of a step in order and return the rows of each. Raises what ``run`` raises."""
        return [self.run(statement) for statement in statements]

    def value(self, statement: Statement) -> Any:
        """The first column of the first row."""
        return self.run(statement)[0][0]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, roll back on any error."""
        self.commit()
        try:
            yield
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def commit(self) -> None:
        """COMMIT, its failures classified like any statement's."""
        try:
            self.connection.commit()
        except Exception as error:
            raise classify(error, Statement("commit", "COMMIT")) from error

    def rollback(self) -> None:
        """ROLLBACK after an error, which is the one to report: on a connection that is dead it does nothing.

        Its backend has rolled back itself.
        """
        with suppress(Exception):
            self.connection.rollback()


@contextmanager
def open_session(connect: Connect, label: str) -> Iterator[Session]:
    """A connection for one load. Raises ConfigError when the connection is not configured, else TransientError."""
    try:
        connection = connect()
    except EtlError:
        raise
    except Exception as error:
        raise _connection_error(error) from error
    _send_at_once(connection)
    try:
        yield Session(connection, label)
    finally:
        with suppress(Exception):  # closing a connection that the server has dropped already
            connection.close()


def _send_at_once(connection: Any) -> None:
    """Switch Nagle's algorithm off, for which redshift_connector 2.2 has no setting.

    The driver writes a message of more than 8 KB in parts; the last one would wait 40 ms for the acknowledgement of the
    others, which the other side delays while it has no reply to send.
    """
    sending = getattr(connection, "_usock", None)
    if isinstance(sending, socket.socket) and sending.family != socket.AF_UNIX:
        sending.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _connection_error(error: Exception) -> EtlError:
    code, message = _code_and_message(error)
    if code.startswith(("28", "3D")):
        return ConfigError(
            f"The warehouse refuses the connection: {message}.",
            fix="correct login, password or schema (the database) of redshift_default",
            code=code,
        )
    return TransientError(
        f"The warehouse cannot be reached: {message}.", fix="nothing yet; if it lasts, check the cluster and network"
    )


def classify(error: Exception, statement: Statement) -> Exception:
    """ConflictError for a conflict, TransientError for a lost connection or a failure of S3, else StatementError."""
    code, message = _code_and_message(error)
    what, fix = f"Could not {statement.purpose}: {message}.", "nothing: it is tried again"
    if _is_conflict(code, message):
        return ConflictError(what, fix=fix, code=code or None)
    if code.startswith(_LOST) or _is_lost(error) or _S3_FAILED.search(message):
        return TransientError(what, fix=fix, code=code or None)
    return StatementError(statement, code, message)


def _is_conflict(code: str, message: str) -> bool:
    if code in _CONFLICT_CODES or _CONFLICT_NUMBER.match(message):
        return True
    return any(text in message for text in _CONFLICT_TEXTS)


def _code_and_message(error: Exception) -> tuple[str, str]:
    fields = error.args[0] if error.args else ""
    if isinstance(fields, dict):  # redshift_connector has the server's fields by their protocol letters
        return str(fields.get("C", "")), str(fields.get("M", ""))
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""), str(error).strip()


def _is_lost(error: Exception) -> bool:
    """redshift_connector reports a dropped socket as an OSError, an InterfaceError, or a short read."""
    return isinstance(error, OSError | EOFError) or type(error).__name__ in ("InterfaceError", "OperationalError")
