"""The last step of a backfill: say that it is done, compare its shadow, swap it in, take it back, or drop it."""

from __future__ import annotations

from typing import Any

from redshift_etl import backfill
from redshift_etl.backfill import Request
from redshift_etl.errors import ConfigError
from redshift_etl.warehouse import ledger, migrate, shadow
from redshift_etl.warehouse.model import Run
from redshift_etl.warehouse.session import Connect, Session, StatementError, open_session


def finish(connect: Connect, request: Request, run: Run, who: str) -> dict[str, Any]:
    """Do what the request's action ends with, and enter it in the ledger, in one transaction. Returns what it did.

    Raises ConfigError for a backfill that is not in the state that the action needs.
    """
    if request.dry_run and request.action in backfill.LOADS:
        return {"dry_run": True, "runs": len(request.triggers())}
    migrate.ensure(connect, ledger.TABLE)
    if request.action == backfill.STAGE:
        shadow.create(connect, request.contract, request.backfill_id)
    with open_session(connect, request.backfill_id) as session:
        try:
            with session.transaction():
                done = _ACTIONS[request.action](session, request, run, who)
        except StatementError as error:
            raise ConfigError(
                f"The warehouse refuses to {error.statement.purpose}: {error.message}.",
                fix="read the statement; the backfill is as it was",
                table=request.contract.table,
                backfill_id=request.backfill_id,
                statement=error.statement.sql,
            ) from error
    if request.action == backfill.DROP and not request.dry_run:
        shadow.drop(connect, request.contract, request.backfill_id)
    return done


def close(connect: Connect, backfill_id: str) -> None:
    """Say that a backfill failed which is still running by the ledger, though its run has come to its end."""
    migrate.ensure(connect, ledger.TABLE)
    with open_session(connect, backfill_id) as session, session.transaction():
        session.run(ledger.failed(backfill_id))


def _backfilled(session: Session, request: Request, _run: Run, _who: str) -> dict[str, Any]:
    session.run(ledger.ended(request.backfill_id, ledger.DONE))
    return {"runs": len(request.triggers())}


def _staged(session: Session, request: Request, _run: Run, _who: str) -> dict[str, Any]:
    found = shadow.compare(session, request.contract, request.backfill_id, request.first, request.last).as_dict()
    session.run(ledger.ended(request.backfill_id, ledger.COMPARED, found))
    return {"backfill_id": request.backfill_id, **_small(found)}


def _swapped(session: Session, request: Request, run: Run, who: str) -> dict[str, Any]:
    first, last = ledger.days(session, request.backfill_id, request.contract.table, ledger.COMPARED)
    if request.dry_run:
        return _small(shadow.compare(session, request.contract, request.backfill_id, first, last).as_dict())
    counts = shadow.swap(session, request.contract, request.backfill_id, run)
    session.run(ledger.ended(request.backfill_id, ledger.SWAPPED))
    session.run(ledger.done_with(request, run.run_id, who, first, last, vars(counts)))
    return vars(counts)


def _undone(session: Session, request: Request, run: Run, who: str) -> dict[str, Any]:
    first, last = ledger.days(session, request.backfill_id, request.contract.table, ledger.SWAPPED)
    if request.dry_run:
        return {"dry_run": True}
    counts = shadow.undo(session, request.contract, request.backfill_id, run)
    session.run(ledger.ended(request.backfill_id, ledger.UNDONE))
    session.run(ledger.done_with(request, run.run_id, who, first, last, vars(counts)))
    return vars(counts)


def _dropped(session: Session, request: Request, run: Run, who: str) -> dict[str, Any]:
    states = (ledger.COMPARED, ledger.SWAPPED, ledger.UNDONE, ledger.FAILED, ledger.DIED)
    first, last = ledger.days(session, request.backfill_id, request.contract.table, *states)
    if not request.dry_run:
        session.run(ledger.ended(request.backfill_id, ledger.DROPPED))
        session.run(ledger.done_with(request, run.run_id, who, first, last, None))
    return {"dry_run": request.dry_run}


def _small(found: dict[str, Any]) -> dict[str, Any]:
    """For XCom: the counts, and not what each column adds."""
    return {name: value for name, value in found.items() if isinstance(value, int)}


_ACTIONS = {
    backfill.BACKFILL: _backfilled,
    backfill.STAGE: _staged,
    backfill.SWAP: _swapped,
    backfill.UNDO: _undone,
    backfill.DROP: _dropped,
}
