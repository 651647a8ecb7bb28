"""The PostgreSQL side of a session: its replies passed on, and the proxy's own requests."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from local_redshift.protocol.error_translation import redshift_fields
from local_redshift.protocol.messages import SYNC, error_fields, error_message, message, parse, query, text
from local_redshift.protocol.relay import TERMINAL, Relay
from local_redshift.protocol.stream import Stream


class BackendError(Exception):
    """The backend replied with an error; `fields` are its ErrorResponse's."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = fields


@dataclass
class Result:
    """The replies to one internal request: rows as text, tags, columns (name, type oid, modifier), notices."""

    rows: list[list[str | None]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    columns: list[tuple[str, int, int]] = field(default_factory=list)
    notices: list[dict[str, str]] = field(default_factory=list)
    error: dict[str, str] | None = None


@dataclass(frozen=True)
class QueryColumn:
    """A column of a query: its name, its type without size, and PostgreSQL's type modifier."""

    name: str
    type: str
    modifier: int

    @property
    def precision(self) -> int:
        """Digits of a numeric; 0 when it has none."""
        return (self.modifier - 4) >> 16 if self.modifier > 4 else 0

    @property
    def scale(self) -> int:
        """Decimals of a numeric."""
        return (self.modifier - 4) & 0x7FF if self.modifier > 4 else 0


class Backend(Stream):
    """The PostgreSQL side. `status` is the transaction status of the last ReadyForQuery: I, T or E."""

    status = b"I"
    pid = 0

    async def relay(self, client: Stream, relay: Relay) -> Relay:
        """Pass replies on until the batch ends."""
        while not relay.done:
            data = relay.feed(await self.chunk())
            if data:
                await client.send(data)
        if relay.status is not None:
            self.status = relay.status
        return relay

    async def query(self, sql: str) -> Result:
        """Run a simple query for the proxy itself. Raises BackendError after the backend is ready again."""
        return await self.exchange(query(sql))

    async def copy_in(self, sql: str, chunks: AsyncIterator[bytes]) -> Result:
        """Run a COPY FROM STDIN with these chunks as its data. Raises BackendError, and what the chunks raise."""
        await self.send(query(sql))
        kind, body = await self.message()
        if kind != b"G":
            self.buffer.unread(kind, body)
            return await self.read_result()
        reply = asyncio.ensure_future(self.read_result())
        try:
            async for data in chunks:
                self.write(b"d" + (len(data) + 4).to_bytes(4, "big"))
                await self.send(data)
                if reply.done():  # PostgreSQL has found an error and ignores the rest
                    break
        except BaseException:
            # Ends the COPY, so that the connection is usable for the rollback.
            self.write(message(b"f", text("the load was ended")))
            await asyncio.wait((reply,))
            reply.exception()
            raise
        self.write(message(b"c"))
        return await reply

    async def copy_out(self, sql: str) -> AsyncIterator[bytes]:
        """The rows of a COPY TO STDOUT, one at a time. Raises BackendError."""
        await self.send(query(sql))
        failure = None
        while True:
            kind, body = await self.message()
            if kind == b"d":
                yield body
            elif kind == b"E":
                failure = error_fields(body)
            elif kind == b"Z":
                self.status = body
                break
        if failure is not None:
            raise BackendError(failure)

    async def describe(self, sql: str) -> list[QueryColumn]:
        """The columns of a query, by a Describe. Raises BackendError."""
        request = parse(b"", sql) + message(b"D", b"S\0") + SYNC
        result = await self.exchange(request)
        columns = []
        for name, oid, modifier in result.columns:
            kind = (await self.query(f"SELECT format_type({oid}, NULL)")).rows[0][0]
            columns.append(QueryColumn(name, kind or "", modifier))
        return columns

    async def exchange(self, request: bytes, replies: int | None = None) -> Result:
        """Send a request; read replies until ReadyForQuery, or this number of terminal ones. Raises BackendError."""
        await self.send(request)
        return await self.read_result(replies)

    async def read_result(self, replies: int | None = None) -> Result:
        """Read replies. Raises BackendError."""
        result = Result()
        while True:
            kind, body = await self.message()
            if kind == b"Z":
                self.status = body
                break
            _add_reply(result, kind, body)
            if replies is not None and kind in TERMINAL:
                replies -= 1
            if replies == 0 or (replies is not None and result.error):
                break
        if result.error:
            raise BackendError(result.error)
        return result


def _add_reply(result: Result, kind: bytes, body: bytes) -> None:
    if kind == b"D":
        result.rows.append(_row(body))
    elif kind == b"T":
        result.columns = _columns(body)
    elif kind == b"C":
        result.tags.append(body[:-1].decode())
    elif kind == b"N":
        result.notices.append(error_fields(body))
    elif kind == b"E" and result.error is None:
        result.error = error_fields(body)


def _row(body: bytes) -> list[str | None]:
    values: list[str | None] = []
    position = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        length = int.from_bytes(body[position : position + 4], "big", signed=True)
        position += 4
        values.append(None if length < 0 else body[position : position + length].decode())
        position += max(length, 0)
    return values


def _columns(body: bytes) -> list[tuple[str, int, int]]:
    columns = []
    position = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        end = body.index(b"\0", position)
        oid, modifier = struct.unpack_from("!6xI2xi", body, end + 1)
        columns.append((body[position:end].decode(), oid, modifier))
        position = end + 1 + 18
    return columns


def client_error(error: BackendError, mode: str = "provisioned") -> bytes:
    """The ErrorResponse for the client after an error of the proxy's own request."""
    return error_message(redshift_fields(error.fields, mode))
