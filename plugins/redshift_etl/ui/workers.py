"""A few threads and a bounded queue for what requests of the page ask for by name."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class BusyError(Exception):
    """The queue is full: the request can be made again later (503)."""


class Workers:
    """Runs work in at most ``threads`` threads, of which at most ``waiting`` pieces wait.

    The threads are daemons: one that waits for a warehouse without an answer does not keep the API server from ending.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._started = 0
        self._queue: queue.Queue[Callable[[], None]] = queue.Queue(waiting)

    def start(self, work: Callable[[], None]) -> None:
        """Have the work done, which must not raise. Raises BusyError when as many are waiting as may."""
        try:
            self._queue.put_nowait(work)
        except queue.Full:
            raise BusyError from None
        with self._lock:
            if self._started < self._threads:
                self._started += 1
                threading.Thread(target=self._run, name=f"warehouse page {self._started}", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._queue.get()()


def own_thread(work: Callable[[], None]) -> None:
    """Have the work done in a thread of its own, for the few values that every page needs."""
    threading.Thread(target=work, name="warehouse page", daemon=True).start()
