"""One side of a proxied connection: bytes in, messages out, and requests to the backend whose replies the proxy reads itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from local.redshift.errors import translate
from local.redshift.relay import TERMINAL, Relay
from local.redshift.wire import MessageBuffer, error_fields, query

CHUNK = 1 << 18


class Gone(ConnectionError):
    """The other side closed the connection."""


class BackendError(Exception):
    """The backend answered with an error; `fields` are its ErrorResponse's."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = fields


@dataclass
class Answer:
    """The replies to one internal request: rows as text, the last command's tag, column names, notices to pass on."""

    rows: list[list[str | None]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    notices: list[dict[str, str]] = field(default_factory=list)
    error: dict[str, str] | None = None


class Link:
    """A socket's two ends with a message buffer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.buffer = MessageBuffer()

    async def message(self) -> tuple[bytes, bytes]:
        """The next message. Raises Gone, wire.ProtocolError."""
        while (found := self.buffer.next()) is None:
            self.buffer.feed(await self.chunk())
        return found

    async def chunk(self) -> bytes:
        """The next bytes, whatever they are. Raises Gone."""
        data = await self.reader.read(CHUNK)
        if not data:
            raise Gone
        return data

    async def send(self, data: bytes) -> None:
        """Write, and wait while the other side is slow."""
        self.writer.write(data)
        await self.writer.drain()


class Backend(Link):
    """The PostgreSQL side. `status` is the transaction status of the last ReadyForQuery: I, T or E."""

    status = b"I"

    async def relay(self, to: Callable[[bytes], object], drain: Link, relay: Relay) -> Relay:
        """Pass replies on until the batch ends."""
        while not relay.done:
            data = relay.feed(await self.chunk())
            if data:
                to(data)
                if drain.writer.transport.get_write_buffer_size() > CHUNK:
                    await drain.writer.drain()
        if relay.status is not None:
            self.status = relay.status
        return relay

    async def ask(self, sql: str) -> Answer:
        """Run a simple query for the proxy itself. Raises BackendError after the backend is ready again."""
        return await self.exchange(query(sql))

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
        answer.columns = _column_names(body)
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


def _column_names(body: bytes) -> list[str]:
    names = []
    position = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        end = body.index(b"\0", position)
        names.append(body[position:end].decode())
        position = end + 1 + 18
    return names


def client_error(error: BackendError) -> bytes:
    """The ErrorResponse that the client gets for an error met by the proxy's own request."""
    from local.redshift.errors import redshift_fields
    from local.redshift.wire import error_message

    return error_message(redshift_fields(error.fields))


__all__ = ["CHUNK", "Answer", "Backend", "BackendError", "Gone", "Link", "client_error", "translate"]
