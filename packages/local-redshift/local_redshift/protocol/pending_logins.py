"""Connections that are not logged in: at most so many at once, each for at most so long.

Where there is no room for another one, the oldest is closed: a login takes milliseconds, so that clients which do not
log in make room for those that do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class LoginTimeoutError(Exception):
    """The client has not logged in within the time that it has."""


class PendingLogins:
    """The tasks of one server that wait for a login; `seconds` is the time that each has, `limit` their number."""

    def __init__(self, seconds: float, limit: int) -> None:
        self._seconds, self._limit = seconds, limit
        self._tasks: dict[asyncio.Task[Any], None] = {}  # the oldest first

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Count the current task until the block ends. Raises LoginTimeoutError; cancels the oldest of too many."""
        while len(self._tasks) >= self._limit:
            oldest = next(iter(self._tasks))
            del self._tasks[oldest]
            oldest.cancel()
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = None
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError as error:
            raise LoginTimeoutError from error
        finally:
            self._tasks.pop(task, None)
