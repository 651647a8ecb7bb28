"""The longest row that COPY loads, from any source (https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-source.html)."""

from __future__ import annotations

MAX_ROW_BYTES = 4 << 20


class RowTooLongError(Exception):
    """A row is longer than COPY allows; `line` is where it begins in its file."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def check_row(text: str, line: int) -> None:
    """Raise RowTooLongError for the text of a row, or of its begin, that is too long."""
    if len(text) * 4 <= MAX_ROW_BYTES:  # no character has more than four bytes
        return
    if len(text) > MAX_ROW_BYTES or len(text.encode("utf-8", "surrogateescape")) > MAX_ROW_BYTES:
        raise RowTooLongError(line)
