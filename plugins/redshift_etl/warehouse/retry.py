"""Runs a piece of work again after a serialization conflict, a deadlock or a lost connection: the one policy for all.

Whoever loses such a conflict is rolled back, and may run the whole transaction again
(https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html). A connection that is lost during COMMIT leaves
open whether it was committed, and its backend may still be committing. So each transaction that is tried again starts
with the LOCK of one table: behind it, the backend of the attempt before has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from redshift_etl.errors import TransientError
from redshift_etl.warehouse.locks import lock
from redshift_etl.warehouse.session import Connect, Session, open_session

log = logging.getLogger(__name__)

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.5

T = TypeVar("T")


def retry(label: str, work: Callable[[int], T]) -> T:
    """The result of ``work``, which is called with the number of the attempt, from 1, until it succeeds.

    Only TransientError leads to another attempt. Raises the last one after ``ATTEMPTS``, and any other error at once.
    """

    def before_sleep(state: RetryCallState) -> None:
        """Log the failed attempt."""
        pause = state.next_action.sleep if state.next_action else 0.0
        error = state.outcome.exception() if state.outcome else None
        message = "%s: attempt %d of %d failed, next in %.1f s: %s"
        log.warning(message, label, state.attempt_number, ATTEMPTS, pause, error)

    retrying = Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential_jitter(initial=FIRST_PAUSE_SECONDS, jitter=FIRST_PAUSE_SECONDS),
        before_sleep=before_sleep,
        reraise=True,
    )
    for attempt in retrying:
        with attempt:
            return work(attempt.retry_state.attempt_number)
    raise AssertionError("unreachable")


def transaction(
    connect: Connect,
    label: str,
    table: str,
    work: Callable[[Session], T],
    committed: Callable[[Session], T | None] | None = None,
) -> T:
    """The result of ``work`` in a transaction behind the LOCK of ``table``; connection and all are new at each attempt.

    ``committed`` finds what an earlier attempt has committed, which is the result then; work that may be done twice
    needs none.
    """

    def attempt(number: int) -> T:
        """One try."""
        with open_session(connect, label) as session:
            if number > 1 and committed and (found := behind_lock(session, table, committed)) is not None:
                return found
            return behind_lock(session, table, work)

    return retry(label, attempt)


def read(connect: Connect, label: str, work: Callable[[Session], T]) -> T:
    """The result of ``work`` that only reads, on a connection of its own, new at each attempt."""

    def attempt(_: int) -> T:
        """One try."""
        with open_session(connect, label) as session:
            return work(session)

    return retry(label, attempt)


def behind_lock(session: Session, table: str, work: Callable[[Session], T]) -> T:
    """The result of ``work`` in a transaction that starts with the LOCK of ``table``.

    To find what an earlier attempt has committed takes one of its own: one that read a table of all loads and wrote it
    would conflict with each other such one, under serializable isolation.
    """
    with session.transaction():
        session.run(lock(table))
        return work(session)
