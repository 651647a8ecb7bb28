"""A zstd stream in pieces that unpack to at most 128 KiB each, the most that a block may hold.

`zstandard` has no limit for what one call returns, and a block of four bytes may stand for 128 KiB.
Source: https://www.rfc-editor.org/rfc/rfc8878, section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator

_MAGIC = 0xFD2FB528
_SKIPPABLE, _SKIPPABLE_MASK = 0x184D2A50, 0xFFFFFFF0
_RUN = 1  # the type of a block of one byte, repeated
_READ = 1 << 17


def blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks' bytes unchanged, cut before each block and each frame; what is not zstd is passed on as well."""
    source = _Source(chunks)
    while start := source.take(4):
        magic = int.from_bytes(start, "little")
        if magic & _SKIPPABLE_MASK == _SKIPPABLE:
            yield from _skippable(source, start)
        elif magic == _MAGIC:
            yield from _frame(source, start)
        else:
            yield start
            while data := source.take(_READ):
                yield data


def _skippable(source: _Source, start: bytes) -> Iterator[bytes]:
    length = source.take(4)
    yield start + length
    left = int.from_bytes(length, "little")
    while left and (data := source.take(min(left, _READ))):
        left -= len(data)
        yield data


def _frame(source: _Source, start: bytes) -> Iterator[bytes]:
    descriptor = source.take(1)
    flags = descriptor[0] if descriptor else 0
    yield start + descriptor + source.take(_rest_of_header(flags))
    last = False
    while not last and (header := source.take(3)):
        fields = int.from_bytes(header, "little")
        last = bool(fields & 1)
        yield header + source.take(1 if fields >> 1 & 3 == _RUN else fields >> 3)
    if flags & 4:  # a checksum
        yield source.take(4)


def _rest_of_header(flags: int) -> int:
    single_segment = bool(flags & 0x20)
    window = 0 if single_segment else 1
    dictionary_id = (0, 1, 2, 4)[flags & 3]
    content_size = (int(single_segment), 2, 4, 8)[flags >> 6]
    return window + dictionary_id + content_size


class _Source:
    """Bytes of a stream of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._data, self._at = chunks, b"", 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes; fewer where the stream ends."""
        while len(self._data) - self._at < count and (chunk := next(self._chunks, b"")):
            self._data, self._at = self._data[self._at :] + chunk, 0
        taken = self._data[self._at : self._at + count]
        self._at += len(taken)
        return taken
