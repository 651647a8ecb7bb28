"""The PostgreSQL side of a session: its replies passed on, and the proxy's own requests."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from local_redshift.protocol.error_translation import redshift_fields
from local_redshift.protocol.messages import SYNC, error_fields, error_message, message, parse, query, text
from local_redshift.protocol.relay import TERMINAL, Relay
from local_redshift.protocol.stream import Link


class BackendError(Exception):
    """The backend answered with an error; `fields` are its ErrorResponse's."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = fields


@dataclass
class Answer:
    """The replies to one internal request: rows as text, tags, columns (name, type oid, modifier), notices."""

    rows: list[list[str | None]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    columns: list[tuple[str, int, int]] = field(default_factory=list)
    notices: list[dict[str, str]] = field(default_factory=list)
    error: dict[str, str] | None = None


@dataclass(frozen=True)
class Described:
    """A column of a query: its name, its type without size, and PostgreSQL's type modifier."""

    name: str
    type: str
    modifier: int

    @property
    def precision(self) -> int:
        """Of a numeric; 0 when it has none."""
        return (self.modifier - 4) >> 16 if self.modifier > 4 else 0

    @property
    def scale(self) -> int:
        """Of a numeric."""
        return (self.modifier - 4) & 0x7FF if self.modifier > 4 else 0


class Backend(Link):
    """The PostgreSQL side. `status` is the transaction status of the last ReadyForQuery: I, T or E."""

    status = b"I"
    pid = 0

    async def relay(self, client: Link, relay: Relay) -> Relay:
        """Pass replies on until the batch ends."""
        while not relay.done:
            data = relay.feed(await self.chunk())
            if data:
                await client.send(data)
        if relay.status is not None:
            self.status = relay.status
        return relay

    async def ask(self, sql: str) -> Answer:
        """Run a simple query for the proxy itself. Raises BackendError after the backend is ready again."""
        return await self.exchange(query(sql))

    async def ask_copy(self, sql: str, chunks: AsyncIterator[bytes]) -> Answer:
        """Run a COPY FROM STDIN with these chunks as its data. Raises BackendError, and whatever the chunks raise."""
        await self.send(query(sql))
        kind, body = await self.message()
        if kind != b"G":
            self.buffer.unread(kind, body)
            return await self.answer()
        reply = asyncio.ensure_future(self.answer())
        try:
            async for data in chunks:
                self.write(b"d" + (len(data) + 4).to_bytes(4, "big"))
                await self.send(data)
                if reply.done():  # PostgreSQL has found an error and ignores the rest
                    break
        except BaseException:
            # Ends the COPY, so that the connection is usable for the rollback.
            self.write(message(b"f", text("the load was given up")))
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

    async def describe(self, sql: str) -> list[Described]:
        """The columns of a query, by a Describe. Raises BackendError."""
        request = parse(b"", sql) + message(b"D", b"S\0") + SYNC
        answer = await self.exchange(request)
        found = []
        for name, oid, modifier in answer.columns:
            kind = (await self.ask(f"SELECT format_type({oid}, NULL)")).rows[0][0]
            found.append(Described(name, kind or "", modifier))
        return found

    async def exchange(self, request: bytes, replies: int | None = None) -> Answer:
        """Send a request and read its replies: until ReadyForQuery, or so many terminal ones. Raises BackendError."""
        await self.send(request)
        return await self.answer(replies)

    async def answer(self, replies: int | None = None) -> Answer:
        """Read replies. Raises BackendError."""
        answer = Answer()
        while True:
            kind, body = await self.message()
            if kind == b"Z":
                self.status = body
                break
            _note(answer, kind, body)
            if replies is not None and kind in TERMINAL:
                replies -= 1
            if replies == 0 or (replies is not None and answer.error):
                break
        if answer.error:
            raise BackendError(answer.error)
        return answer


def _note(answer: Answer, kind: bytes, body: bytes) -> None:
    if kind == b"D":
        answer.rows.append(_row(body))
    elif kind == b"T":
        answer.columns = _columns(body)
    elif kind == b"C":
        answer.tags.append(body[:-1].decode())
    elif kind == b"N":
        answer.notices.append(error_fields(body))
    elif kind == b"E" and answer.error is None:
        answer.error = error_fields(body)


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
    found = []
    position = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        end = body.index(b"\0", position)
        oid, modifier = struct.unpack_from("!6xI2xi", body, end + 1)
        found.append((body[position:end].decode(), oid, modifier))
        position = end + 1 + 18
    return found


def client_error(error: BackendError) -> bytes:
    """The ErrorResponse that the client gets for an error met by the proxy's own request."""
    return error_message(redshift_fields(error.fields))
