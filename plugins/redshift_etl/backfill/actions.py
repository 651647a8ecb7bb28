"""The last step of a backfill: mark it as done, compare its shadow, swap it in, undo that, or drop it."""

from __future__ import annotations

from typing import Any

from redshift_etl.backfill import comparison, history, shadow_table
from redshift_etl.backfill import request as backfill
from redshift_etl.backfill.request import Request
from redshift_etl.run_conf import END, START
from redshift_etl.warehouse import migrate
from redshift_etl.warehouse.model import Run
from redshift_etl.warehouse.retry import read, transaction
from redshift_etl.warehouse.session import Connect, Session, StatementError


def finish(connect: Connect, request: Request, run: Run, who: str) -> dict[str, Any]:
    """Execute the last step of the request's action and record it, in one transaction that is tried again as loads are.

    Returns what was done; an undo also ``load_again``, the arguments of runs that must follow it.

    Raises ConfigError for a backfill that is not in the state that the action needs.
    """
    if request.dry_run and request.action in backfill.LOADS:
        return {"dry_run": True, "runs": len(request.triggers())}
    migrate.ensure(connect, history.TABLE)
    migrate.ensure(connect, request.contract.table)
    try:
        if request.action in backfill.LOADS:
            return _end(connect, request)
        if request.dry_run:
            action, _ = _ACTIONS[request.action]
            return read(connect, request.backfill_id, lambda session: action(session, request, run, who))
        done = transaction(
            connect, request.backfill_id, request.contract.table, lambda session: _act(session, request, run, who)
        )
        return done | (_load_again(connect, request) if request.action == backfill.UNDO else {})
    except StatementError as error:
        fix = "read the statement; the backfill is as it was"
        raise error.explained(fix, table=request.contract.table, backfill_id=request.backfill_id) from error


def _end(connect: Connect, request: Request) -> dict[str, Any]:
    """Record that the runs are done, or how the shadow that they have filled differs from the table."""
    backfill_id = request.backfill_id
    done: dict[str, Any] = {"runs": len(request.triggers())}
    ended = history.ended(backfill_id, history.DONE)
    if request.action == backfill.STAGE:
        found = _compare(connect, request)
        done = {"backfill_id": backfill_id, **_small(found)}
        ended = history.ended(backfill_id, history.COMPARED, found)
    transaction(connect, backfill_id, history.TABLE, lambda session: session.run(ended))
    return done


def _compare(connect: Connect, request: Request) -> dict[str, object]:
    contract, backfill_id, days = request.contract, request.backfill_id, (request.first, request.last)
    shadow_table.create(connect, contract, backfill_id)
    found = read(connect, backfill_id, lambda session: comparison.compare(session, contract, backfill_id, *days))
    return found.as_dict()


def _load_again(connect: Connect, request: Request) -> dict[str, Any]:
    """The days of loads whose rows may have given way to swapped-in ones, which the undo has taken away."""
    days = read(
        connect,
        request.backfill_id,
        lambda session: shadow_table.read_superseded_days(session, request.contract, request.backfill_id),
    )
    return {
        "load_again": [
            {"trigger_dag_id": request.dag_id, "conf": {START: str(first), END: str(last)}} for first, last in days
        ]
    }


def _act(session: Session, request: Request, run: Run, who: str) -> dict[str, Any]:
    """One try of a swap, an undo or a drop; an earlier one, also of another task try, may have committed it."""
    action, status = _ACTIONS[request.action]
    if history.was_done(session, request, run.run_id, status):
        return {"committed_by_an_earlier_try": True}
    return action(session, request, run, who)


def mark_as_failed(connect: Connect, backfill_id: str) -> None:
    """Mark a backfill as failed whose status is still running though its run has ended."""
    migrate.ensure(connect, history.TABLE)
    transaction(connect, backfill_id, history.TABLE, lambda session: session.run(history.failed(backfill_id)))


def _swapped(session: Session, request: Request, run: Run, who: str) -> dict[str, Any]:
    first, last = history.days(session, request.backfill_id, request.contract.table, history.COMPARED)
    found = _small(comparison.compare(session, request.contract, request.backfill_id, first, last).as_dict())
    if request.dry_run:
        return found
    history.require_as_compared(session, request.backfill_id, found)
    counts, records = shadow_table.swap(session, request.contract, request.backfill_id, run)
    done = history.done_with(request, run.run_id, who, first, last, vars(counts))
    session.run_step((*records, history.ended(request.backfill_id, history.SWAPPED), done))
    return vars(counts)


def _undone(session: Session, request: Request, run: Run, who: str) -> dict[str, Any]:
    first, last = history.days(session, request.backfill_id, request.contract.table, history.SWAPPED)
    if request.dry_run:
        return {"dry_run": True}
    counts, records = shadow_table.undo(session, request.contract, request.backfill_id, run)
    done = history.done_with(request, run.run_id, who, first, last, vars(counts))
    session.run_step((*records, history.ended(request.backfill_id, history.UNDONE), done))
    return vars(counts)


def _dropped(session: Session, request: Request, run: Run, who: str) -> dict[str, Any]:
    states = (history.COMPARED, history.SWAPPED, history.UNDONE, history.FAILED, history.DIED)
    first, last = history.days(session, request.backfill_id, request.contract.table, *states)
    if not request.dry_run:
        shadow_table.drop(session, request.contract, request.backfill_id)
        session.run(history.ended(request.backfill_id, history.DROPPED))
        session.run(history.done_with(request, run.run_id, who, first, last, None))
    return {"dry_run": request.dry_run}


def _small(found: dict[str, Any]) -> dict[str, Any]:
    """For XCom: the counts, and not what each column adds."""
    return {name: value for name, value in found.items() if isinstance(value, int)}


_ACTIONS = {
    backfill.SWAP: (_swapped, history.SWAPPED),
    backfill.UNDO: (_undone, history.UNDONE),
    backfill.DROP: (_dropped, history.DROPPED),
}
"""What is done, and the status of the backfill after it."""
