"""One socket of a proxied connection: bytes in, messages out, and a sender that waits for a slow receiver."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Generator
from contextvars import Context
from typing import cast

from local_redshift.protocol.messages import MessageBuffer

CHUNK = 1 << 18
_READ_AHEAD = 1 << 20  # bytes kept for a task that is busy; the sender waits beyond


class GoneError(ConnectionError):
    """The other side closed the connection."""


class _Wait:
    """What a task awaits to go on within the very event that it waits for.

    A Future's task goes on in the loop's next turn, which is a system call more, and a `select 1` has two such waits.
    The interface is the one that asyncio asks of an object with `_asyncio_future_blocking` (asyncio.isfuture).
    """

    _asyncio_future_blocking = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wakeup: Callable[[_Wait], object] | None = None
        self._context: Context | None = None
        self._cancelled = False

    def __await__(self) -> Generator[_Wait, None, None]:
        self._asyncio_future_blocking = True
        yield self

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the waiting task must belong to."""
        return self._loop

    def add_done_callback(self, wakeup: Callable[[_Wait], object], *, context: Context) -> None:
        """Remember how the task goes on."""
        self._wakeup, self._context = wakeup, context

    def result(self) -> None:
        """Raises CancelledError, which is how a cancelled task hears of it."""
        if self._cancelled:
            raise asyncio.CancelledError

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - the name is asyncio's
        """Let the task go on with a CancelledError, in the loop's next turn: the one who cancels is running now."""
        self._cancelled = True
        self._loop.call_soon(self.wake)
        return True

    def wake(self) -> None:
        """Let the task go on now; only from a callback of the loop."""
        if self._wakeup is not None and self._context is not None:
            wakeup, self._wakeup = self._wakeup, None
            self._context.run(wakeup, self)


class Link(asyncio.Protocol):
    """A socket that one task reads, and any may write to. `gone` is set when the other side will send no more."""

    transport: asyncio.Transport

    def __init__(self, connected: Callable[[Link], object] | None = None) -> None:
        self.gone = asyncio.Event()
        self.buffer = MessageBuffer()
        self._loop = asyncio.get_running_loop()
        self._connected = connected
        self._reading: _Wait | None = None
        self._paused = False
        self._drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A protocol's; tells who waits for connections."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only
        self.transport.set_write_buffer_limits(CHUNK)
        if self._connected is not None:
            self._connected(self)

    def data_received(self, data: bytes) -> None:
        """A protocol's; the reading task goes on."""
        self.buffer.feed(data)
        if self._reading is not None:
            self._reading.wake()
        elif self.buffer.held > _READ_AHEAD and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """A protocol's; a plain connection stays open for what is still to be sent, TLS has no such thing."""
        self._leave()
        return self.transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is asyncio's
        """A protocol's."""
        self._leave()
        self.resume_writing()

    def pause_writing(self) -> None:
        """A protocol's."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """A protocol's."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def _leave(self) -> None:
        self.gone.set()
        if self._reading is not None:
            self._reading.wake()

    async def encrypt(self, tls: ssl.SSLContext) -> None:
        """Go on under TLS, as the server. Raises OSError when the client does not agree."""
        transport = await self._loop.start_tls(self.transport, self, tls, server_side=True)
        assert transport is not None
        self.transport = transport

    async def message(self) -> tuple[bytes, bytes]:
        """The next message. Raises GoneError, wire.ProtocolError."""
        while (found := self.buffer.next()) is None:
            await self._more()
        return found

    async def exactly(self, count: int) -> bytes:
        """The next so many bytes. Raises GoneError."""
        while self.buffer.held < count:
            await self._more()
        return self.buffer.take(count)

    async def chunk(self) -> bytes:
        """The next bytes, whatever they are. Raises GoneError."""
        if not self.buffer.held:
            await self._more()
        return self.buffer.take()

    async def _more(self) -> None:
        if self.gone.is_set():
            raise GoneError
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        before = self.buffer.held
        self._reading = _Wait(self._loop)
        try:
            await self._reading
        finally:
            self._reading = None
        if self.buffer.held == before:
            raise GoneError

    def write(self, data: bytes) -> None:
        """Send, whether the other side reads or not."""
        self.transport.write(data)

    async def send(self, data: bytes) -> None:
        """Write, and wait while the other side is slow. Raises GoneError."""
        self.transport.write(data)
        await self.drain()

    async def drain(self) -> None:
        """Wait while the other side is slow. Raises GoneError."""
        if self.transport.is_closing():
            raise GoneError
        if self._drained is not None:
            await self._drained
