"""One client's connection: reads its messages up to Sync or Query, plans each statement, and relays or carries it out.

Ordinary statements are forwarded with their text replaced, so that types, portals, cursors and row bytes stay
PostgreSQL's own. A special statement (a Script, COPY, UNLOAD, or one that is refused) never reaches the backend by
name: Parse, Bind and Describe are answered here, and Execute does its work with simple queries on the same backend,
in the client's transaction.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar

from local.redshift import functions, wire
from local.redshift.config import Config
from local.redshift.errors import translate
from local.redshift.lexer import LexError, quote_name, split
from local.redshift.link import Backend, BackendError, Link, client_error
from local.redshift.plans import Forward, Load, Plan, Refusal, Script, Unload
from local.redshift.query_log import ASKED, Entry, QueryLog, now
from local.redshift.relay import Relay
from local.redshift.rewrite import Known, plan

_CACHED_PLANS = 512
_CACHED_LENGTH = 20_000
_NEEDED_ROUNDS = 8
MAX_STATEMENT = 16 << 20  # bytes; developer guide, amazon-redshift-limits
_LOCK_MODE = "IN SHARE ROW EXCLUSIVE MODE"  # writers wait for one another, readers do not
_INTERVAL = 1186  # the type's oid
_MISREAD = Refusal("redshift_connector misreads an INTERVAL from the local Redshift", hint="Cast it: …::varchar.")
_cache: OrderedDict[str, Plan] = OrderedDict()


class Session:
    """The state of one connection after login."""

    def __init__(
        self, config: Config, client: Link, backend: Backend, parameters: dict[str, str], log: QueryLog
    ) -> None:
        self.config = config
        self.client = client
        self.backend = backend
        self.parameters = parameters
        self.out = bytearray()  # messages for the backend, not sent yet
        self.replies = 0  # terminal replies that `out` will bring
        self.statements: dict[bytes, Plan] = {}
        self.portals: dict[bytes, Plan] = {}
        self.locked: set[str] = set()
        self.texts: dict[bytes, str] = {}  # statement name -> SQL as the client wrote it, for the log
        self.portal_texts: dict[bytes, str] = {}
        self.running: list[tuple[str, datetime]] = []
        self.failed = ""  # the message of the error that ended the batch
        self.tags: list[bytes] = []  # how the batch's statements ended
        self.current = ""  # the statement parsed or bound last
        self.log = log
        self.skipping = False
        self.misread = _INTERVAL if "client_protocol_version" in parameters else None
        self.lock_count = 0
        self.flushed: list[bytes] = []  # the tags of statements whose replies a Flush asked for
        self.parsed = b""  # the statement parsed last

    async def run(self) -> None:
        """Serve the client until it leaves. Raises GoneError, wire.ProtocolError."""
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

    # -- simple protocol
    # -------------------------------------------------------------------------------------------------------

    async def simple(self, body: bytes) -> None:
        """One Query message: any number of statements, one transaction unless they say otherwise."""
        texts: list[str] = []
        try:
            texts = split(_text(body))
            plans = [await self.plan(sql) for sql in texts]
        except (LexError, UnicodeDecodeError, OverflowError) as bad:
            plans = [_unreadable(bad)]
        self.running = [(sql, now()) for sql in texts]
        if all(isinstance(item, Forward) for item in plans):
            await self._forward([item for item in plans if isinstance(item, Forward)])
        elif len(plans) == 1:
            await self.carry_out(plans[0])
            await self.client.send(wire.ready(self.backend.status))
        else:
            await self._mixed(plans)
        self._settle()
        self._record()

    async def _forward(self, plans: list[Forward]) -> None:
        parts, drop = [], []
        for item in plans:
            if item.lock and item.lock not in self.locked:
                parts.append(f"LOCK TABLE {item.lock} {_LOCK_MODE}")
                drop.append(True)
                self.locked.add(item.lock)
            parts.append(item.sql)
            drop.append(False)
        await self.backend.send(wire.query(";".join(parts)))
        await self._relay(Relay(translate, drop=drop if any(drop) else ()))
        self._record(hidden=sum(drop))

    async def _mixed(self, plans: list[Plan]) -> None:
        """Statements of which some are special: one by one, in a transaction of our own where the client has none."""
        own = False
        for item in plans:
            if self.backend.status == b"I":
                await self.backend.ask("BEGIN")
                own = True
            if isinstance(item, Forward):
                own = own and item.sql != "BEGIN"
                failed = await self._forward_one(item)
            else:
                failed = not await self.carry_out(item, several=True)
            if failed:
                break
        if own and self.backend.status != b"I":
            await self.backend.ask("COMMIT")  # a failed transaction is rolled back by it
        await self.client.send(wire.ready(self.backend.status))

    async def _forward_one(self, item: Forward) -> bool:
        if not await self._lock_in_block(item.lock):
            return True
        await self.backend.send(wire.query(item.sql))
        return (await self._relay(Relay(translate, keep_ready=False))).failed

    # -- extended protocol
    # -----------------------------------------------------------------------------------------------------

    async def extended(self, kind: bytes, body: bytes) -> None:
        """One message of the extended protocol, except Sync."""
        handler = self._HANDLERS.get(kind)
        if handler is None:
            raise wire.ProtocolError(f"invalid frontend message type {kind[0]}")
        await handler(self, body)

    async def _parse(self, body: bytes) -> None:
        (name, raw), types = wire.cut(body, 2)
        found: list[str] = []
        try:
            found = split(_text(raw))
            if len(found) > 1:
                item: Plan = Refusal("cannot insert multiple commands into a prepared statement", "42601")
            else:
                item = await self.plan(found[0]) if found else Forward("")
        except (LexError, UnicodeDecodeError, OverflowError) as bad:
            item = _unreadable(bad)
        self.parsed = name
        self.statements.pop(name, None)
        self.texts[name] = self.current = found[0] if found else ""
        if isinstance(item, Forward):
            if item.lock:
                self.statements[name] = item
                if not await self._lock(item.lock):
                    return
            self._queue(wire.parse(name, item.sql, types))
        elif isinstance(item, Refusal):
            await self.flush()
            await self.refuse(item)
            self.skipping = True
        else:
            self.statements[name] = item
            await self._answer(wire.PARSE_COMPLETE)

    async def _bind(self, body: bytes) -> None:
        (portal, name), rest = wire.cut(body, 2)
        self.portals.pop(portal, None)
        self.portal_texts[portal] = self.current = self.texts.get(name, "")
        item = self.statements.get(name)
        if isinstance(item, Forward) and item.lock and not await self._lock(item.lock):
            return
        if item is None or isinstance(item, Forward):
            self._queue(wire.message(b"B", body))
        elif _parameter_count(rest):
            await self.flush()
            await self.refuse(Refusal("This statement takes no bind parameters on Redshift", "42P02"))
            self.skipping = True
        else:
            self.portals[portal] = item
            await self._answer(wire.BIND_COMPLETE)

    async def _describe(self, body: bytes) -> None:
        what, name = body[:1], body[1:-1]
        item = (self.statements if what == b"S" else self.portals).get(name)
        if item is None or isinstance(item, Forward):
            self._queue(wire.message(b"D", body))
        else:
            await self._answer((wire.NO_PARAMETERS if what == b"S" else b"") + wire.NO_DATA)

    async def _execute(self, body: bytes) -> None:
        (portal,), _ = wire.cut(body, 1)
        item = self.portals.get(portal)
        self.running.append((self.portal_texts.get(portal, ""), now()))
        if item is None:
            self._queue(wire.message(b"E", body))
            return
        await self.flush()
        if not self.skipping:
            self.skipping = not await self.carry_out(item)

    async def _close(self, body: bytes) -> None:
        what, name = body[:1], body[1:-1]
        known = self.statements if what == b"S" else self.portals
        item = known.pop(name, None)
        (self.texts if what == b"S" else self.portal_texts).pop(name, None)
        if item is None or isinstance(item, Forward):
            self._queue(wire.message(b"C", body))
        else:
            await self._answer(wire.CLOSE_COMPLETE)

    async def _flush_message(self, _body: bytes) -> None:
        await self.flush()

    async def _refuse_copy_data(self, _body: bytes) -> None:
        """CopyData, CopyDone, CopyFail outside a COPY are ignored, as the protocol asks."""

    async def _function_call(self, _body: bytes) -> None:
        await self.flush()
        await self.refuse(Refusal("Function calls of the wire protocol are not supported by Redshift"))
        await self.client.send(wire.ready(self.backend.status))

    _HANDLERS: ClassVar[dict[bytes, Callable[[Session, bytes], Awaitable[None]]]] = {
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
        await self.backend.send(bytes(self.out) + wire.SYNC)
        self._clear()
        relay = await self._relay(Relay(translate, refuse_type=self.misread))
        self._record()
        if relay.refused:
            await self._refuse_misread()
            await self.client.send(wire.ready(self.backend.status))
        self._settle()

    async def flush(self) -> None:
        """Send what is queued and pass on its replies."""
        if not self.replies:
            return
        await self.backend.send(bytes(self.out) + wire.FLUSH)
        relay = Relay(translate, replies=self.replies, refuse_type=self.misread)
        self._clear()
        await self._relay(relay)
        self.flushed += relay.tags
        self.failed = self.failed or relay.error
        self.skipping = relay.failed or relay.refused
        if relay.refused:
            await self._refuse_misread()

    def _queue(self, message: bytes) -> None:
        self.out += message
        self.replies += 1

    def _clear(self) -> None:
        self.out.clear()
        self.replies = 0

    async def _answer(self, reply: bytes) -> None:
        await self.flush()
        if not self.skipping:
            self.client.writer.write(reply)

    async def _relay(self, relay: Relay) -> Relay:
        await self.backend.relay(self.client.writer.write, self.client, relay)
        self.tags += relay.tags
        self.failed = self.failed or relay.error
        return relay

    # -- locks
    # -----------------------------------------------------------------------------------------------------------------

    async def _lock(self, table: str) -> bool:
        """Take a write lock in the extended protocol before the statement's snapshot; False when that failed."""
        if table in self.locked:
            return True
        await self.flush()
        if self.skipping:
            return False
        # LOCK needs a transaction block; the first Execute makes one of the batch, and takes no snapshot.
        self.lock_count += 1
        names = (f"redshift_block_{self.lock_count}", f"redshift_lock_{self.lock_count}")
        request = wire.execute_now("RESET redshift.nothing", names[0])
        request += wire.execute_now(f"LOCK TABLE {table} {_LOCK_MODE}", names[1]) + wire.FLUSH
        try:
            await self.backend.exchange(request, replies=8)
        except BackendError as error:
            self.client.writer.write(client_error(error))
            self.skipping = True
            return False
        self.locked.add(table)
        return True

    async def _lock_in_block(self, table: str | None) -> bool:
        if table is None or table in self.locked:
            return True
        try:
            await self.backend.ask(f"LOCK TABLE {table} {_LOCK_MODE}")
        except BackendError as error:
            await self.client.send(client_error(error))
            return False
        self.locked.add(table)
        return True

    def _record(self, hidden: int = 0) -> None:
        """Log what the batch has run; its replies say how each statement ended."""
        tags = self.tags[hidden:]
        if self.failed and not self.running:
            self.running.append((self.current, now()))  # it failed before its Execute
        for at, (sql, started) in enumerate(self.running):
            tag = tags[at][:-1].split() if at < len(tags) else []
            rows = int(tag[-1]) if tag and tag[-1].isdigit() else 0
            error = self.failed if at >= len(tags) and self.failed else None
            who = (self.parameters["database"], self.parameters["user"], self.backend.pid)
            self.log.add(Entry(*who, sql, started, now(), rows, error))
        self.running.clear()
        self.tags.clear()
        self.failed = ""

    def _settle(self) -> None:
        if self.backend.status == b"I":
            self.locked.clear()

    # -- special statements
    # ----------------------------------------------------------------------------------------------------

    async def carry_out(self, item: Plan, several: bool = False) -> bool:
        """Do what a special plan says and tell the client, without ReadyForQuery. False when it failed."""
        try:
            if isinstance(item, Refusal):
                await self.refuse(item)
                return False
            if self.backend.status == b"E":
                await self.backend.ask("SELECT 1")  # PostgreSQL's own 25P02
            reply = await self._special(item, several)
        except BackendError as error:
            self.failed = str(error)
            await self.client.send(client_error(error))
            return False
        self.client.writer.write(reply)
        self.tags.append(b"\0")
        return True

    async def _special(self, item: Plan, several: bool) -> bytes:
        if isinstance(item, Script):
            return await self._script(item, several)
        from local.redshift import load, unload  # boto3 is slow to import and most sessions never load

        if isinstance(item, Load):
            return await load.run(self, item.command)
        assert isinstance(item, Unload)
        return await unload.run(self, item.command)

    async def _script(self, item: Script, several: bool) -> bytes:
        if item.outside_block and self.backend.status == b"T":
            where = "a multiple commands statement" if several else "a transaction block"
            raise await self.failure(Refusal(f"{item.outside_block} cannot run inside {where}", "25001"))
        lock = [f"LOCK TABLE {item.lock} {_LOCK_MODE}"] if item.lock else []
        answer = await self.backend.ask(";".join([*lock, *item.statements]))
        if item.commits and self.backend.status == b"T":
            await self.backend.ask("COMMIT")
        notices = b"".join(wire.notice(found.get("M", ""), found.get("S", "INFO")) for found in answer.notices)
        return notices + wire.command_complete(item.tag or answer.tags[len(lock)])

    async def refuse(self, refusal: Refusal) -> None:
        """Send an error of our own, after bringing the backend's transaction into the state an error leaves."""
        self.failed = refusal.message
        await self.client.send(client_error(await self.failure(refusal)))

    async def _refuse_misread(self) -> None:
        """Refuse a result that the client would misread; forget the statement, whose name will be used again."""
        if self.parsed:
            await self.backend.ask(f"DEALLOCATE {quote_name(self.parsed.decode('utf-8', 'replace'))}")
        await self.refuse(_MISREAD)

    async def failure(self, refusal: Refusal) -> BackendError:
        """Fail the open transaction, if any, and return the error to raise."""
        if self.backend.status == b"T":
            with contextlib.suppress(BackendError):  # wanted: the transaction is failed now
                await self.backend.ask("refused")
        fields = {"S": "ERROR", "C": refusal.code, "M": refusal.message, "D": refusal.detail, "H": refusal.hint}
        return BackendError({key: value for key, value in fields.items() if value is not None})

    # -- planning
    # --------------------------------------------------------------------------------------------------------------

    async def plan(self, sql: str) -> Plan:
        """The plan for a statement, from the cache where its text alone decides."""
        if ASKED.search(sql):
            await self.log.flush()
        if (found := _cache.get(sql)) is not None:
            _cache.move_to_end(sql)
            return found
        known: dict[str, tuple[str, ...] | None] = {}
        for _ in range(_NEEDED_ROUNDS):
            try:
                item = plan(sql, known)
                break
            except functions.NeedColumns as need:
                known[need.query] = await self._columns(need.query, known)
        else:
            item = Refusal("The statement needs more column lists than the local Redshift looks up; name the columns")
        if not known and len(sql) <= _CACHED_LENGTH:
            _cache[sql] = item
            if len(_cache) > _CACHED_PLANS:
                _cache.popitem(last=False)
        return item

    async def _columns(self, query: str, known: Known) -> tuple[str, ...] | None:
        """The column names of a query, by describing it; None when it cannot be described."""
        await self.flush()
        if self.backend.status == b"E":
            return None
        item = plan(query, known)
        if not isinstance(item, Forward):
            return None
        block = self.backend.status == b"T"
        if block:
            await self.backend.ask("SAVEPOINT redshift_columns")
        try:
            request = wire.parse(b"", item.sql) + wire.message(b"D", b"S\0") + wire.SYNC
            return tuple(column[0] for column in (await self.backend.exchange(request)).columns)
        except BackendError:
            return None
        finally:
            if block:
                await self.backend.ask("ROLLBACK TO SAVEPOINT redshift_columns; RELEASE SAVEPOINT redshift_columns")


def _text(raw: bytes) -> str:
    """A statement's text. Raises UnicodeDecodeError, OverflowError beyond Redshift's limit."""
    raw = raw.removesuffix(b"\0")
    if len(raw) > MAX_STATEMENT:
        raise OverflowError(
            f"Statement is too large. Statement Size: {len(raw)} bytes. Maximum Allowed: {MAX_STATEMENT} bytes"
        )
    return raw.decode()


def _unreadable(bad: Exception) -> Refusal:
    if isinstance(bad, UnicodeDecodeError):
        return Refusal(f'invalid byte sequence for encoding "UTF8": 0x{bad.object[bad.start]:02x}', "22021")
    return Refusal(str(bad), "54000" if isinstance(bad, OverflowError) else "42601")


def _parameter_count(rest: bytes) -> int:
    formats = int.from_bytes(rest[:2], "big")
    return int.from_bytes(rest[2 + 2 * formats : 4 + 2 * formats], "big")
