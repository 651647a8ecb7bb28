"""The asyncio shell: accepts connections, runs a session for each, and stops cleanly."""

from __future__ import annotations

import asyncio
import logging
import ssl

from local.redshift import wire
from local.redshift.config import Config
from local.redshift.handshake import cancel, first_packet, login
from local.redshift.link import Backend, Link
from local.redshift.query_log import QueryLog
from local.redshift.session import Session

_log = logging.getLogger(__name__)
_READ_LIMIT = 1 << 20


class _ClientProtocol(asyncio.StreamReaderProtocol):
    """A stream that tells when the client has left, even while nobody reads from it."""

    gone: asyncio.Event

    def eof_received(self) -> bool | None:
        self.gone.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        super().connection_lost(exc)


class Server:
    """The local Redshift on one port."""

    def __init__(self, config: Config, tls: ssl.SSLContext | None = None) -> None:
        self.config = config
        self._tls = tls
        self._log = QueryLog(config)
        self._writer: asyncio.Task[None] | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; return the port (the configured one, or a free one for 0)."""
        loop = asyncio.get_running_loop()
        self._writer = loop.create_task(self._log.keep_writing())
        self._server = await loop.create_server(self._protocol, self.config.host, self.config.port, backlog=200)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port and all sessions; open transactions are rolled back by PostgreSQL."""
        if self._server is not None:
            self._server.close()
        for task in self._sessions:
            task.cancel()
        if self._writer is not None:
            self._writer.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._log.flush()

    def _protocol(self) -> _ClientProtocol:
        reader = asyncio.StreamReader(limit=_READ_LIMIT)
        protocol = _ClientProtocol(reader, self._accept)
        protocol.gone = asyncio.Event()
        return protocol

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(Link(reader, writer)))
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)

    async def _serve(self, client: Link) -> None:
        protocol = client.writer.transport.get_protocol()
        assert isinstance(protocol, _ClientProtocol)
        try:
            code, body = await first_packet(client, self._tls)
            if code == wire.CANCEL_REQUEST:
                await cancel(self.config, body)
            elif (found := await login(self.config, client, body)) is not None:
                await self._session(client, *found, protocol.gone)
        except wire.ProtocolError as bad:
            client.writer.write(wire.error("08P01", str(bad), severity="FATAL"))
        except ConnectionError:
            pass  # the client or the backend left; nobody is there to be told
        except Exception:  # noqa: BLE001 - one session must not take the others down
            _log.exception("session=%s failed", client.writer.get_extra_info("peername"))
            client.writer.write(
                wire.error("XX000", "internal error of the local Redshift; see its log", severity="FATAL")
            )
        finally:
            client.writer.close()

    async def _session(self, client: Link, backend: Backend, parameters: dict[str, str], gone: asyncio.Event) -> None:
        session = asyncio.ensure_future(Session(self.config, client, backend, parameters, self._log).run())
        watch = asyncio.ensure_future(gone.wait())
        try:
            await asyncio.wait((session, watch), return_when=asyncio.FIRST_COMPLETED)
            if not session.done() and client.reader.at_eof() is False:
                await asyncio.wait((session,), timeout=0.2)  # it may be reading the client's last words
            if not session.done():
                session.cancel()
            await asyncio.gather(session, return_exceptions=False)
        except asyncio.CancelledError:
            if not session.cancelled():
                session.cancel()
                raise
        finally:
            watch.cancel()
            backend.writer.transport.abort() if backend.status != b"I" else backend.writer.close()
