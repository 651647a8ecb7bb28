"""One socket of a proxied connection: bytes in, messages out, and a sender that waits for a slow receiver."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from local_redshift.protocol.messages import MessageBuffer

CHUNK = 1 << 18
_READ_AHEAD = 1 << 20  # bytes buffered while the reading task is busy; beyond that the sender waits


class StreamClosedError(ConnectionError):
    """The other side closed the connection."""


class Stream(asyncio.Protocol):
    """A socket that one task reads and any task writes. `closed` is set when the other side will send no more."""

    transport: asyncio.Transport

    def __init__(self, connected: Callable[[Stream], object] | None = None) -> None:
        self.closed = asyncio.Event()
        self.buffer = MessageBuffer()
        self._loop = asyncio.get_running_loop()
        self._connected = connected
        self._reading: asyncio.Future[None] | None = None
        self._paused = False
        self._drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        self.transport.set_write_buffer_limits(CHUNK)
        if self._connected is not None:
            self._connected(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio; wakes the reading task."""
        self.buffer.feed(data)
        if self._reading is not None:
            self._wake()
        elif self.buffer.size > min(_READ_AHEAD, self.buffer.limit) and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """Called by asyncio; a plain connection stays open for what is still to be sent, which TLS does not allow."""
        self._end_of_input()
        return self.transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is asyncio's
        """Called by asyncio."""
        self._end_of_input()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Called by asyncio."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """Called by asyncio."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def _end_of_input(self) -> None:
        self.closed.set()
        self._wake()

    def _wake(self) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)

    async def encrypt(self, tls: ssl.SSLContext) -> None:
        """Continue under TLS, as the server. Raises OSError when the client does not agree."""
        transport = await self._loop.start_tls(self.transport, self, tls, server_side=True)
        assert transport is not None
        self.transport = transport

    async def message(self) -> tuple[bytes, bytes]:
        """The next message. Raises StreamClosedError, messages.ProtocolError."""
        while (message := self.buffer.next()) is None:
            await self._more()
        return message

    async def exactly(self, count: int) -> bytes:
        """The next `count` bytes. Raises StreamClosedError."""
        while self.buffer.size < count:
            await self._more()
        return self.buffer.take(count)

    async def chunk(self) -> bytes:
        """The next bytes as they came. Raises StreamClosedError."""
        if not self.buffer.size:
            await self._more()
        return self.buffer.take()

    async def _more(self) -> None:
        if self.closed.is_set():
            raise StreamClosedError
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        before = self.buffer.size
        self._reading = self._loop.create_future()
        try:
            await self._reading
        finally:
            self._reading = None
        if self.buffer.size == before:
            raise StreamClosedError

    def write(self, data: bytes) -> None:
        """Send, whether the other side reads or not."""
        self.transport.write(data)

    async def send(self, data: bytes) -> None:
        """Write, and wait while the other side is slow. Raises StreamClosedError."""
        self.transport.write(data)
        await self.drain()

    async def drain(self) -> None:
        """Wait while the other side is slow. Raises StreamClosedError."""
        if self.transport.is_closing():
            raise StreamClosedError
        if self._drained is not None:
            await self._drained
