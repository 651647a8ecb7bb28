"""A value that is refreshed in the background, so that no request waits for the warehouse longer than its limit.

The last value is returned while one thread reads the next. When reading fails, the last value is returned with the
error and the time since when reading has failed.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from redshift_etl.errors import EtlError
from redshift_etl.ui.workers import BusyError, Workers, own_thread

log = logging.getLogger(__name__)

T = TypeVar("T")

NO_RESPONSE_AFTER = timedelta(seconds=15)


@dataclass(frozen=True)
class Reading(Generic[T]):
    """The last value and when it was read (UTC); ``error`` and ``failing_since`` while reading fails or hangs.

    ``refreshing`` while it is being read; ``old`` when the value is older than twice its ``max_age``.
    """

    value: T | None = None
    read_at: datetime | None = None
    error: str | None = None
    failing_since: datetime | None = None
    refreshing: bool = False
    old: bool = False


class BackgroundValue(Generic[T]):
    """Calls ``read`` in a thread when the value is requested and the last attempt is older than ``max_age``."""

    def __init__(
        self,
        name: str,
        read: Callable[[], T],
        max_age: timedelta,
        no_response_after: timedelta = NO_RESPONSE_AFTER,
        start: Callable[[Callable[[], None]], None] = own_thread,
    ) -> None:
        self._name = name
        self._start = start
        self._read = read
        self._max_age = max_age
        self._no_response_after = no_response_after
        self._lock = threading.Lock()
        self._reading: Reading[T] = Reading()
        self._started: datetime | None = None
        self._ended: datetime | None = None
        self._done = threading.Event()

    def get(self, wait: float = 0.0) -> Reading[T]:
        """The last value; waits at most ``wait`` seconds, and only when there is none yet.

        Raises BusyError when there is none and none can be read now.
        """
        self._start_if_due()
        if self._reading.read_at is None and wait:
            self._done.wait(wait)
        with self._lock:
            reading, started = self._reading, self._started
        now = datetime.now(UTC)
        old = reading.read_at is not None and now - reading.read_at > 2 * self._max_age
        reading = replace(reading, refreshing=started is not None, old=old)
        if started and now - started > self._no_response_after and not reading.error:
            return replace(reading, error="It does not respond.", failing_since=started)
        return reading

    def _start_if_due(self) -> None:
        now = datetime.now(UTC)
        with self._lock:
            if self._started or (self._ended and now - self._ended < self._max_age):
                return
            self._started = now
            self._done.clear()
        try:
            self._start(self._refresh)
        except BusyError:
            with self._lock:
                self._started = None
            if self._reading.read_at is None:
                raise

    def _refresh(self) -> None:
        reading = self._attempt()
        with self._lock:
            self._reading, self._started, self._ended = reading, None, datetime.now(UTC)
        self._done.set()

    def _attempt(self) -> Reading[T]:
        """Read once. Never raises: an error in the thread would be lost, and the page would wait for ever."""
        try:
            return Reading(self._read(), datetime.now(UTC))
        except EtlError as error:
            message = error.what
            log.warning("%s: %s", self._name, error)
        except Exception as error:
            message = f"{type(error).__name__}; details are in the log of the API server."
            log.exception("%s could not be read", self._name)
        since = self._reading.failing_since or datetime.now(UTC)
        return replace(self._reading, error=message, failing_since=since)


class BackgroundCache(Generic[T]):
    """A cache of background values by name, at most ``size``; the least recently requested are dropped."""

    def __init__(self, max_age: timedelta, size: int, workers: Workers) -> None:
        self._max_age = max_age
        self._workers = workers
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[str, BackgroundValue[T]] = OrderedDict()

    def get(self, name: str, read: Callable[[], T], wait: float = 0.0) -> Reading[T]:
        """The value called ``name``, read by ``read`` when it is due; see ``BackgroundValue.get``."""
        with self._lock:
            value = self._values.get(name)
            if value is None:
                value = self._values[name] = BackgroundValue(name, read, self._max_age, start=self._workers.start)
            self._values.move_to_end(name)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value.get(wait)
