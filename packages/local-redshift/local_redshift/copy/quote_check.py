"""Whether a CSV stream's quotes are where Redshift accepts them, checked without splitting fields.

PostgreSQL's COPY accepts a quote anywhere and drops it: it reads `a""b` and `"a"b` as `ab`. In Redshift a quote
begins and ends a field, with optional blanks beside it, and a doubled quote inside one is a quote; else it is an error.
Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html#copy-csv
"""

from __future__ import annotations

# Small enough for the memory's caches: three times as quick as a megabyte in one go.
_SLICE = 1 << 16


class QuoteCheck:
    """Checks one stream, chunk by chunk: its first, third, … quote opens, its second, fourth, … closes.

    `ends_row` is whether a row ended in the last chunk: at a newline outside quotes.
    """

    def __init__(self, quote: str, delimiter: str) -> None:
        self._quote = quote.encode()
        edges = delimiter.encode() + b"\r\n"
        self._kinds = bytes(b'"'[0] if c == self._quote[0] else b","[0] if c in edges else b"x"[0] for c in range(256))
        self._before = b"\n"  # the end of the text outside quotes so far
        self._open = False
        self.has_quotes = False
        self.ends_row = False

    @property
    def incomplete(self) -> bool:
        """Whether the stream so far ends inside quotes."""
        return self._open

    def rejects(self, data: bytes) -> bool:
        """Whether a quote opens or closes inside other text in the stream's next chunk."""
        if self._quote not in data and (self._open or self._before != self._quote):
            self.ends_row = not self._open and b"\n" in data
            if not self._open:
                self._before = data[-1:] or self._before
            return False
        self.has_quotes = True
        self.ends_row = False
        return any(self._misplaced(data[at : at + _SLICE]) for at in range(0, len(data), _SLICE))

    def _misplaced(self, data: bytes) -> bool:
        parts = data.split(self._quote)
        if self._open:
            parts.insert(0, b"")
        parts[0] = self._before + parts[0]
        self._open = len(parts) % 2 == 0
        # The text outside quotes, a quote in place of quoted text; a doubled quote leaves two adjacent ones.
        outside = self._quote.join(parts[::2])
        if self._open:
            outside += self._quote
        self.ends_row = self.ends_row or b"\n" in outside[1:]
        self._before = outside[-1:]
        kinds = outside.translate(self._kinds)
        return b'x"' in kinds or b'"x' in kinds
