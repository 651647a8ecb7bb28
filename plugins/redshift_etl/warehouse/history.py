"""``etl.load_history``: a row for each committed load, written in the load's own transaction; and its readers.

Builds of marts (``etl.mart_builds``) are read beside the loads wherever the question is when a table was written. Times
are stored in UTC without a zone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from redshift_etl.warehouse.model import Counts, Run
from redshift_etl.warehouse.session import Connect, Session, open_session
from redshift_etl.warehouse.statement import Statement, insert_row
from redshift_etl.window import Window, aware_utc, naive_utc

TABLE = "etl.load_history"
HARD_DELETES = "hard_deletes"
"""The kind of a comparison of keys (``tombstones``), and the DAG of them. A table is no fresher for one."""
LOADS = f"load_kind <> '{HARD_DELETES}'"
"""The condition of the rows of loads."""


@dataclass(frozen=True)
class LoadRecord:
    """A committed load of a table or build of a mart. Times are UTC with a zone; None where it has no such value."""

    table: str
    load_id: str
    dag_id: str
    run_id: str
    committed_at: datetime
    window_start: datetime | None = None
    window_end: datetime | None = None
    rows_after: int | None = None
    staged: int = 0
    counts: Counts = field(default_factory=Counts)

    def as_dict(self) -> dict[str, object]:
        """For XCom: the id and the counts."""
        names = ("load_id", "table", "staged", "rows_after")
        return {name: getattr(self, name) for name in names} | asdict(self.counts)


def insert(
    record: LoadRecord,
    kind: str,
    run: Run,
    *,
    extracted: int,
    rejected: int,
    extracted_at: datetime,
    started_at: datetime,
    manifest: str | None = None,
) -> Statement:
    """Record a load; ``kind`` is how it was written, counts are rows."""
    row: dict[str, object] = {
        "load_id": record.load_id,
        "table_name": record.table,
        "load_kind": kind,
        "window_start": naive_utc(record.window_start),
        "window_end": naive_utc(record.window_end),
        **asdict(run),
        "manifest": manifest,
        "extracted": extracted,
        "staged": record.staged,
        **asdict(record.counts),
        "rejected": rejected,
        "rows_after": record.rows_after,
        "extracted_at": naive_utc(extracted_at),
        "started_at": naive_utc(started_at),
        "committed_at": naive_utc(record.committed_at),
        "seconds": (record.committed_at - started_at).total_seconds(),
    }
    return insert_row(TABLE, row, "record the load")


_COLUMNS = "table_name, load_id, dag_id, run_id, committed_at, window_start, window_end, rows_after"
_BUILD_COLUMNS = (
    "mart_name, build_id, dag_id, run_id, built_at, CAST(NULL AS TIMESTAMP), CAST(NULL AS TIMESTAMP), "
    "CAST(NULL AS BIGINT)"
)


def _record(row: tuple[Any, ...]) -> LoadRecord:
    table, load_id, dag_id, run_id, committed_at, start, end, rows_after = row
    times = aware_utc(committed_at), aware_utc(start), aware_utc(end)
    return LoadRecord(table, load_id, dag_id, run_id, *times, rows_after)


def find_committed(session: Session, load_id: str) -> LoadRecord | None:
    """The load of that id, if an earlier attempt committed it, for a session behind the LOCK of its table."""
    rows = session.run(
        Statement(
            "check whether the load was committed",
            f"SELECT {_COLUMNS}, staged, inserted, updated, unchanged, deleted, superseded, marked_deleted\n"
            f"FROM {TABLE} WHERE load_id = %s",
            (load_id,),
        )
    )
    if not rows:
        return None
    *columns, staged, inserted, updated, unchanged, deleted, superseded, marked = rows[0]
    counts = Counts(inserted, updated, unchanged, deleted, superseded, marked)
    return LoadRecord(**{**vars(_record(tuple(columns))), "staged": staged, "counts": counts})


def newest_extract(table: str) -> Statement:
    """When the source of the newest committed load of a table was read."""
    return Statement(
        "read the time of the newest extract",
        f"SELECT MAX(extracted_at) FROM {TABLE} WHERE table_name = %s AND {LOADS}",
        (table,),
    )


def read_newest_extract(connect: Connect, table: str) -> datetime | None:
    """The same (UTC), by a connection and transaction of its own.

    A transaction that both reads and writes this table would conflict with each such other one, under serializable
    isolation. Whoever has the table's lock reads the last commit all the same.
    """
    with open_session(connect, table) as session:
        newest: datetime | None = session.value(newest_extract(table))
        return aware_utc(newest)


def windows_read_later(connect: Connect, table: str, window: Window | None, extracted_at: datetime) -> list[Window]:
    """The windows of the committed loads of a table that overlap with this one and were read later than a moment.

    By a connection of its own, as ``read_newest_extract``.
    """
    if window is None:
        return []
    statement = Statement(
        "read the windows that were read later",
        f"SELECT DISTINCT window_start, window_end FROM {TABLE}\n"
        "WHERE table_name = %s AND extracted_at > %s AND window_start < %s AND window_end > %s",
        (table, naive_utc(extracted_at), naive_utc(window.end), naive_utc(window.start)),
    )
    with open_session(connect, table) as session:
        return [Window(aware_utc(start), aware_utc(end)) for start, end in session.run(statement)]


def neighbouring_reads(connect: Connect, table: str, moment: datetime) -> tuple[datetime | None, datetime | None]:
    """When a table's source was last read up to a moment, and first read after it (UTC), by its committed loads.

    By a connection of its own, as ``read_newest_extract``.
    """
    statement = Statement(
        "read when the neighbouring copies were read",
        "SELECT MAX(CASE WHEN extracted_at <= %s THEN extracted_at END),\n"
        f"    MIN(CASE WHEN extracted_at > %s THEN extracted_at END)\nFROM {TABLE} WHERE table_name = %s",
        (naive_utc(moment), naive_utc(moment), table),
    )
    with open_session(connect, table) as session:
        before, after = session.run(statement)[0]
        return aware_utc(before), aware_utc(after)


def newest() -> Statement:
    """For each table and mart: when it was last written, and up to when its source was read, had rows, was live.

    A window was read live when its load was committed within two days of its end: those of a backfill are not.
    """
    whole = "WHEN load_kind IN ('full_refresh', 'snapshot') THEN extracted_at"
    return Statement(
        "read how far each table is",
        f"""SELECT table_name, MAX(committed_at),
    MAX(CASE WHEN window_end IS NOT NULL THEN window_end {whole} END),
    MAX(CASE WHEN staged = 0 THEN NULL WHEN window_end IS NOT NULL THEN window_end {whole} END),
    MAX(CASE WHEN committed_at < DATEADD(day, 2, window_end) THEN window_end END)
