"""Raw files on this machine's disk, after their download."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import zstandard

from redshift_etl import settings
from redshift_etl.errors import SourceError

_CHUNK = 1 << 17
_ZSTD_STEP = 1 << 10
_NAMED = {".gz": "gzip", ".zst": "zstd"}
_FIRST_BYTES = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
    "zip": re.compile(rb"PK\x03\x04"),
    "bzip2": re.compile(rb"BZh[1-9]1AY"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
}
_FIX = "ask who writes it to write the file again"


@dataclass(frozen=True)
class RawFile:
    """A raw file on disk as DuckDB reads it, its URL in the lake, for messages, and its columns in their order.

    ``made_of`` is the file as it came, where its rows are the records of that one; ``as_text`` has what makes a text of
    the columns of a Parquet file that a cast does not.
    """

    url: str
    path: Path
    columns: tuple[str, ...] = ()
    made_of: Path | None = None
    as_text: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, decompressed by its suffix."""
    if path.suffix == ".zst":
        decompressor = zstandard.ZstdDecompressor()
        with path.open("rb") as file, decompressor.stream_reader(file, read_across_frames=True) as stream:
            yield io.BufferedReader(stream)
    elif path.suffix == ".gz":
        with gzip.open(path, "rb") as stream:
            yield io.BufferedReader(stream)
    else:
        with path.open("rb") as stream:
            yield stream


def chunks(file: RawFile) -> Iterator[bytes]:
    """A file's bytes, decompressed, to its end.

    Raises SourceError, with the file and the line that was reached, when the bytes are not compressed as the name says,
    or are more than a batch may have.
    """
    named, line, size = _NAMED.get(file.path.suffix), 1, 0
    limit = settings.max_batch()
    _verify_first_bytes(file, named)
    try:
        for chunk in _zstd(file.path) if named == "zstd" else _plain(file.path):
            line += chunk.count(b"\n")
            size += len(chunk)
            if size > limit:
                raise SourceError(
                    f"The file has more than {limit / 1e9:g} GB, unpacked.",
                    fix=f"ask who writes it, or raise {settings.MAX_BATCH} where the disk has the space",
                    file=file.url,
                    line=line,
                )
            yield chunk
    except EOFError as error:
        raise SourceError(
            f"The {named} file is cut: its end is missing.", fix=_FIX, file=file.url, line=line
        ) from error
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        what = f"The {named} file is damaged: {error}."
        raise SourceError(what, fix=_FIX, file=file.url, line=line) from error


def reader(file: RawFile) -> io.BufferedReader:
    """A file's bytes, decompressed, as a stream. Reading it raises what `chunks` raises."""
    return io.BufferedReader(_Stream(chunks(file)))


class _Stream(io.RawIOBase):
    """Chunks of bytes as a file."""

    def __init__(self, data: Iterator[bytes]) -> None:
        self._data, self._rest = data, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            chunk = next(self._data, None)
            if chunk is None:
                return 0
            self._rest = chunk
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _plain(path: Path) -> Iterator[bytes]:
    with opened(path) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _zstd(path: Path) -> Iterator[bytes]:
    """As `opened`, but a frame that is cut is an EOFError; zstandard's own reader ends there silently.

    A step of one block of 4 bytes may have 128 KiB (RFC 8878, 3.1.1.2): 1 KiB is unpacked to 32 MiB at most.
    """
    frame, begun, waiting = zstandard.ZstdDecompressor().decompressobj(), False, bytearray()
    with path.open("rb") as file:
        while data := file.read(_ZSTD_STEP):
            while data:
                waiting += frame.decompress(data)
                begun, data = not frame.eof, frame.unused_data
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
            if len(waiting) >= _CHUNK:
                yield bytes(waiting)
                waiting.clear()
    if waiting:
        yield bytes(waiting)
    if begun:
        raise EOFError


def _verify_first_bytes(file: RawFile, named: str | None) -> None:
    with file.path.open("rb") as stream:
        first = stream.read(8)
    actual = next((name for name, pattern in _FIRST_BYTES.items() if pattern.match(first)), None)
    if not first or actual == named:
        return
    if named:
        what = f"The file's name says {named}, and its bytes are {actual or 'not compressed'}."
    else:
        what = f"The file is compressed with {actual}, and its name does not say so."
    fix = "ask who writes it; .gz (gzip), .zst (zstd) and .zip, in lower case, are read"
    raise SourceError(what, fix=fix, file=file.url, line=1)
