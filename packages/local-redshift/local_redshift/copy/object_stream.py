"""The text of a COPY's files as one stream of pieces, read a piece ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from local_redshift.s3 import client as s3

if TYPE_CHECKING:
    from local_redshift.copy.run import Job


def pieces(client: Any, job: Job) -> Iterator[tuple[s3.Source | None, bytes]]:
    """The files' text without header lines, each ended by a newline; a file's first piece names it."""
    for source in job.sources:
        skip, last, named = job.command.ignore_header, b"\n", False
        for chunk in s3.read(client, source, job.command.compression):
            data = chunk
            while skip and data:
                end = data.find(b"\n")
                skip, data = (skip, b"") if end < 0 else (skip - 1, data[end + 1 :])
            if data:
                yield (None if named else source), data
                last, named = data[-1:], True
        if last != b"\n":
            yield None, b"\n"
        if not named:
            yield source, b""


async def ahead(items: Iterator[Any]) -> AsyncIterator[Any]:
    """Iterate over a blocking iterator in a thread, one item ahead of the consumer."""
    end = object()

    def step() -> Any:
        return next(items, end)

    coming = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        while (item := await coming) is not end:
            coming = asyncio.ensure_future(asyncio.to_thread(step))
            yield item
    finally:
        if not coming.done():
            await asyncio.wait((coming,))
        coming.exception() if coming.done() and not coming.cancelled() else None
