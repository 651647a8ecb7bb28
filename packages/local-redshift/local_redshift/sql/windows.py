"""Long texts are searched in windows, because one match of a regular expression holds the interpreter's lock."""

from __future__ import annotations

from collections.abc import Iterator

LARGE = 1 << 17  # characters; a longer statement is planned in a thread
_OVERLAP = 1000  # characters; longer than any name that is searched for


def windows(sql: str) -> Iterator[tuple[int, int]]:
    """Start and end offsets of consecutive parts of the text; neighbours overlap."""
    for start in range(0, len(sql), LARGE):
        yield max(0, start - _OVERLAP), min(len(sql), start + LARGE)
