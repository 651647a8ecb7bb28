"""What the warehouse can say about a failure: whether the target changed, and what is late or stale because of it."""

from __future__ import annotations

from datetime import UTC, datetime

from redshift_etl.contracts import contract as contracts
from redshift_etl.incidents.model import Failure, concerned
from redshift_etl.incidents.report import Evidence
from redshift_etl.warehouse import freshness, history
from redshift_etl.warehouse.session import Connect, Session, open_session


def gather(connect: Connect, failure: Failure, evidence: Evidence) -> None:
    """Fill in the evidence. Raises what the warehouse raises."""
    tables = concerned(failure)
    with open_session(connect, f"{failure.dag_id} {failure.run_id}") as session:
        loads = history.last_loads(session)
        evidence.last_loads = [loads[table] for table in tables if table in loads]
        evidence.committed_by_run = history.committed_by(session, failure.dag_id, failure.run_id)
        evidence.lateness = _lateness(session, (*tables, *evidence.downstream))


def _lateness(session: Session, tables: tuple[str, ...]) -> list[str]:
    known = set(contracts.all_tables())
    now = datetime.now(UTC)
    states = freshness.read_freshness(session, [contracts.load(table) for table in tables if table in known], now)
    return [state.sentence(now) for state in states if state.status != freshness.FRESH]