FROM {TABLE} WHERE {LOADS} GROUP BY table_name
UNION ALL
SELECT mart_name, MAX(built_at), CAST(NULL AS TIMESTAMP),
    CAST(DATEADD(day, 1, MAX(CASE WHEN rows_written > 0 THEN day END)) AS TIMESTAMP), CAST(NULL AS TIMESTAMP)
FROM etl.mart_builds GROUP BY mart_name""",
    )


def last_loads(session: Session) -> dict[str, LoadRecord]:
    """The newest load of each table and the newest build of each mart, by table."""
    rows = session.run(
        Statement(
            "read the last loads",
            f"""SELECT {_COLUMNS} FROM (
    SELECT {_COLUMNS},
        ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY committed_at DESC, load_id) AS place
    FROM (
        SELECT {_COLUMNS} FROM {TABLE} WHERE {LOADS}
        UNION ALL
        SELECT {_BUILD_COLUMNS} FROM etl.mart_builds
    ) AS loads
) AS ordered WHERE place = 1""",
        )
    )
    return {record.table: record for record in map(_record, rows)}


def committed_since(session: Session, moment: datetime) -> list[LoadRecord]:
    """Every load and build committed after a moment, oldest first."""
    since = naive_utc(moment)
    rows = session.run(
        Statement(
            "read what was committed since",
            f"""SELECT {_COLUMNS} FROM {TABLE} WHERE committed_at > %s
UNION ALL
SELECT DISTINCT {_BUILD_COLUMNS} FROM etl.mart_builds WHERE built_at > %s
ORDER BY 5""",
            (since, since),
        )
    )
    return [_record(row) for row in rows]


def committed_by(session: Session, dag_id: str, run_id: str, since: datetime | None = None) -> dict[str, int]:
    """How many loads and builds a run has committed, by table; ``since`` a moment if one is given."""
    values = (dag_id, run_id, naive_utc(since or datetime.fromtimestamp(0, UTC)))
    rows = session.run(
        Statement(
            "read what the run committed",
            f"SELECT table_name, COUNT(*) FROM {TABLE} WHERE dag_id = %s AND run_id = %s AND committed_at >= %s\n"
            "GROUP BY table_name\n"
            "UNION ALL\n"
            "SELECT mart_name, COUNT(DISTINCT build_id) FROM etl.mart_builds\n"
            "WHERE dag_id = %s AND run_id = %s AND built_at >= %s\n"
            "GROUP BY mart_name",
            values * 2,
        )
    )
    return {str(table): int(loads) for table, loads in rows}


def loaded_windows(session: Session, table: str) -> list[Window]:
    """The windows of a table's committed loads."""
    rows = session.run(
        Statement(
            "read the windows loaded",
            f"SELECT DISTINCT window_start, window_end FROM {TABLE}\n"
            "WHERE table_name = %s AND window_start IS NOT NULL",
            (table,),
        )
    )
    return [Window(aware_utc(start), aware_utc(end)) for start, end in rows]


def recent_staged(table: str, window: Window | None, loads: int) -> tuple[str, tuple[object, ...]]:
    """A SELECT of ``staged`` of the newest loads of a table, and its values: the newest load of each window.

    Only windows of the same length count, so that a day is not compared with a year.
    """
    same_length = "DATEDIFF(second, window_start, window_end) = %s" if window else "window_start IS NULL"
    length = (int((window.end - window.start).total_seconds()),) if window else ()
    one = "window_start" if window else "load_id"
    sql = f"""SELECT staged FROM (
            SELECT staged, committed_at, ROW_NUMBER() OVER (PARTITION BY {one} ORDER BY committed_at DESC) AS place
            FROM {TABLE}
            WHERE table_name = %s AND {same_length}
        ) AS placed
        WHERE place = 1 ORDER BY committed_at DESC LIMIT {loads}"""
    return sql, (table, *length)
