"""``etl.backfill_history``: who started which backfill, why, and how it ended; and its swap, undo and drop."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from redshift_etl.backfill.request import STAGE, Request, own_id, run_id_of
from redshift_etl.errors import FormError
from redshift_etl.warehouse import catalog_query, migrate
from redshift_etl.warehouse.retry import read, transaction
from redshift_etl.warehouse.session import Connect, Session, StatementError
from redshift_etl.warehouse.statement import Statement, insert_row, truncate_bytes
from redshift_etl.window import Window, utc_now

TABLE = "etl.backfill_history"
RUNNING, DONE, FAILED, DIED = "running", "done", "failed", "died"
COMPARED, SWAPPED, UNDONE, DROPPED = "compared", "swapped", "undone", "dropped"
_GONE_ON = (SWAPPED, UNDONE, DROPPED)
"""What a worker of the staging run that comes back late does not change."""
_REASON_BYTES = 1024
_DETAIL_BYTES = 8192


def begin(connect: Connect, request: Request, run_id: str, who: str) -> None:
    """Record a backfill as running; again for a retry. Others with that status have died: one runs at a time.

    One that is swapped stays so, for only then can it be undone: its runs are refused, see `require_asked`.
    """
    migrate.ensure(connect, TABLE)
    transaction(connect, request.backfill_id, TABLE, lambda session: _begin(session, request, run_id, who))


def _begin(session: Session, request: Request, run_id: str, who: str) -> None:
    swapped = Statement(
        "check whether the backfill is swapped",
        f"SELECT 1 FROM {TABLE} WHERE run_id = %s AND status = %s",
        (run_id, SWAPPED),
    )
    if session.run(swapped):
        return
    now = utc_now()
    row = _row(request, run_id, who) | {"backfill_id": request.backfill_id, "status": RUNNING, "started_at": now}
    step = (
        Statement(
            "mark the backfills that died",
            f"UPDATE {TABLE} SET status = %s, finished_at = %s, detail = 'its run ended without saying how'\n"
            "WHERE status = %s AND run_id <> %s",
            (DIED, now, RUNNING, run_id),
        ),
        Statement("delete the row of an earlier try", f"DELETE FROM {TABLE} WHERE run_id = %s", (run_id,)),
        insert_row(TABLE, row, "record the backfill"),
    )
    session.run_step(step)


def _row(request: Request, run_id: str, who: str) -> dict[str, object]:
    return {
        "table_name": request.contract.table,
        "action": request.action,
        "first_day": request.first,
        "last_day": request.last,
        "reason": truncate_bytes(request.reason, _REASON_BYTES),
        "who": who,
        "runs": len(request.triggers()),
        "run_id": run_id,
    }


def done_with(request: Request, run_id: str, who: str, first: date, last: date, detail: object) -> Statement:
    """Record what was done with a staged backfill of these days, in the transaction that does it."""
    now = utc_now()
    row = _row(request, run_id, who) | {
        "backfill_id": own_id(run_id),
        "of_backfill": request.backfill_id,
        "first_day": first,
        "last_day": last,
        "status": DONE,
        "started_at": now,
        "finished_at": now,
        "detail": _text(detail),
    }
    return insert_row(TABLE, row, f"record the {request.action}")


def mark_stale_as_failed(connect: Connect, older_than: timedelta) -> None:
    """Mark as died what has been running for longer than any run may. Without a history there is nothing to mark."""
    update = Statement(
        "mark the backfills that died",
        f"UPDATE {TABLE} SET status = %s, finished_at = %s, detail = 'it has been running for too long'\n"
        "WHERE status = %s AND started_at < %s",
        (DIED, utc_now(), RUNNING, utc_now() - older_than),
    )
    try:
        transaction(connect, TABLE, TABLE, lambda session: session.run(update))
    except StatementError as error:
        if error.code not in catalog_query.UNDEFINED_TABLE:
            raise


def days(session: Session, backfill_id: str, table: str, *statuses: str) -> tuple[date, date]:
    """The days of a backfill in one of these states. Raises FormError for any other."""
    rows = session.run(
        Statement(
            "read the backfill",
            f"SELECT table_name, status, first_day, last_day FROM {TABLE} WHERE backfill_id = %s",
            (backfill_id,),
        )
    )
    found = rows[0] if rows else None
    if found is None or found[0] != table or found[1] not in statuses:
        raise FormError(
            f"There is no such backfill of this table that is {' or '.join(statuses)}.",
            fix=f"query {TABLE}",
            backfill_id=backfill_id,
            table=table,
            status=found[1] if found else None,
        )
    return found[2], found[3]


def require_asked(connect: Connect, backfill_id: str, table: str, run_id: str, window: Window | None) -> None:
    """Raise FormError unless a staged backfill of the table that is running has asked for this run and its days."""
    migrate.ensure(connect, TABLE)
    query = Statement(
        "check who asked for the run",
        f"SELECT first_day, last_day FROM {TABLE}\n"
        "WHERE backfill_id = %s AND table_name = %s AND action = %s AND status = %s",
        (backfill_id, table, STAGE, RUNNING),
    )
    found = read(connect, table, lambda session: session.run(query))
    days = window.days if window else ()
    if not (found and days and _asked(run_id, backfill_id, days, *found[0])):
        raise FormError(
            "No staged backfill that is running has asked for this run.",
            fix="leave `shadow` out; to load into a shadow, trigger backfill_table with the action stage",
            shadow=backfill_id,
            table=table,
        )


def _asked(run_id: str, backfill_id: str, days: Sequence[date], first: date, last: date) -> bool:
    return first <= days[0] and days[-1] <= last and run_id == run_id_of(backfill_id, days[0])


def was_done(session: Session, request: Request, run_id: str, status: str) -> bool:
    """Whether an earlier try of this run has committed its action, after which the backfill has this status still."""
    query = Statement(
        "check whether the action was committed",
        f"SELECT 1 FROM {TABLE} AS a INNER JOIN {TABLE} AS b ON b.backfill_id = a.of_backfill\n"
        "WHERE a.backfill_id = %s AND a.of_backfill = %s AND a.action = %s AND b.status = %s",
        (own_id(run_id), request.backfill_id, request.action, status),
    )
    return bool(session.run(query))


def require_as_compared(session: Session, backfill_id: str, found: Mapping[str, int]) -> None:
    """Raise FormError when a swap would change more than the comparison in the history says, which people have read."""
    query = Statement("read the comparison", f"SELECT detail FROM {TABLE} WHERE backfill_id = %s", (backfill_id,))
    (detail,) = session.run(query)[0]
    for name in ("shadow_rows", "new", "changed"):  # they are its first values: a long one is cut
        compared = re.search(rf'"{name}": (\d+)', detail or "")
        if compared is None or found[name] > int(compared[1]):
            raise FormError(
                "The shadow or its table has changed since the two were compared.",
                fix="stage the days again, and read that comparison",
                backfill_id=backfill_id,
                **{name: f"{compared[1] if compared else 'unknown'} when compared, now {found[name]}"},
            )


def ended(backfill_id: str, status: str, detail: object = None) -> Statement:
    """Record how it ended. What is swapped, undone or dropped is that until the next such step, or a new start."""
    unless = "" if status in _GONE_ON else "\n    AND status NOT IN (%s, %s, %s)"
    return Statement(
        f"record that the backfill is {status}",
        f"UPDATE {TABLE} SET status = %s, finished_at = %s, detail = COALESCE(%s, detail)\n"
        f"WHERE backfill_id = %s{unless}",
        (status, utc_now(), _text(detail), backfill_id, *(_GONE_ON if unless else ())),
    )


def failed(backfill_id: str) -> Statement:
    """Record that a backfill failed, unless it has ended in another way."""
    return Statement(
        "record that the backfill failed",
        f"UPDATE {TABLE} SET status = %s, finished_at = %s, detail = %s WHERE backfill_id = %s AND status = %s",
        (FAILED, utc_now(), "a task of its run failed; see its incident", backfill_id, RUNNING),
    )


def _text(detail: object) -> str | None:
    text = detail if detail is None or isinstance(detail, str) else json.dumps(detail, default=str)
    return truncate_bytes(text, _DETAIL_BYTES) if text else None
