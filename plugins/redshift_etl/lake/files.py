"""Raw files on this machine's disk, after their download."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard


@dataclass(frozen=True)
class RawFile:
    """A raw file on disk as CSV, and its URL in the lake, for messages."""

    url: str
    path: Path


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
