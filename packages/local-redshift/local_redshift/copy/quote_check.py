"""Whether a CSV stream's quotes stand where Redshift takes them, looked at without cutting fields.

PostgreSQL's COPY takes a quote anywhere and drops it: `a""b` and `"a"b` are `ab` to it. Redshift lets a quote
begin and end a field, blanks beside it left out, and doubled inside one stand for itself; everything else is an error
(copy-parameters-data-format, CSV).
"""

from __future__ import annotations

# Small enough for the memory's caches: three times as quick as a megabyte in one go.
_SLICE = 1 << 16


class Quotes:
    """Looks at one stream, piece by piece: its first, third, … quote opens, its second, fourth, … closes."""

    def __init__(self, quote: str, delimiter: str) -> None:
        self._quote = quote.encode()
        edges = delimiter.encode() + b"\r\n"
        self._kinds = bytes(b'"'[0] if c == self._quote[0] else b","[0] if c in edges else b"x"[0] for c in range(256))
        self._before = b"\n"  # the end of the text outside quotes so far
        self._open = False
        self.met = False

    @property
    def open(self) -> bool:
        """Whether the stream so far ends inside quotes."""
        return self._open

    def odd(self, data: bytes) -> bool:
        """Whether a quote opens or closes in the midst of other text in the stream's next piece."""
        if self._quote not in data and (self._open or self._before != self._quote):
            if not self._open:
                self._before = data[-1:] or self._before
            return False
        self.met = True
        return any(self._look(data[at : at + _SLICE]) for at in range(0, len(data), _SLICE))

    def _look(self, data: bytes) -> bool:
        parts = data.split(self._quote)
        if self._open:
            parts.insert(0, b"")
        parts[0] = self._before + parts[0]
        self._open = len(parts) % 2 == 0
        # The text outside quotes, a mark where quoted text stood; a doubled quote is two marks side by side.
        outside = self._quote.join(parts[::2])
        if self._open:
            outside += self._quote
        self._before = outside[-1:]
        seen = outside.translate(self._kinds)
        return b'x"' in seen or b'"x' in seen
