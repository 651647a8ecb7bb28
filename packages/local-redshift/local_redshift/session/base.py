"""What both protocols of a session share: state, relaying, write locks, the log, and statements that the proxy runs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from time import time

from local_redshift.config import Config
from local_redshift.protocol import messages
from local_redshift.protocol.backend import Backend, BackendError, client_error
from local_redshift.protocol.error_translation import translate
from local_redshift.protocol.relay import Relay
from local_redshift.protocol.stream import Stream
from local_redshift.session.key_checks import broken_key
from local_redshift.session.planner import Planner
from local_redshift.session.query_log import Entry, QueryLog
from local_redshift.sql.lexer import first_word, quote_name
from local_redshift.sql.refusal import Refusal
from local_redshift.statements.plan import Forward, Load, Plan, Script, Unload

LOCK_MODE = "IN SHARE ROW EXCLUSIVE MODE"  # writers wait for each other, readers do not
_INTERVAL = 1186  # the type's oid
_UNREADABLE_INTERVAL = Refusal(
    "redshift_connector misreads an INTERVAL from the local Redshift", hint="Cast it: …::varchar."
)
# A cluster, here this process, runs one VACUUM at a time (r_VACUUM_command).
_VACUUM_RUNS = Refusal("VACUUM is running", "XX000", hint="re-execute after other vacuum finished")
# Redshift's message; one cursor may be open in a session (https://docs.aws.amazon.com/redshift/latest/dg/declare.html).
SECOND_CURSOR = Refusal("opening multiple cursors from within the same client connection is not allowed.", "24000")
_OPEN_CURSORS = """SELECT 1 FROM pg_cursors
WHERE name <> '' AND NOT starts_with(name, 'redshift_') AND statement ILIKE '%declare%' LIMIT 1"""
_DELETING = (b"DELETE", b"UPDATE", b"MERGE")
_vacuum = asyncio.Lock()


class SessionBase(Planner):
    """The state of one connection after login, and what both protocols need."""

    def __init__(
        self, config: Config, client: Stream, backend: Backend, parameters: dict[str, str], log: QueryLog
    ) -> None:
        self.config = config
        self.client = client
        self.translate = functools.partial(translate, mode=config.mode)
        self.backend = backend
        self.parameters = parameters
        self.out = bytearray()  # messages for the backend that are not sent yet
        self.replies = 0  # terminal replies to expect for `out`
        self.statements: dict[bytes, Plan] = {}
        self.portals: dict[bytes, Plan] = {}
        self.locked: set[str] = set()
        self.texts: dict[bytes, str] = {}  # statement name -> SQL as the client wrote it, for the log
        self.portal_texts: dict[bytes, str] = {}
        self.running: list[tuple[str, float]] = []
        self.error = ""  # the message of the error that ended the batch
        self.tags: list[bytes] = []  # of the batch's CommandComplete messages
        self.current = ""  # the statement parsed or bound last
        self.log = log
        self.skipping = False
        self.unreadable_type = _INTERVAL if "client_protocol_version" in parameters else None
        self.deleted = False  # the transaction has marked rows for deletion
        self.lock_count = 0
        self.parsed = b""  # the statement parsed last

    async def flush(self) -> None:
        """Send what is queued and pass on its replies."""
        if not self.replies:
            return
        await self.backend.send(bytes(self.out) + messages.FLUSH)
        relay = Relay(self.translate, replies=self.replies, refuse_type=self.unreadable_type)
        self._clear()
        await self._relay(relay)
        self.error = self.error or relay.error
        self.skipping = relay.failed or relay.refused
        if relay.refused:
            await self._refuse_unreadable()

    def _queue(self, message: bytes) -> None:
        self.out += message
        self.replies += 1

    def _clear(self) -> None:
        self.out.clear()
        self.replies = 0

    async def _reply(self, reply: bytes) -> None:
        await self.flush()
        if not self.skipping:
            self.client.write(reply)

    async def _relay(self, relay: Relay) -> Relay:
        await self.backend.relay(self.client, relay)
        self.tags += relay.tags
        self.deleted = self.deleted or any(tag.startswith(_DELETING) for tag in relay.tags)
        self.error = self.error or relay.error
        return relay

    async def _lock(self, table: str) -> bool:
        """Take a write lock in the extended protocol, before the statement's snapshot; False when that failed."""
        if table in self.locked:
            return True
        await self.flush()
        if self.skipping:
            return False
        # LOCK needs a transaction block; the first Execute starts one, and takes no snapshot.
        self.lock_count += 1
        names = (f"redshift_block_{self.lock_count}", f"redshift_lock_{self.lock_count}")
        request = messages.execute_now("RESET redshift.nothing", names[0])
        request += messages.execute_now(f"LOCK TABLE {table} {LOCK_MODE}", names[1]) + messages.FLUSH
        try:
            await self.backend.exchange(request, replies=8)
        except BackendError as error:
            self.client.write(client_error(error))
            self.skipping = True
            return False
        self.locked.add(table)
        return True

    async def _lock_in_block(self, table: str | None) -> bool:
        if table is None or table in self.locked:
            return True
        try:
            await self.backend.query(f"LOCK TABLE {table} {LOCK_MODE}")
        except BackendError as error:
            await self.client.send(client_error(error))
            return False
        self.locked.add(table)
        return True

    async def _declares_second_cursor(self, texts: list[str]) -> bool:
        """Whether a statement declares a cursor while another one is open."""
        if not any(first_word(sql) == "declare" for sql in texts):
            return False
        await self.flush()
        if self.skipping or self.backend.status != b"T":
            return False
        self.lock_count += 1
        request = messages.execute_now(_OPEN_CURSORS, f"redshift_cursors_{self.lock_count}") + messages.FLUSH
        return bool((await self.backend.exchange(request, replies=4)).rows)

    def _log_batch(self, hidden: int = 0) -> None:
        """Log what the batch has run, with the result of each statement."""
        tags, ended = self.tags[hidden:], time()
        if self.error and not self.running:
            self.running.append((self.current, ended))  # it failed before its Execute
        for at, (sql, started) in enumerate(self.running):
            tag = tags[at][:-1].split() if at < len(tags) else []
            rows = int(tag[-1]) if tag and tag[-1].isdigit() else 0
            error = self.error if at >= len(tags) and self.error else None
            identity = (self.parameters["database"], self.parameters["user"], self.backend.pid)
            self.log.add(Entry(*identity, sql, started, ended, rows, error))
        self.running.clear()
        self.tags.clear()
        self.error = ""

    async def _end_batch(self) -> None:
        if self.backend.status != b"I":
            return
        self.locked.clear()
        if self.deleted:
            self.deleted = False
            # PostgreSQL would keep the number of deleted rows to itself for seconds, and SVV_TABLE_INFO reads it.
            await self.backend.query("SELECT pg_stat_force_next_flush()")

    async def run_special(self, item: Plan, multiple: bool = False) -> bool:
        """Run a plan that is not forwarded, and reply to the client without ReadyForQuery. False when it failed."""
        try:
            if isinstance(item, Refusal):
                await self.refuse(item)
                return False
            if self.backend.status == b"E":
                await self.backend.query("SELECT 1")  # PostgreSQL's own 25P02
            reply = await self._special(item, multiple)
        except BackendError as error:
            self.error = str(error)
            await self.client.send(client_error(error, self.config.mode))
            return False
        self.client.write(reply)
        self.tags.append(b"\0")
        return True

    async def _special(self, item: Plan, multiple: bool) -> bytes:
        if isinstance(item, Script):
            return await self._script(item, multiple)
        # boto3 is slow to import, and most sessions never load.
        from local_redshift.copy.run import run_copy
        from local_redshift.unload.run import run_unload

        if isinstance(item, Load):
            return await run_copy(self, item.command)
        assert isinstance(item, Unload)
        return await run_unload(self, item.command, await self.plan(item.command.query))

    async def _script(self, item: Script, multiple: bool) -> bytes:
        if item.outside_block and self.backend.status == b"T":
            where = "a multiple commands statement" if multiple else "a transaction block"
            raise await self.failure(Refusal(f"{item.outside_block} cannot run inside {where}", "25001"))
        if not item.alone:
            return await self._script_now(item)
        if _vacuum.locked():
            raise await self.failure(_VACUUM_RUNS)
        async with _vacuum:
            return await self._script_now(item)

    async def _script_now(self, item: Script) -> bytes:
        if item.separately:
            for sql in item.statements:
                await self.backend.query(sql)
            return messages.command_complete(item.tag or "")
        lock = [f"LOCK TABLE {item.lock} {LOCK_MODE}"] if item.lock else []
        result = await self.backend.query(";".join([*lock, *item.statements]))
        self.deleted = self.deleted or bool(lock)
        if item.commits and self.backend.status == b"T":
            await self.backend.query("COMMIT")
        notices = b"".join(messages.notice(fields.get("M", ""), fields.get("S", "INFO")) for fields in result.notices)
        return notices + messages.command_complete(item.tag or result.tags[len(lock)])

    async def checked(self, sql: str, item: Plan) -> Plan:
        """The plan, or a refusal of a statement that relies on a key which the data breaks, by the settings."""
        if self.config.check_keys == "off" or not isinstance(item, Forward):
            return item
        await self.flush()
        if self.skipping or (broken := await broken_key(self.backend, sql)) is None:
            return item
        if self.config.check_keys == "error":
            return Refusal(broken, "XX000", hint="LOCAL_REDSHIFT_CHECK_KEYS is error.")
        self.client.write(messages.notice(broken, "WARNING"))
        return item

    async def refuse(self, refusal: Refusal) -> None:
        """Send an error of the proxy's own, after failing the backend's transaction as an error does."""
        self.error = refusal.message
        await self.client.send(client_error(await self.failure(refusal)))

    async def _refuse_unreadable(self) -> None:
        """Refuse a result that the client would misread; deallocate the statement, whose name will be used again."""
        if self.parsed:
            await self.backend.query(f"DEALLOCATE {quote_name(self.parsed.decode('utf-8', 'replace'))}")
        await self.refuse(_UNREADABLE_INTERVAL)

    async def failure(self, refusal: Refusal) -> BackendError:
        """Fail the open transaction, if any, and return the error to raise."""
        if self.backend.status == b"T":
            with contextlib.suppress(BackendError):  # intended: the transaction has failed now
                await self.backend.query("refused")
        fields = {"S": "ERROR", "C": refusal.code, "M": refusal.message, "D": refusal.detail, "H": refusal.hint}
        return BackendError({key: value for key, value in fields.items() if value is not None})
