"""Statistics of tables by Redshift's own views: who reads them, and whether they need ANALYZE or VACUUM.

STL views are not on serverless and have some days only; SYS views are on both
(https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html). So reads are queried from whichever exists,
and recorded each day in ``etl.table_reads``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redshift_etl.errors import TransientError
from redshift_etl.warehouse import migrate
from redshift_etl.warehouse.locks import lock
from redshift_etl.warehouse.session import Connect, StatementError, open_session
from redshift_etl.warehouse.statement import Statement, ident, insert_rows
from redshift_etl.window import naive_utc

log = logging.getLogger(__name__)

READS = "etl.table_reads"
UNUSED_AFTER = timedelta(days=90)
STATS_OFF_PCT = 10  # AWS, "Analyzing tables": statistics are taken for stale from 10 %
UNSORTED_PCT = 20  # AWS, VACUUM: below this it sorts nothing
DELETED_SHARE = 0.1
_BUSY = "VACUUM is running"


@dataclass(frozen=True)
class Table:
    """A row of SVV_TABLE_INFO; NULL where Redshift has no value."""

    name: str
    megabytes: int
    rows: int
    visible_rows: int
    stats_off: float
    unsorted: float

    def maintenance(self) -> tuple[Statement, ...]:
        """The statements that it needs, VACUUM before ANALYZE."""
        needed = []
        deleted = 1 - self.visible_rows / self.rows if self.rows else 0
        if self.unsorted > UNSORTED_PCT or deleted > DELETED_SHARE:
            needed.append(Statement(f"vacuum {self.name}", f"VACUUM {ident(self.name)}"))
        if self.stats_off > STATS_OFF_PCT:
            needed.append(Statement(f"analyze {self.name}", f"ANALYZE {ident(self.name)}"))
        return tuple(needed)


@dataclass(frozen=True)
class Read:
    """When a table was last read by others (UTC, None if never seen), and since when its reads are recorded."""

    monitored_from: datetime
    last_read_at: datetime | None


def tables() -> Statement:
    """Every user table with its size, rows and state; empty ones are not listed (AWS, SVV_TABLE_INFO)."""
    return Statement(
        "read the tables' state",
        'SELECT TRIM("schema") || \'.\' || TRIM("table"), size, tbl_rows, COALESCE(estimated_visible_rows, tbl_rows),\n'
        "    COALESCE(stats_off, 0), COALESCE(unsorted, 0)\n"
        "FROM svv_table_info ORDER BY 1",
    )


def reads_queries() -> tuple[Statement, ...]:
    """Last reads by other users than this one: of STL_SCAN, else of the SYS views."""
    purpose = "read who reads the tables"
    return (
        Statement(
            purpose,
            'SELECT TRIM(t."schema") || \'.\' || TRIM(t."table"), MAX(s.starttime)\n'
            "FROM stl_scan AS s INNER JOIN svv_table_info AS t ON t.table_id = s.tbl\n"
            "WHERE s.userid > 1 AND s.userid <> (SELECT usesysid FROM pg_user WHERE usename = CURRENT_USER)\n"
            "GROUP BY 1",
        ),
        Statement(
            purpose,
            'SELECT TRIM(t."schema") || \'.\' || TRIM(t."table"), MAX(s.start_time)\n'
            "FROM sys_query_detail AS s INNER JOIN svv_table_info AS t ON t.table_id = s.table_id\n"
            "WHERE s.step_name = 'scan' AND s.user_id > 1\n"
            "    AND s.user_id <> (SELECT usesysid FROM pg_user WHERE usename = CURRENT_USER)\n"
            "GROUP BY 1",
        ),
    )


def read_tables(connect: Connect) -> list[Table]:
    """The state of every table."""
    with open_session(connect, "table maintenance") as session:
        rows = session.run(tables())
    return [
        Table(str(name), int(mb), int(n), int(seen), float(off), float(uns)) for name, mb, n, seen, off, uns in rows
    ]


def record_reads(connect: Connect, now: datetime) -> dict[str, Read]:
    """Bring ``etl.table_reads`` up to date and return it. Without either view no read is added, with a warning."""
    migrate.ensure(connect, READS)
    seen = _last_reads(connect)
    existing = [table.name for table in read_tables(connect)]
    moment = naive_utc(now)
    with open_session(connect, READS) as session, session.transaction():
        session.run(lock(READS))
        known = {name: Read(since, last) for name, since, last in session.run(_all_reads())}
        merged = merge(known, seen, existing, moment)
        session.run(Statement("delete the old reads", f"DELETE FROM {READS}"))
        if merged:
            rows = [(name, read.monitored_from, read.last_read_at) for name, read in merged.items()]
            names = ("table_name", "watched_from", "last_read_at")
            session.run_step(insert_rows(READS, names, rows, "record the reads"))
    return merged


def merge(
    known: Mapping[str, Read], seen: Mapping[str, datetime], existing: Sequence[str], now: datetime
) -> dict[str, Read]:
    """What is known of the tables that exist, with what was seen now. Pure."""
    merged = {}
    for name in existing:
        before = known.get(name, Read(now, None))
        last = max(filter(None, (before.last_read_at, seen.get(name))), default=None)
        merged[name] = Read(before.monitored_from, last)
    return merged


def unused(reads: Mapping[str, Read], now: datetime) -> list[str]:
    """The tables that nobody has read for ``UNUSED_AFTER``, and whose reads have been recorded as long. Pure."""
    limit = naive_utc(now) - UNUSED_AFTER
    return sorted(name for name, read in reads.items() if max(read.monitored_from, read.last_read_at or limit) <= limit)


def _all_reads() -> Statement:
    return Statement("read the recorded reads", f"SELECT table_name, watched_from, last_read_at FROM {READS}")


def _last_reads(connect: Connect) -> dict[str, datetime]:
    for query in reads_queries():
        try:
            with open_session(connect, "table maintenance") as session:
                return {str(name): moment for name, moment in session.run(query)}
        except StatementError as error:
            log.info("This warehouse does not have the view: %s", error.message)
    log.warning("Neither STL_SCAN nor SYS_QUERY_DETAIL can be read: no reads are recorded today")
    return {}


def maintain(connect: Connect, found: Sequence[Table], dry_run: bool) -> list[str]:
    """VACUUM and ANALYZE what needs it, one at a time, outside a transaction. Returns the statements.

    Raises TransientError when another VACUUM runs: a cluster has one at a time (AWS, VACUUM).
    """
    statements = [statement for table in found for statement in table.maintenance()]
    if not dry_run and statements:
        with open_session(connect, "table maintenance") as session:
            session.connection.autocommit = True
            for statement in statements:
                try:
                    session.run(statement)
                except StatementError as error:
                    if _BUSY in error.message:
                        raise TransientError(f"{error.message}.", fix="nothing: it is tried again") from error
                    log.warning("Could not %s: %s", statement.purpose, error.message)
    return [statement.sql for statement in statements]
