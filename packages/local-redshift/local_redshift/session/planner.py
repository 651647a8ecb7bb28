"""The plan of a statement: the cache, and the columns of queries that a rewrite needs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from local_redshift.protocol import messages
from local_redshift.protocol.backend import Backend, BackendError
from local_redshift.query.rewrite import NeedColumns
from local_redshift.session.query_log import QueryLog, may_read_log
from local_redshift.sql.lexer import LexError, split
from local_redshift.sql.long_literals import Shortened, shorten
from local_redshift.sql.refusal import Refusal
from local_redshift.sql.token_tree import Column
from local_redshift.sql.windows import LARGE, windows
from local_redshift.statements.dispatch import plan
from local_redshift.statements.plan import Plan, restored

_CACHED_PLANS = 512
_CACHED_LENGTH = 20_000
_NEEDED_ROUNDS = 1000
MAX_STATEMENT = 16 << 20  # bytes; https://docs.aws.amazon.com/redshift/latest/mgmt/amazon-redshift-limits.html
_cache: OrderedDict[str, Plan] = OrderedDict()


class Planner:
    """Plans statements with a session's backend and log."""

    backend: Backend
    log: QueryLog

    async def flush(self) -> None:
        """Send what is queued for the backend."""
        raise NotImplementedError

    async def plan(self, sql: str) -> Plan:
        """The plan for a statement, from the cache where its text alone decides."""
        if len(sql) > LARGE:
            return await self._plan_large(sql)
        if (cached := _cache.get(sql)) is not None:
            _cache.move_to_end(sql)
            return cached
        reads_log = may_read_log(sql)
        if reads_log:
            await self.log.flush()
        item, from_text_alone = await self._plan(Shortened(sql))
        if from_text_alone and not reads_log and len(sql) <= _CACHED_LENGTH:
            _cache[sql] = item
            if len(_cache) > _CACHED_PLANS:
                _cache.popitem(last=False)
        return item

    async def _plan_large(self, sql: str) -> Plan:
        try:
            short = await asyncio.to_thread(shorten, sql)
        except LexError as bad:
            return unreadable(bad)
        if await asyncio.to_thread(_may_read_log, short.sql):
            await self.log.flush()
        item, _ = await self._plan(short)
        whole = await asyncio.to_thread(restored, item, short)
        return whole or (await self._plan(Shortened(sql)))[0]

    async def _plan(self, text: Shortened) -> tuple[Plan, bool]:
        """The plan, and whether it was made without describing a query."""
        columns: dict[str, tuple[Column, ...] | None] = {}
        for _ in range(_NEEDED_ROUNDS):
            try:
                if len(text.sql) > LARGE:
                    return await asyncio.to_thread(plan, text.sql, columns), not columns
                return plan(text.sql, columns), not columns
            except NeedColumns as need:
                columns[need.query] = await self._columns(need.query, text)
        return Refusal(
            "The statement needs more columns than the local Redshift describes: name them, and cast what it divides"
        ), False

    async def _columns(self, query: str, text: Shortened) -> tuple[Column, ...] | None:
        """The columns of a query that is rewritten already, by describing it; None when it cannot be described."""
        await self.flush()
        if self.backend.status == b"E":
            return None
        block = self.backend.status == b"T"
        if block:
            await self.backend.query("SAVEPOINT redshift_columns")
        try:
            request = messages.parse(b"", text.restore(query)) + messages.message(b"D", b"S\0") + messages.SYNC
            return tuple(Column(*column) for column in (await self.backend.exchange(request)).columns)
        except BackendError:
            return None  # the statement itself fails with the same error
        finally:
            if block:
                await self.backend.query("ROLLBACK TO SAVEPOINT redshift_columns; RELEASE SAVEPOINT redshift_columns")


def _may_read_log(sql: str) -> bool:
    return any(may_read_log(sql, *window) for window in windows(sql))


async def statements(sql: str) -> list[str]:
    """The statements of a text (lexer.split), for a long text in a thread. Raises LexError."""
    return await asyncio.to_thread(split, sql) if len(sql) > LARGE else split(sql)


def statement_text(raw: bytes) -> str:
    """A statement's text. Raises UnicodeDecodeError, OverflowError beyond Redshift's limit."""
    raw = raw.removesuffix(b"\0")
    if len(raw) > MAX_STATEMENT:
        raise OverflowError(
            f"Statement is too large. Statement Size: {len(raw)} bytes. Maximum Allowed: {MAX_STATEMENT} bytes"
        )
    return raw.decode()


def unreadable(bad: Exception) -> Refusal:
    """The refusal of a text that cannot be decoded or split."""
    if isinstance(bad, UnicodeDecodeError):
        return Refusal(f'invalid byte sequence for encoding "UTF8": 0x{bad.object[bad.start]:02x}', "22021")
    return Refusal(str(bad), "54000" if isinstance(bad, OverflowError) else "42601")
