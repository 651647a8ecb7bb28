"""The statements that the sessions have run, for STL_QUERY and the similar views.

Entries are held in memory and written in batches on a connection of its own, at the latest when the log is queried: a
statement costs one append, and no rollback removes its entry.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg

from local_redshift.config import Config
from local_redshift.query.rewrite import Refused, tables_read
from local_redshift.session.masking import mask, mask_error
from local_redshift.sql.lexer import LexError, first_word

# Writing single rows would slow the sessions' statements down.
_COPY = """COPY redshift_internal.queries (query, userid, username, database_name, session, transaction_id, query_type,
    status, starttime, endtime, returned_rows, error_message, querytxt, reads) FROM STDIN"""
_IDS = "SELECT pg_catalog.nextval('redshift_internal.query_ids') FROM pg_catalog.generate_series(1, %s)"
_LOG_NAME = re.compile(r"\b(?:stl|svl|stv|sys|svv|svcs)_\w|redshift_internal")
_LOG_NAME_PARTS = ("stl_", "svl_", "stv_", "sys_", "svv_", "svcs_", "redshift_internal")
_KINDS = {
    "select": "SELECT",
    "with": "SELECT",
    "insert": "INSERT",
    "update": "UPDATE",
    "delete": "DELETE",
    "merge": "MERGE",
    "copy": "COPY",
    "unload": "UNLOAD",
    "create": "DDL",
    "alter": "DDL",
    "drop": "DDL",
    "truncate": "DDL",
    "comment": "DDL",
}
_CTAS = re.compile(r"\bas\s*\(?\s*(?:select|with)\b", re.IGNORECASE)
_MAX_TEXT = 65_535
_CACHED_TEXT = 2_000
_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One statement that has run; times are seconds since 1970. Made once a statement, so it must be quick to make."""

    database: str
    user: str
    pid: int
    sql: str
    started: float
    ended: float
    rows: int
    error: str | None = None
    query_id: int | None = None


class StatementInfo(NamedTuple):
    """What a statement's text alone determines: its type, the text without secrets, the tables that it reads."""

    kind: str
    text: str
    reads: list[str]
    secrets: tuple[str, ...]


class QueryLog:
    """The entries that are not written yet."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._entries: list[Entry] = []
        self._writing = asyncio.Lock()

    def add(self, entry: Entry) -> None:
        """Add a statement."""
        self._entries.append(entry)

    async def flush(self) -> None:
        """Write the entries; returns when everything added before is readable."""
        async with self._writing:
            entries, self._entries = self._entries, []
            if entries:
                await asyncio.to_thread(_write, self._config, entries)

    async def write_periodically(self) -> None:
        """Write every other second, until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS)
            await self.flush()


def _write(config: Config, entries: list[Entry]) -> None:
    for database in {entry.database for entry in entries}:
        batch = [entry for entry in entries if entry.database == database]
        try:
            with psycopg.connect(config.admin(database)) as connection:
                _copy(connection, batch)
        except psycopg.Error as error:
            # The database may be dropped, and nobody can query its log then.
            _log.info("database=%s statements=%d not logged: %s", database, len(batch), error)


def _copy(connection: psycopg.Connection, entries: list[Entry]) -> None:
    users: dict[str, int] = dict(connection.execute("SELECT usename, usesysid FROM pg_catalog.pg_user").fetchall())
    unnumbered = sum(entry.query_id is None for entry in entries)
    ids = iter(connection.execute(_IDS, [unnumbered]).fetchall())
    with connection.cursor().copy(_COPY) as copy:
        for entry in entries:
            number = next(ids)[0] if entry.query_id is None else entry.query_id
            copy.write_row((number, users.get(entry.user), *_row(entry)))


def _row(entry: Entry) -> tuple[object, ...]:
    status = "success" if entry.error is None else "canceled" if "cancel" in entry.error else "failed"
    info = _statement_info(entry.sql) if len(entry.sql) <= _CACHED_TEXT else _statement_info.__wrapped__(entry.sql)
    times = (_moment(entry.started), _moment(entry.ended))
    identity = (entry.user, entry.database, entry.pid, 0)
    error = mask_error(entry.error, info.secrets)
    return (*identity, info.kind, status, *times, entry.rows, error, info.text, info.reads)


def _moment(seconds: float) -> datetime:
    """As in Redshift's tables: UTC, without a zone."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def may_read_log(sql: str, start: int = 0, end: int | None = None) -> bool:
    """Whether the text may query the log. Searching for words is much quicker than a regular expression."""
    text = sql[start:end].lower()
    return any(part in text for part in _LOG_NAME_PARTS) and _LOG_NAME.search(text) is not None


@functools.lru_cache(maxsize=512)
def _statement_info(sql: str) -> StatementInfo:
    text, secrets = mask(sql[:_MAX_TEXT])
    return StatementInfo(kind(sql), text.replace("\0", "")[:_MAX_TEXT], _reads(sql), secrets)


def kind(sql: str) -> str:
    """The query type as SYS_QUERY_HISTORY names it."""
    try:
        category = _KINDS.get(first_word(sql), "UTILITY")
    except LexError:
        return "UTILITY"  # a statement that cannot be read is logged all the same
    return "CTAS" if category == "DDL" and _CTAS.search(sql) and "view" not in sql[:60].lower() else category


def _reads(sql: str) -> list[str]:
    try:
        if first_word(sql) == "insert" and "select" not in sql.lower():
            return []  # rows of values: the bulk of some workloads
        return list(tables_read(sql))
    except (LexError, Refused):
        return []  # it was refused, so it read nothing
