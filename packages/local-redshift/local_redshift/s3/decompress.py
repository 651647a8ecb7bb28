"""Decompression in steps of limited size: an object that unpacks to a thousand times its size takes no more memory."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterator

import zstandard

from local_redshift.s3.zstd_blocks import blocks

_STEP = 1 << 20  # bytes


class EndOfStreamError(Exception):
    """The compressed bytes end in the middle of a stream."""


def decompressed(chunks: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """What the chunks unpack to, about a megabyte at a time; streams may follow each other, as gzip's members do.

    `compression` is gzip, bzip2 or zstd. Raises EndOfStreamError, zlib.error, OSError, zstandard.ZstdError.
    """
    parts: list[bytes] = []
    size = 0
    for part in _READERS[compression](chunks):
        parts.append(part)
        size += len(part)
        if size >= _STEP:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _gzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    stream = None
    for chunk in chunks:
        data = chunk
        while data:
            stream = zlib.decompressobj(31) if stream is None or stream.eof else stream
            yield (part := stream.decompress(data, _STEP))
            while not stream.eof and (stream.unconsumed_tail or len(part) == _STEP):
                yield (part := stream.decompress(stream.unconsumed_tail, _STEP))
            data = stream.unused_data
    if stream is not None and not stream.eof:
        raise EndOfStreamError


def _bzip2(chunks: Iterator[bytes]) -> Iterator[bytes]:
    stream = None
    for chunk in chunks:
        data = chunk
        while data:
            stream = bz2.BZ2Decompressor() if stream is None or stream.eof else stream
            yield stream.decompress(data, _STEP)
            while not (stream.eof or stream.needs_input):
                yield stream.decompress(b"", _STEP)
            data = stream.unused_data if stream.eof else b""
    if stream is not None and not stream.eof:
        raise EndOfStreamError


def _zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    stream = None
    for block in blocks(chunks):
        stream = zstandard.ZstdDecompressor().decompressobj() if stream is None or stream.eof else stream
        yield stream.decompress(block)
    if stream is not None and not stream.eof:
        raise EndOfStreamError


_READERS: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {"gzip": _gzip, "bzip2": _bzip2, "zstd": _zstd}
