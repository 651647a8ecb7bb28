"""A value that is read in the background, so that no page waits for the warehouse longer than it wants to.

What was read last is shown while it is read again (one reader at a time). When reading fails, the last value stays,
with what went wrong and since when.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from redshift_etl.errors import EtlError

log = logging.getLogger(__name__)

T = TypeVar("T")

SILENT_AFTER = timedelta(seconds=15)


@dataclass(frozen=True)
class View(Generic[T]):
    """The last value and when it was read; ``error`` and ``failing_since`` while reading fails or does not end."""

    value: T | None = None
    read_at: datetime | None = None
    error: str | None = None
    failing_since: datetime | None = None


class Refreshing(Generic[T]):
    """Reads with ``read`` when somebody looks and the last look is older than ``every``."""

    def __init__(
        self, what: str, read: Callable[[], T], every: timedelta, silent_after: timedelta = SILENT_AFTER
    ) -> None:
        self._what = what
        self._silent_after = silent_after
        self._read = read
        self._every = every
        self._lock = threading.Lock()
        self._view: View[T] = View()
        self._started: datetime | None = None
        self._tried: datetime | None = None
        self._done = threading.Event()

    def look(self, wait: float = 0.0) -> View[T]:
        """The value as known; waits at most ``wait`` seconds, and only when there is none yet."""
        self._start_if_due()
        if self._view.read_at is None and wait:
            self._done.wait(wait)
        with self._lock:
            view, started = self._view, self._started
        if started and datetime.now(UTC) - started > self._silent_after and not view.error:
            return replace(view, error="It does not answer.", failing_since=started)
        return view

    def _start_if_due(self) -> None:
        now = datetime.now(UTC)
        with self._lock:
            if self._started or (self._tried and now - self._tried < self._every):
                return
            self._started = now
            self._done.clear()
        threading.Thread(target=self._refresh, name=f"refresh {self._what}", daemon=True).start()

    def _refresh(self) -> None:
        view = self._attempt()
        with self._lock:
            self._view, self._started, self._tried = view, None, datetime.now(UTC)
        self._done.set()

    def _attempt(self) -> View[T]:
        """Nothing escapes: a thread that died would leave the page waiting, and the error unseen."""
        try:
            return View(self._read(), datetime.now(UTC))
        except EtlError as error:
            message = error.what
            log.warning("%s: %s", self._what, error)
        except Exception as error:
            message = f"{type(error).__name__}; the log of the API server says more."
            log.exception("%s could not be read", self._what)
        since = self._view.failing_since or datetime.now(UTC)
        return replace(self._view, error=message, failing_since=since)
