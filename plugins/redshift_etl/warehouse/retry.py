"""Runs a piece of work again after a serialization conflict, a deadlock or a lost connection: the one policy for all.

Whoever loses such a conflict is rolled back, and may run the whole transaction again
(https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from redshift_etl.errors import TransientError
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


def transaction(connect: Connect, label: str, work: Callable[[Session], T]) -> T:
    """The result of ``work`` in a transaction on a connection of its own; both are new for another attempt."""

    def attempt(_: int) -> T:
        """One transaction."""
        with open_session(connect, label) as session, session.transaction():
            return work(session)

    return retry(label, attempt)
