"""Writes a stream of rows as compressed part files, in constant memory.

The caller reads the source while one thread compresses and a few upload: a part is about 8 MiB, which is where
parallel single PUTs are fastest, and inside the 1 MB to 1 GB that COPY wants (AWS, "Loading data from compressed and
uncompressed files").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import zstandard

from redshift_etl.lake.batch import Entry
from redshift_etl.lake.storage import Lake

PART_BYTES = 8 << 20
UPLOADS = 3
_CHUNKS_WAITING = 4
_LEVEL = 3


def compress(data: bytes) -> bytes:
    """One small file's bytes, zstd with a checksum."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(data)


class _Bounded:
    """Threads that take a task only while few wait. A task's error is raised by the next call."""

    def __init__(self, threads: int, waiting: int) -> None:
        self.pool = ThreadPoolExecutor(threads)
        self._waiting = waiting
        self._pending: deque[Future[Any]] = deque()
        self._results: list[Any] = []

    def submit(self, task: Callable[..., Any], *arguments: Any) -> None:
        """Hand in a task; waits while too many wait. Raises the error of an earlier one."""
        while len(self._pending) >= self._waiting:
            self._results.append(self._pending.popleft().result())
        self._pending.append(self.pool.submit(task, *arguments))

    def results(self) -> list[Any]:
        """Wait for all; the results in the order of submission."""
        while self._pending:
            self._results.append(self._pending.popleft().result())
        return self._results

    def shutdown(self) -> None:
        """Start none of those that wait; what runs goes to its end."""
        self.pool.shutdown(cancel_futures=True)


class PartWriter:
    """A context manager: ``write`` whole rows, then ``finish`` for the manifest's entries.

    Each part begins with ``header``. Leaving the block early uploads no further part, and what was uploaded is named by
    no manifest.
    """

    def __init__(self, lake: Lake, below: str, *, suffix: str = ".csv.zst", header: bytes = b"") -> None:
        self.header = header
        self._lake, self._below, self._suffix = lake, below, suffix
        self._compressing = _Bounded(1, _CHUNKS_WAITING)
        self._uploading = _Bounded(UPLOADS, UPLOADS)
        self._parts = 0
        self._rows = 0
        self._buffer = bytearray()
        self._zstd: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._compressing.shutdown()
        self._uploading.shutdown()

    def write(self, data: bytes, rows: int) -> None:
        """Append ``rows`` complete rows. A part may end after them, never within."""
        self._compressing.submit(self._append, data, rows)

    def finish(self) -> tuple[Entry, ...]:
        """Wait until everything is stored; the parts in order."""
        self._compressing.submit(self._end_part)
        self._compressing.results()
        return tuple(self._uploading.results())

    def _append(self, data: bytes, rows: int) -> None:
        if self._zstd is None:
            self._zstd = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
            self._buffer += self._zstd.compress(self.header)
        self._buffer += self._zstd.compress(data)
        self._rows += rows
        if len(self._buffer) >= PART_BYTES:
            self._end_part()

    def _end_part(self) -> None:
        if self._zstd is None:
            return
        self._buffer += self._zstd.flush()
        self._uploading.submit(
            self._upload, f"{self._below}/part-{self._parts:05d}{self._suffix}", self._buffer, self._rows
        )
        self._parts, self._rows, self._buffer, self._zstd = self._parts + 1, 0, bytearray(), None

    def _upload(self, key: str, body: bytearray, rows: int) -> Entry:
        return self._lake.put(key, body, rows=rows)
