"""The extended protocol: Parse, Bind, Describe, Execute, Close, and the Sync that ends a batch.

A special statement (a Script, COPY, UNLOAD, or one that is refused) never reaches the backend by name: Parse, Bind and
Describe are replied to here, and Execute runs it with simple queries on the same backend, in the client's
transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import time
from typing import ClassVar

from local_redshift.protocol import messages
from local_redshift.protocol.relay import Relay
from local_redshift.query.untyped_parameters import refuse_untyped
from local_redshift.session.base import SECOND_CURSOR, SessionBase
from local_redshift.session.planner import statement_text, statements, unreadable
from local_redshift.sql.lexer import LexError
from local_redshift.sql.refusal import Refusal
from local_redshift.statements.plan import Forward, Plan


class Extended(SessionBase):
    """A session's handling of the extended protocol."""

    async def extended(self, kind: bytes, body: bytes) -> None:
        """One message of the extended protocol, except Sync."""
        handler = self._HANDLERS.get(kind)
        if handler is None:
            raise messages.ProtocolError(f"invalid frontend message type {kind[0]}")
        await handler(self, body)

    async def _parse(self, body: bytes) -> None:
        (name, raw), types = messages.split_strings(body, 2)
        texts: list[str] = []
        try:
            texts = await statements(statement_text(raw))
            if len(texts) > 1:
                item: Plan = Refusal("cannot insert multiple commands into a prepared statement", "42601")
            else:
                item = await self._plan_typed(texts[0], types) if texts else Forward("")
        except (LexError, UnicodeDecodeError, OverflowError) as bad:
            item = unreadable(bad)
        self.parsed = name
        self.statements.pop(name, None)
        self.texts[name] = self.current = texts[0] if texts else ""
        if isinstance(item, Forward):
            if item.lock:
                self.statements[name] = item
                if not await self._lock(item.lock):
                    return
            self._queue(messages.parse(name, item.sql, types))
        elif isinstance(item, Refusal):
            await self.flush()
            await self.refuse(item)
            self.skipping = True
        else:
            self.statements[name] = item
            await self._reply(messages.PARSE_COMPLETE)

    async def _plan_typed(self, sql: str, types: bytes) -> Plan:
        """The plan of a statement, given the counted list of its parameters' type oids."""
        oids = [int.from_bytes(types[at : at + 4], "big") for at in range(2, len(types) - 3, 4)]
        return refuse_untyped(sql, oids) or await self.checked(sql, await self.plan(sql))

    async def _bind(self, body: bytes) -> None:
        (portal, name), rest = messages.split_strings(body, 2)
        self.portals.pop(portal, None)
        self.portal_texts[portal] = self.current = self.texts.get(name, "")
        item = self.statements.get(name)
        if await self._declares_second_cursor([self.current]):
            await self.refuse(SECOND_CURSOR)
            self.skipping = True
            return
        if isinstance(item, Forward) and item.lock and not await self._lock(item.lock):
            return
        if item is None or isinstance(item, Forward):
            self._queue(messages.message(b"B", body))
        elif _parameter_count(rest):
            await self.flush()
            await self.refuse(Refusal("This statement takes no bind parameters on Redshift", "42P02"))
            self.skipping = True
        else:
            self.portals[portal] = item
            await self._reply(messages.BIND_COMPLETE)

    async def _describe(self, body: bytes) -> None:
        what, name = body[:1], body[1:-1]
        item = (self.statements if what == b"S" else self.portals).get(name)
        if item is None or isinstance(item, Forward):
            self._queue(messages.message(b"D", body))
        else:
            await self._reply((messages.NO_PARAMETERS if what == b"S" else b"") + messages.NO_DATA)

    async def _execute(self, body: bytes) -> None:
        (portal,), _ = messages.split_strings(body, 1)
        item = self.portals.get(portal)
        self.running.append((self.portal_texts.get(portal, ""), time()))
        if item is None:
            self._queue(messages.message(b"E", body))
            return
        await self.flush()
        if not self.skipping:
            self.skipping = not await self.run_special(item)

    async def _close(self, body: bytes) -> None:
        what, name = body[:1], body[1:-1]
        items = self.statements if what == b"S" else self.portals
        item = items.pop(name, None)
        (self.texts if what == b"S" else self.portal_texts).pop(name, None)
        if item is None or isinstance(item, Forward):
            self._queue(messages.message(b"C", body))
        else:
            await self._reply(messages.CLOSE_COMPLETE)

    async def _flush_message(self, _body: bytes) -> None:
        await self.flush()

    async def _refuse_copy_data(self, _body: bytes) -> None:
        """CopyData, CopyDone, CopyFail outside a COPY are ignored, as the protocol requires."""

    async def _function_call(self, _body: bytes) -> None:
        await self.flush()
        await self.refuse(Refusal("Function calls of the wire protocol are not supported by Redshift"))
        await self.client.send(messages.ready(self.backend.status))

    _HANDLERS: ClassVar[dict[bytes, Callable[[Extended, bytes], Awaitable[None]]]] = {
        b"P": _parse,
        b"B": _bind,
        b"D": _describe,
        b"E": _execute,
        b"C": _close,
        b"H": _flush_message,
        b"F": _function_call,
        b"d": _refuse_copy_data,
        b"c": _refuse_copy_data,
        b"f": _refuse_copy_data,
    }

    async def sync(self) -> None:
        """End of a batch: everything queued goes out, and replies come back until the backend is ready."""
        self.skipping = False
        await self.backend.send(bytes(self.out) + messages.SYNC)
        self._clear()
        relay = await self._relay(Relay(self.translate, refuse_type=self.unreadable_type))
        self._log_batch()
        if relay.refused:
            await self._refuse_unreadable()
            await self.client.send(messages.ready(self.backend.status))
        await self._end_batch()


def _parameter_count(rest: bytes) -> int:
    formats = int.from_bytes(rest[:2], "big")
    return int.from_bytes(rest[2 + 2 * formats : 4 + 2 * formats], "big")
