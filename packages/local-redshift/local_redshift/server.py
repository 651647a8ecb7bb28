"""The asyncio server: accepts connections, runs a session for each, and stops cleanly."""

from __future__ import annotations

import asyncio
import logging
import ssl

from local_redshift.config import Config
from local_redshift.protocol import messages
from local_redshift.protocol.backend import Backend
from local_redshift.protocol.pending_logins import LoginTimeoutError, PendingLogins
from local_redshift.protocol.startup import cancel, first_packet, login
from local_redshift.protocol.stream import Stream
from local_redshift.session.query_log import QueryLog
from local_redshift.session.simple import Session

_log = logging.getLogger(__name__)


class Server:
    """The local Redshift on one port."""

    def __init__(self, config: Config, tls: ssl.SSLContext | None = None) -> None:
        self.config = config
        self._tls = tls
        self._log = QueryLog(config)
        self._logins = PendingLogins(config.login_seconds, config.max_pending_logins)
        self._writer: asyncio.Task[None] | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; return the port (the configured one, or a free one for 0)."""
        loop = asyncio.get_running_loop()
        self._writer = loop.create_task(self._log.write_periodically())
        self._server = await loop.create_server(
            lambda: Stream(self._accept), self.config.host, self.config.port, backlog=200
        )
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

    def _accept(self, client: Stream) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(client))
        self._sessions.add(task)
        task.add_done_callback(self._sessions.discard)

    async def _serve(self, client: Stream) -> None:
        try:
            if (session := await self._login(client)) is not None:
                await self._session(client, *session)
        except LoginTimeoutError:
            client.transport.abort()
        except messages.ProtocolError as bad:
            client.write(messages.error("08P01", str(bad), severity="FATAL"))
        except ConnectionError:
            pass  # the client or the backend has disconnected: nobody to report to
        except Exception:  # noqa: BLE001 - one session must not end the others
            _log.exception("session=%s failed", client.transport.get_extra_info("peername"))
            client.write(messages.error("XX000", "internal error of the local Redshift; see its log", severity="FATAL"))
        finally:
            client.transport.close()

    async def _login(self, client: Stream) -> tuple[Backend, dict[str, str]] | None:
        """What a session needs; None when PostgreSQL refused the login, or the client only cancels a statement."""
        client.buffer.limit = messages.MAX_LOGIN_MESSAGE
        async with self._logins.entered():
            code, body = await first_packet(client, self._tls)
            if code == messages.CANCEL_REQUEST:
                await cancel(self.config, body)
                return None
            session = await login(self.config, client, body)
        client.buffer.limit = messages.MAX_MESSAGE
        return session

    async def _session(self, client: Stream, backend: Backend, parameters: dict[str, str]) -> None:
        session = asyncio.ensure_future(Session(self.config, client, backend, parameters, self._log).run())
        watch = asyncio.ensure_future(client.closed.wait())
        try:
            await asyncio.wait((session, watch), return_when=asyncio.FIRST_COMPLETED)
            if not session.done() and client.buffer.size:
                await asyncio.wait((session,), timeout=0.2)  # it may be reading the client's last message
            if not session.done():
                session.cancel()
            await asyncio.gather(session, return_exceptions=False)
        except asyncio.CancelledError:
            if not session.cancelled():
                session.cancel()
                raise
        finally:
            watch.cancel()
            backend.transport.abort() if backend.status != b"I" else backend.transport.close()
