"""One client's connection: reads its messages up to Sync or Query, plans each statement, and forwards or runs it.

Ordinary statements are forwarded with their text replaced, so that types, portals, cursors and row bytes stay
PostgreSQL's own. The others are run by the proxy on the same backend.
"""

from __future__ import annotations

import asyncio
from time import time

from local_redshift.protocol import messages
from local_redshift.protocol.relay import Relay
from local_redshift.session.base import LOCK_MODE, SECOND_CURSOR
from local_redshift.session.extended import Extended
from local_redshift.session.planner import statement_text, statements, unreadable
from local_redshift.sql.lexer import LexError
from local_redshift.statements.plan import Forward, Plan

_TURN = 100  # statements planned before the other sessions get a turn


class Session(Extended):
    """A session with both protocols."""

    async def run(self) -> None:
        """Serve the client until it disconnects. Raises StreamClosedError, messages.ProtocolError."""
        while True:
            kind, body = await self.client.message()
            if kind == b"X":
                return
            if kind == b"Q":
                await self.simple(body)
            elif kind == b"S":
                await self.sync()
            elif not self.skipping:
                await self.extended(kind, body)

    async def simple(self, body: bytes) -> None:
        """One Query message: any number of statements, one transaction unless they contain BEGIN or COMMIT."""
        texts: list[str] = []
        plans: list[Plan]
        try:
            texts = await statements(statement_text(body))
            plans = [SECOND_CURSOR] if await self._declares_second_cursor(texts) else await self._plans(texts)
        except (LexError, UnicodeDecodeError, OverflowError) as bad:
            plans = [unreadable(bad)]
        self.running = [(sql, time()) for sql in texts]
        if all(isinstance(item, Forward) for item in plans):
            await self._forward([item for item in plans if isinstance(item, Forward)])
        elif len(plans) == 1:
            await self.run_special(plans[0])
            await self.client.send(messages.ready(self.backend.status))
        else:
            await self._mixed(plans)
        self._log_batch()
        await self._end_batch()

    async def _plans(self, texts: list[str]) -> list[Plan]:
        plans = []
        for count, sql in enumerate(texts, 1):
            plans.append(await self.checked(sql, await self.plan(sql)))
            if count % _TURN == 0:
                await asyncio.sleep(0)  # plans from the cache never wait, and the other sessions would
        return plans

    async def _forward(self, plans: list[Forward]) -> None:
        parts, drop = [], []
        for item in plans:
            if item.lock and item.lock not in self.locked:
                parts.append(f"LOCK TABLE {item.lock} {LOCK_MODE}")
                drop.append(True)
                self.locked.add(item.lock)
            parts.append(item.sql)
            drop.append(False)
        await self.backend.send(messages.query(";".join(parts)))
        await self._relay(Relay(self.translate, drop=drop if any(drop) else ()))
        self._log_batch(hidden=sum(drop))

    async def _mixed(self, plans: list[Plan]) -> None:
        """Run statements of which some are not forwarded one by one, in a transaction where the client has none."""
        own = False
        for item in plans:
            if self.backend.status == b"I":
                await self.backend.query("BEGIN")
                own = True
            if isinstance(item, Forward):
                own = own and item.sql != "BEGIN"
                failed = await self._forward_one(item)
            else:
                failed = not await self.run_special(item, multiple=True)
            if failed:
                break
        if own and self.backend.status != b"I":
            await self.backend.query("COMMIT")  # a failed transaction is rolled back by it
        await self.client.send(messages.ready(self.backend.status))

    async def _forward_one(self, item: Forward) -> bool:
        if not await self._lock_in_block(item.lock):
            return True
        await self.backend.send(messages.query(item.sql))
        return (await self._relay(Relay(self.translate, keep_ready=False))).failed
