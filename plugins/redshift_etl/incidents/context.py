"""The context of an incident: what the run and the warehouse report about a failure, gathered for its report.

``read_warehouse`` returns whether the target has changed, and which tables are late because of the failure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from redshift_etl.contracts import contract as contracts
from redshift_etl.incidents.failure import FailedTry, Failure
from redshift_etl.redaction import redact
from redshift_etl.warehouse import freshness, history
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.session import Connect, Session, open_session

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WarehouseState:
    """The last loads of the failure's tables, the run's committed loads by table, and a sentence for each late table.

    Loads of the run from before it was cleared do not count: they had another batch.
    ``data_until``: up to when (UTC) the source of each table was read. ``committed_by_run`` is None if the warehouse
    could not be read.
    """

    last_loads: Sequence[LoadRecord] = ()
    data_until: Mapping[str, datetime] = field(default_factory=dict)
    committed_by_run: Mapping[str, int] | None = None
    lateness: Sequence[str] = ()


@dataclass
class IncidentContext:
    """What is read step by step, each step guarded; ``missing`` lists the steps that failed, and why.

    ``tries`` are the earlier ones of the task that failed, ``days`` the UTC days of the window and ``form`` the dates
    of the trigger form; ``task_states`` and ``results`` are those of the run's tasks.
    """

    tries: Sequence[FailedTry] = ()
    days: Sequence[str] = ()
    form: Mapping[str, str] | None = None
    task_states: Sequence[Mapping[str, Any]] = ()
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    warehouse: WarehouseState = field(default_factory=WarehouseState)
    downstream: tuple[str, ...] = ()
    missing: list[str] = field(default_factory=list)

    def attempt(self, what: str, step: Callable[[], None]) -> None:
        """Run a step. Never raises: an error is logged and added to ``missing``."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 — the report names what is missing
            self.missing.append(f"{what}: {type(error).__name__}: {error}")
            log.warning("Could not read or write %s: %s", what, redact(str(error)))


def read_warehouse(connect: Connect, failure: Failure, downstream: Sequence[str]) -> WarehouseState:
    """The last loads, the run's commits and the late tables. Raises what the warehouse raises."""
    tables = failure.affected_tables
    with open_session(connect, f"{failure.dag_id} {failure.run_id}") as session:
        loads, reaches = history.last_loads(session), freshness.read_reaches(session)
        return WarehouseState(
            [loads[table] for table in tables if table in loads],
            {table: until for table, it in reaches.items() if (until := it.data_until)},
            history.committed_by(session, failure.dag_id, failure.run_id, since=failure.run_started_at),
            _lateness(session, (*tables, *downstream)),
        )


def _lateness(session: Session, tables: tuple[str, ...]) -> list[str]:
    names = set(contracts.all_tables())
    now = datetime.now(UTC)
    states = freshness.read_freshness(session, [contracts.load(table) for table in tables if table in names], now)
    return [state.sentence(now) for state in states if state.status != freshness.FRESH]
