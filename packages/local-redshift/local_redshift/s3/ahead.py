"""Reading a blocking iterator from asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

T = TypeVar("T")


async def ahead(items: Iterator[T]) -> AsyncIterator[T]:
    """Iterate over a blocking iterator in a thread, one item ahead of the consumer."""
    end = object()

    def step() -> T | object:
        return next(items, end)

    coming = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        while (item := await coming) is not end:
            coming = asyncio.ensure_future(asyncio.to_thread(step))
            yield item  # type: ignore[misc]  # not `end`
    finally:
        if not coming.done():
            await asyncio.wait((coming,))
        coming.exception() if coming.done() and not coming.cancelled() else None
