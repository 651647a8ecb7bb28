"""The context of an incident: what the run and the warehouse report about a failure, gathered for its report.

``read_warehouse`` adds whether the target has changed, and which tables are late because of the failure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from redshift_etl.contracts import contract as contracts
from redshift_etl.incidents.model import Failure, redact
from redshift_etl.warehouse import freshness
from redshift_etl.warehouse.load_sql import Statement
from redshift_etl.warehouse.session import Connect, Session, open_session

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LastLoad:
    """The newest committed load of a table (or build of a mart). Its time is UTC."""

    table: str
    load_id: str
    committed_at: datetime
    dag_id: str
    run_id: str
    rows_after: int | None = None


@dataclass
class IncidentContext:
    """What is read step by step, each step guarded; ``missing`` lists the steps that failed, and why.

    ``days`` are the UTC days of the window and ``form`` the dates of the trigger form; ``task_states`` and ``results``
    are those of the run's tasks; ``committed_by_run`` counts the run's committed loads by table, and is None if the
    warehouse could not be read; ``lateness`` has a sentence for each table that is late.
    """

    days: Sequence[str] = ()
    form: Mapping[str, str] | None = None
    task_states: Sequence[Mapping[str, Any]] = ()
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    last_loads: list[LastLoad] = field(default_factory=list)
    committed_by_run: dict[str, int] | None = None
    downstream: tuple[str, ...] = ()
    lateness: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def attempt(self, what: str, step: Callable[[], None]) -> None:
        """Run a step. Never raises: an error is logged and added to ``missing``."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 — the report names what is missing
            self.missing.append(f"{what}: {type(error).__name__}: {error}")
            log.warning("Could not read or write %s: %s", what, redact(str(error)))


def read_warehouse(connect: Connect, failure: Failure, context: IncidentContext) -> None:
    """Add the last loads, the run's commits and the late tables. Raises what the warehouse raises."""
    tables = failure.affected_tables
    with open_session(connect, f"{failure.dag_id} {failure.run_id}") as session:
        loads = {row[0]: row for row in session.run(last_loads())}
        context.last_loads = [last_load(loads[table]) for table in tables if table in loads]
        context.committed_by_run = _committed_by_run(session, failure)
        context.lateness = _lateness(session, (*tables, *context.downstream))


def last_loads() -> Statement:
    """The statement that reads the newest load of each table and the newest build of each mart."""
    return Statement(
        "read the last loads",
        """SELECT table_name, load_id, committed_at, dag_id, run_id, rows_after FROM (
    SELECT table_name, load_id, committed_at, dag_id, run_id, rows_after,
        ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY committed_at DESC, load_id) AS position
    FROM (
        SELECT table_name, load_id, committed_at, dag_id, run_id, rows_after FROM etl.load_history
        UNION ALL
        SELECT mart_name, build_id, built_at, dag_id, run_id, NULL FROM etl.mart_builds
    ) AS loads
) AS ordered WHERE position = 1""",
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
    """The loads and builds committed after a moment, oldest first."""
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


def _committed_by_run(session: Session, failure: Failure) -> dict[str, int]:
    run = (failure.dag_id, failure.run_id)
    rows = session.run(
        Statement(
            "read what this run committed",
            "SELECT table_name, COUNT(*) FROM etl.load_history WHERE dag_id = %s AND run_id = %s GROUP BY table_name\n"
            "UNION ALL\n"
            "SELECT mart_name, COUNT(DISTINCT build_id) FROM etl.mart_builds WHERE dag_id = %s AND run_id = %s\n"
            "GROUP BY mart_name",
            run * 2,
        )
    )
    return {str(table): int(loads) for table, loads in rows}


def _lateness(session: Session, tables: tuple[str, ...]) -> list[str]:
    with_contract = set(contracts.all_tables())
    now = datetime.now(UTC)
    states = freshness.look(session, [contracts.load(table) for table in tables if table in with_contract], now)
    return [state.sentence(now) for state in states if state.status != freshness.FRESH]


def last_load(row: tuple[Any, ...]) -> LastLoad:
    """The load in a row of ``last_loads``."""
    table, load_id, committed_at, dag_id, run_id, rows_after = row
    return LastLoad(table, load_id, committed_at.replace(tzinfo=UTC), dag_id, run_id, rows_after)
