"""What the warehouse can say about a failure: whether the target changed, and what is late or stale because of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redshift_etl.contracts import contract as contracts
from redshift_etl.incidents.model import Failure, concerned
from redshift_etl.incidents.report import Evidence, LastLoad
from redshift_etl.warehouse import freshness
from redshift_etl.warehouse.session import Connect, Session, open_session
from redshift_etl.warehouse.statement import Statement


def gather(connect: Connect, failure: Failure, evidence: Evidence) -> None:
    """Fill in the evidence. Raises what the warehouse raises."""
    tables = concerned(failure)
    with open_session(connect, f"{failure.dag_id} {failure.run_id}") as session:
        loads = {row[0]: row for row in session.run(last_loads())}
        evidence.last_loads = [last_load(loads[table]) for table in tables if table in loads]
        evidence.committed_by_run = _committed(session, failure)
        evidence.lateness = _lateness(session, (*tables, *evidence.downstream))


def last_loads() -> Statement:
    """The newest load of each table, and the newest build of each mart."""
    return Statement(
        "read the last loads",
        """SELECT table_name, load_id, committed_at, dag_id, run_id, rows_after FROM (
    SELECT table_name, load_id, committed_at, dag_id, run_id, rows_after,
        ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY committed_at DESC, load_id) AS place
    FROM (
        SELECT table_name, load_id, committed_at, dag_id, run_id, rows_after FROM etl.load_history
        UNION ALL
        SELECT mart_name, build_id, built_at, dag_id, run_id, NULL FROM etl.mart_builds
    ) AS loads
) AS ordered WHERE place = 1""",
    )


@dataclass(frozen=True)
class Committed:
    """A load or build that was committed, and its window (UTC) if it has one."""

    table: str
    load_id: str
    dag_id: str
    run_id: str
    committed_at: datetime
    start: datetime | None
    end: datetime | None


def committed_since(session: Session, moment: datetime) -> list[Committed]:
    """Everything committed after a moment (UTC), oldest first."""
    since = moment.astimezone(UTC).replace(tzinfo=None)
    rows = session.run(
        Statement(
            "read what was committed since",
            """SELECT table_name, load_id, dag_id, run_id, committed_at, window_start, window_end
FROM etl.load_history WHERE committed_at > %s
UNION ALL
SELECT DISTINCT mart_name, build_id, dag_id, run_id, built_at, CAST(NULL AS TIMESTAMP), CAST(NULL AS TIMESTAMP)
FROM etl.mart_builds WHERE built_at > %s
ORDER BY 5""",
            (since, since),
        )
    )
    return [Committed(*row[:4], *(value and value.replace(tzinfo=UTC) for value in row[4:])) for row in rows]


def _committed(session: Session, failure: Failure) -> dict[str, int]:
    run = (failure.dag_id, failure.run_id)
    rows = session.run(
        Statement(
            "look what this run committed",
            "SELECT table_name, COUNT(*) FROM etl.load_history WHERE dag_id = %s AND run_id = %s GROUP BY table_name\n"
            "UNION ALL\n"
            "SELECT mart_name, COUNT(DISTINCT build_id) FROM etl.mart_builds WHERE dag_id = %s AND run_id = %s\n"
            "GROUP BY mart_name",
            run * 2,
        )
    )
    return {str(table): int(loads) for table, loads in rows}


def _lateness(session: Session, tables: tuple[str, ...]) -> list[str]:
    known = set(contracts.all_tables())
    now = datetime.now(UTC)
    states = freshness.look(session, [contracts.load(table) for table in tables if table in known], now)
    return [state.sentence(now) for state in states if state.status != freshness.FRESH]


def last_load(row: tuple[Any, ...]) -> LastLoad:
    """A row of ``last_loads``; its time is UTC."""
    table, load_id, committed_at, dag_id, run_id, rows_after = row
    return LastLoad(table, load_id, committed_at.replace(tzinfo=UTC), dag_id, run_id, rows_after)
