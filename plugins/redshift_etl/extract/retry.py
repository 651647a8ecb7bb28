"""How long to wait before asking a service again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Retry:
    """Exponential back-off with jitter; seconds. The service's own Retry-After goes before."""

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0

    def wait(self, attempt: int, retry_after: str | None, now: datetime) -> float | None:
        """Seconds to wait after the failed ``attempt`` (from 1); None when the service asks for too many.

        Half of a wait is random, so that clients that failed together do not come back together.
        """
        if retry_after is not None:
            asked = _seconds(retry_after, now)
            if asked is not None:
                return asked if asked <= self.longest_wait else None
        full = min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1))
        return full / 2 + random.uniform(0, full / 2)  # noqa: S311 - not a secret


def _seconds(retry_after: str, now: datetime) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3); None when it is neither."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
