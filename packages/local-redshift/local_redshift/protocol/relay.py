"""The backend's replies on their way to the client: what ends a batch, what is changed, what is hidden.

Everything else passes unchanged. Rows are skipped by their length alone.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable

from local_redshift.protocol.messages import error_fields, message

_HEADER = struct.Struct("!cI")
_ROW = b"D"
_TEXT = (25).to_bytes(4, "big")
# The oid of catalog/sql/43_untyped.sql. A client gets such a column as text, like a literal of the outermost list.
_UNTYPED = (8705).to_bytes(4, "big")
# The reply that ends one request: ParseComplete, BindComplete, CloseComplete, RowDescription or NoData (Describe),
# CommandComplete, EmptyQueryResponse, PortalSuspended (Execute).
TERMINAL = frozenset(b"1 2 3 T n C I s".split())


class Relay:
    """One batch of replies.

    `replies` ends the batch after that number of terminal replies (None: at ReadyForQuery, which is passed on unless
    `keep_ready` is off). `refuse_type` is the oid of a type that the client would misread: `refused` is set, and
    nothing of the batch passes from there on. `drop` has, for the next terminal replies in order, whether they
    are hidden.
    """

    def __init__(
        self,
        change_error: Callable[[bytes], bytes],
        replies: int | None = None,
        drop: Iterable[bool] = (),
        keep_ready: bool = True,
        refuse_type: int | None = None,
    ) -> None:
        self._change_error = change_error
        self._replies = replies
        self._drop = deque(drop)
        self._keep_ready = keep_ready
        self._refuse_type = refuse_type
        self.refused = False
        self._rest = b""
        self._skip = 0
        self.done = False
        self.failed = False
        self.status: bytes | None = None
        self.tags: list[bytes] = []
        self.error = ""

    def feed(self, chunk: bytes) -> bytes:
        """Take bytes from the backend; return those for the client. `done` is set when the batch has ended."""
        if self._skip:
            if len(chunk) <= self._skip:
                self._skip -= len(chunk)
                return chunk
            head, chunk = chunk[: self._skip], chunk[self._skip :]
            self._skip = 0
            return head + self.feed(chunk)
        data = self._rest + chunk if self._rest else chunk
        self._rest = b""
        return self._scan(data)

    def _scan(self, data: bytes) -> bytes:
        unpack, size = _HEADER.unpack_from, len(data)
        position = begin = 0
        out: list[bytes] = []
        while size - position >= 5:
            kind, length = unpack(data, position)
            end = position + 1 + length
            if kind != _ROW:
                if end > size:
                    break
                replaced = self._other(kind, data[position + 5 : end])
                if replaced is not None:
                    out += [data[begin:position], replaced]
                    begin = end
            elif end > size:
                self._skip = end - size
                end = size
            position = end
        out.append(data[begin:position])
        self._rest = data[position:]
        return b"" if self.refused else b"".join(out)

    def _other(self, kind: bytes, body: bytes) -> bytes | None:
        """The replacement of a message that is not a row; None when it passes unchanged."""
        if kind == b"T" and self._refuse_type is not None and self._refuse_type in column_types(body):
            self.refused = True
        if kind == b"T" and _UNTYPED in body:
            return self._terminal(kind) or message(b"T", _typed(body))
        if kind in TERMINAL:
            if kind == b"C":
                self.tags.append(body)
            return self._terminal(kind)
        if kind == b"E":
            self.failed = True
            self.error = error_fields(body).get("M", "")
            self.done = self._replies is not None
            return self._change_error(body)
        if kind == b"Z":
            self.status, self.done = body, True
            return None if self._keep_ready else b""
        return None

    def _terminal(self, kind: bytes) -> bytes | None:
        if self._replies is not None:
            self._replies -= 1
            self.done = self._replies == 0
        # A RowDescription ends a Describe, or precedes a simple query's rows; `drop` is used for simple queries only.
        hidden = bool(self._drop) and (self._drop.popleft() if kind != b"T" else False)
        return b"" if hidden else None


def column_types(body: bytes) -> set[int]:
    """The type oids of a RowDescription."""
    return {int.from_bytes(body[at : at + 4], "big") for at in _type_offsets(body)}


def _typed(body: bytes) -> bytes:
    changed = bytearray(body)
    for at in _type_offsets(body):
        if body[at : at + 4] == _UNTYPED:
            changed[at : at + 4] = _TEXT
    return bytes(changed)


def _type_offsets(body: bytes) -> list[int]:
    offsets, position = [], 2
    for _ in range(int.from_bytes(body[:2], "big")):
        end = body.index(b"\0", position)
        offsets.append(end + 7)
        position = end + 19
    return offsets
