"""Repeats a request to a service that is busy or fails for a moment: exponential back-off with full jitter."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    before_sleep_log,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

log = logging.getLogger(__name__)

T = TypeVar("T")


class RequestFailed(Exception):  # noqa: N818 — named after what happened, as those of requests
    """A failure that may pass. ``retry_after`` is the service's header of that name, ``wait`` the same in seconds."""

    def __init__(self, message: str, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.wait = seconds(retry_after, datetime.now(UTC)) if retry_after else None


@dataclass(frozen=True)
class Retry:
    """How often, and how long between (seconds). The service's own Retry-After has precedence."""

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0

    def call(self, request: Callable[[], T]) -> T:
        """The result of ``request``, called again while it raises RequestFailed.

        Raises the last RequestFailed; at once when its Retry-After is more than ``longest_wait``.
        """
        retrying = Retrying(
            retry=retry_if_exception(self._may_pass),
            stop=stop_after_attempt(self.attempts),
            wait=self._wait,
            before_sleep=before_sleep_log(log, logging.WARNING),
            reraise=True,
        )
        return retrying(request)

    def _may_pass(self, error: BaseException) -> bool:
        return isinstance(error, RequestFailed) and (error.wait or 0) <= self.longest_wait

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RequestFailed) and error.wait is not None:
            return error.wait
        return wait_random_exponential(self.first_wait, self.longest_wait)(state)


def seconds(retry_after: str, now: datetime) -> float | None:
    """Retry-After in seconds: a number or a date (RFC 9110, 10.2.3); None when it is neither."""
    if re.fullmatch(r"\s*[0-9]+\s*", retry_after):
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
