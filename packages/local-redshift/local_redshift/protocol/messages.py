"""The PostgreSQL wire protocol 3.0, the part that a proxy reads: framing, start-up packets, error fields.

Source: PostgreSQL documentation, chapter "Message Formats". Pure functions over bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

PROTOCOL_3 = 3 << 16
CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
# Redshift's statement limit is 16 MB; a longer message belongs to another protocol.
MAX_MESSAGE = 64 << 20
# Before the login: what PostgreSQL allows for a start-up packet, and more than a password or SASL response needs.
MAX_STARTUP = 10_000
MAX_LOGIN_MESSAGE = 8 << 10

_LENGTH = struct.Struct("!I")
_HEADER_SIZE = 5  # type and length


class ProtocolError(Exception):
    """Bytes that cannot be a PostgreSQL message; the connection cannot continue."""


def message(kind: bytes, *parts: bytes) -> bytes:
    """A framed message: type byte, length, body."""
    body = b"".join(parts)
    return kind + _LENGTH.pack(len(body) + 4) + body


def text(value: str) -> bytes:
    """A zero-terminated string."""
    return value.encode() + b"\0"


def query(sql: str) -> bytes:
    """A simple-protocol Query."""
    return message(b"Q", text(sql))


def parse(name: bytes, sql: str, types: bytes = b"\0\0") -> bytes:
    """A Parse message; `types` is the counted list of parameter type ids as the client sent it."""
    return message(b"P", name + b"\0", text(sql), types)


def execute_now(sql: str, name: str) -> bytes:
    """Parse, Bind, Execute and Close of a statement without parameters or rows, under its own name: four replies."""
    own = text(name)
    bind = message(b"B", own, own, b"\0\0\0\0\0\0")
    return parse(name.encode(), sql) + bind + message(b"E", own, b"\0\0\0\0") + message(b"C", b"S", own)


SYNC = message(b"S")
FLUSH = message(b"H")
TERMINATE = message(b"X")
PARSE_COMPLETE = message(b"1")
BIND_COMPLETE = message(b"2")
CLOSE_COMPLETE = message(b"3")
NO_DATA = message(b"n")
NO_PARAMETERS = message(b"t", b"\0\0")
EMPTY_QUERY = message(b"I")


def command_complete(tag: str) -> bytes:
    """The reply that ends a statement: `COPY`, `CREATE TABLE`."""
    return message(b"C", text(tag))


def ready(status: bytes) -> bytes:
    """ReadyForQuery with the transaction status I, T or E."""
    return message(b"Z", status)


def error(code: str, what: str, detail: str | None = None, hint: str | None = None, severity: str = "ERROR") -> bytes:
    """An ErrorResponse with an SQLSTATE."""
    fields = {"S": severity, "V": severity, "C": code, "M": what, "D": detail, "H": hint}
    return error_message({key: value for key, value in fields.items() if value is not None})


def notice(what: str, severity: str = "INFO") -> bytes:
    """A NoticeResponse."""
    return message(b"N", _fields({"S": severity, "V": severity, "C": "00000", "M": what}))


def error_message(fields: Mapping[str, str]) -> bytes:
    """An ErrorResponse of the given fields."""
    return message(b"E", _fields(fields))


def _fields(fields: Mapping[str, str]) -> bytes:
    return b"".join(key.encode() + text(value.replace("\0", "")) for key, value in fields.items()) + b"\0"


def error_fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse body, by their one-letter codes."""
    parts = body.split(b"\0")
    return {part[:1].decode("ascii", "replace"): part[1:].decode("utf-8", "replace") for part in parts if part}


def startup(parameters: Mapping[str, str]) -> bytes:
    """A start-up packet."""
    body = b"".join(text(key) + text(value) for key, value in parameters.items()) + b"\0"
    return struct.pack("!II", len(body) + 8, PROTOCOL_3) + body


def startup_parameters(body: bytes) -> dict[str, str]:
    """The parameters of a start-up packet's body. Raises ProtocolError when it is truncated or not UTF-8."""
    parts = body.rstrip(b"\0").split(b"\0")
    if len(parts) % 2:
        parts.append(b"")  # the terminator of a last empty value is stripped
    try:
        return {parts[i].decode(): parts[i + 1].decode() for i in range(0, len(parts), 2)}
    except UnicodeDecodeError as bad:
        raise ProtocolError("invalid byte sequence in the start-up packet") from bad


def split_strings(body: bytes, count: int) -> tuple[list[bytes], bytes]:
    """Take `count` zero-terminated strings from a message body; return them and the rest. Raises ProtocolError."""
    parts = body.split(b"\0", count)
    if len(parts) <= count:
        raise ProtocolError("invalid message format")
    return parts[:count], parts[count]


class MessageBuffer:
    """Splits a stream of bytes into messages: `size` is the number of bytes in it, `limit` that of a message's body."""

    def __init__(self) -> None:
        self.size = 0
        self.limit = MAX_MESSAGE
        self._data = b""
        self._at = 0
        self._parts: list[bytes] = []  # joined once there are enough of them: a message may be 64 MB
        self._needed = _HEADER_SIZE

    def feed(self, data: bytes) -> None:
        """Add bytes as they come from the socket."""
        self._parts.append(data)
        self.size += len(data)

    def take(self, count: int | None = None) -> bytes:
        """Take bytes out as they came: `count` of them, or all."""
        self._join()
        self._needed = _HEADER_SIZE
        taken, self._data = (self._data, b"") if count is None else (self._data[:count], self._data[count:])
        self.size = len(self._data)
        return taken

    def unread(self, kind: bytes, body: bytes) -> None:
        """Put a message back, to be read next."""
        self._parts = [message(kind, body), self.take()]
        self.size = sum(map(len, self._parts))

    def next(self) -> tuple[bytes, bytes] | None:
        """The next complete message as (type, body), or None. Raises ProtocolError for an impossible length."""
        if self.size < self._needed:
            return None
        if self._parts:
            self._join()
        data, at = self._data, self._at
        (length,) = _LENGTH.unpack_from(data, at + 1)
        if not 4 <= length <= self.limit:
            raise ProtocolError(f"invalid message length {length}")
        if self.size <= length:
            self._needed = length + 1
            return None
        end = at + 1 + length
        self._needed = _HEADER_SIZE
        self.size -= length + 1
        self._data, self._at = (data, end) if self.size else (b"", 0)  # frees a long message at once
        return data[at : at + 1], data[at + _HEADER_SIZE : end]

    def _join(self) -> None:
        rest = self._data[self._at :]
        self._data = b"".join((rest, *self._parts)) if rest or len(self._parts) != 1 else self._parts[0]
        self._at = 0
        self._parts.clear()
