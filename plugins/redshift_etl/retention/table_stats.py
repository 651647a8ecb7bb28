"""Statistics of tables by Redshift's own views: who reads them, and whether they need ANALYZE or VACUUM.

SYS_QUERY_DETAIL has what every compute resource ran, concurrency scaling included; STL_SCAN has what the main cluster
ran, and is not in workgroups nor in Multi-AZ deployments
(https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_DETAIL.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_STL_SCAN.html). Both have some days only, so reads are recorded each
day in ``etl.table_reads``. A result from the result cache scans no table and so is no read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redshift_etl.backfill import shadow_table
from redshift_etl.contracts import contract as contracts
from redshift_etl.errors import TransientError
from redshift_etl.warehouse import migrate
from redshift_etl.warehouse.retry import transaction
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session
from redshift_etl.warehouse.statement import Statement, insert_rows, qualified
from redshift_etl.window import naive_utc

log = logging.getLogger(__name__)

READS = "etl.table_reads"
UNUSED_AFTER = timedelta(days=90)
STATS_OFF_PCT = 10  # AWS, "Analyzing tables": statistics are taken for stale from 10 %
UNSORTED_PCT = 5
"""VACUUM sorts no table of which 95 percent is sorted: https://docs.aws.amazon.com/redshift/latest/dg/r_VACUUM_command.html."""
DELETED_SHARE = 0.1
VIEWS_KEEP = timedelta(days=8)  # seven days, and some hours
_WRITTEN_WITHIN = timedelta(hours=1)  # what a view may lag behind
_REFUSED = ("42501", "42P01")  # no privilege, no such view
_BUSY = "VACUUM is running"


@dataclass(frozen=True)
class Table:
    """A row of SVV_TABLE_INFO; NULL where Redshift has no value."""

    schema: str
    table: str
    megabytes: int
    rows: int
    visible_rows: int
    stats_off: float
    unsorted: float

    @property
    def name(self) -> str:
        """schema.table, for people and as a key."""
        return f"{self.schema}.{self.table}"

    def maintenance(self) -> tuple[Statement, ...]:
        """The statements that it needs, VACUUM before ANALYZE."""
        needed, quoted = [], qualified(self.schema, self.table)
        deleted = 1 - self.visible_rows / self.rows if self.rows else 0
        if self.unsorted > UNSORTED_PCT or deleted > DELETED_SHARE:
            needed.append(Statement(f"vacuum {self.name}", f"VACUUM {quoted}"))
        if self.stats_off > STATS_OFF_PCT:
            needed.append(Statement(f"analyze {self.name}", f"ANALYZE {quoted}"))
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
        'SELECT TRIM("schema"), TRIM("table"), size, tbl_rows, COALESCE(estimated_visible_rows, tbl_rows),\n'
        "    COALESCE(stats_off, 0), COALESCE(unsorted, 0)\n"
        "FROM svv_table_info ORDER BY 1, 2",
    )


def reads_queries(since: datetime) -> tuple[Statement, ...]:
    """Last reads since a time (UTC, naive) by other users than this one: of the SYS view, else of STL_SCAN."""
    purpose = "read who reads the tables"
    return (
        Statement(
            purpose,
            'SELECT TRIM(t."schema") || \'.\' || TRIM(t."table"), MAX(s.start_time)\n'
            "FROM sys_query_detail AS s INNER JOIN svv_table_info AS t ON t.table_id = s.table_id\n"
            "WHERE s.start_time >= %s AND s.step_name = 'scan' AND s.user_id > 1\n"
            "    AND s.user_id <> (SELECT usesysid FROM pg_user WHERE usename = CURRENT_USER)\n"
            "GROUP BY 1",
            (since,),
        ),
        Statement(
            purpose,
            'SELECT TRIM(t."schema") || \'.\' || TRIM(t."table"), MAX(s.starttime)\n'
            "FROM stl_scan AS s INNER JOIN svv_table_info AS t ON t.table_id = s.tbl\n"
            "WHERE s.starttime >= %s AND s.userid > 1\n"
            "    AND s.userid <> (SELECT usesysid FROM pg_user WHERE usename = CURRENT_USER)\n"
            "GROUP BY 1",
            (since,),
        ),
    )


def read_tables(connect: Connect) -> list[Table]:
    """The state of every table."""
    with open_session(connect, "table maintenance") as session:
        rows = session.run(tables())
    return [
        Table(str(schema), str(table), int(mb), int(n), int(seen), float(off), float(uns))
        for schema, table, mb, n, seen, off, uns in rows
    ]


def record_reads(connect: Connect, now: datetime) -> dict[str, Read]:
    """Bring ``etl.table_reads`` up to date and return it. Without either view no read is added, with a warning."""
    migrate.ensure(connect, READS)
    moment = naive_utc(now)
    with open_session(connect, READS) as session:
        recorded = [last for _, _, last in session.run(_all_reads()) if last]
    seen = _last_reads(connect, max(recorded, default=moment - VIEWS_KEEP) - _WRITTEN_WITHIN)
    existing = [table.name for table in read_tables(connect)]

    def record(session: Session) -> dict[str, Read]:
        """Merge what was seen into what is recorded, and write it."""
        known = {name: Read(since, last) for name, since, last in session.run(_all_reads())}
        merged = merge(known, seen, existing, moment)
        session.run(Statement("delete the old reads", f"DELETE FROM {READS}"))
        if merged:
            rows = [(name, read.monitored_from, read.last_read_at) for name, read in merged.items()]
            names = ("table_name", "watched_from", "last_read_at")
            session.run_step(insert_rows(READS, names, rows, "record the reads"))
        return merged

    return transaction(connect, READS, READS, record)


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


def _last_reads(connect: Connect, since: datetime) -> dict[str, datetime]:
    for query in reads_queries(since):
        try:
            with open_session(connect, "table maintenance") as session:
                return {str(name): moment for name, moment in session.run(query)}
        except StatementError as error:
            if error.code not in _REFUSED:
                raise
            log.info("This user may not read the view: %s", error.message)
    log.warning("Neither SYS_QUERY_DETAIL nor STL_SCAN can be read: no reads are recorded today")
    return {}


def own_tables(found: Sequence[Table]) -> list[Table]:
    """Those with a contract, and the shadows of backfills. Pure.

    On a table of another owner VACUUM ends well and does nothing, each day again; for a superuser it sorts the tables
    of other teams.
    """
    with_contract = {tuple(name.split(".", 1)) for name in contracts.all_tables()}
    return [it for it in found if (it.schema, it.table) in with_contract or it.schema == shadow_table.SCHEMA]


def maintain(connect: Connect, found: Sequence[Table], dry_run: bool) -> list[str]:
    """VACUUM and ANALYZE those of our tables that need it, one at a time, outside a transaction.

    Returns the statements. Raises TransientError when another VACUUM runs: a cluster has one at a time (AWS, VACUUM).
    """
    statements = [statement for table in own_tables(found) for statement in table.maintenance()]
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
