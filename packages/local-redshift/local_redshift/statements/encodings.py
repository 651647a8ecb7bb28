"""Compression encodings, and the column types that each supports.

Source: https://docs.aws.amazon.com/redshift/latest/dg/c_Compression_encodings.html
"""

from __future__ import annotations

from local_redshift.sql.lexer import quote_literal
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader

_WHOLE = ("smallint", "integer", "bigint", "numeric")
_FLOATS = ("real", "double precision")
_TEXTS = ("character", "character varying")
_DAYS = ("date", "timestamp without time zone")
_ZONED = ("timestamp with time zone",)
# Not on the page; CREATE TABLE assigns AZ64 to these, LZO to VARBYTE and ZSTD to SUPER.
_TIMES = ("time without time zone", "time with time zone")
_OPAQUE = ("super", "varbyte")
_SCALARS = (*_WHOLE, *_TEXTS, *_DAYS, *_ZONED, *_TIMES)
# RAW and AUTO support every type.
_TYPES = {
    "az64": (*_WHOLE, *_DAYS, *_ZONED, *_TIMES),
    "bytedict": (*_SCALARS, *_FLOATS),
    "delta": (*_WHOLE, *_DAYS),
    "delta32k": ("integer", "bigint", "numeric", *_DAYS),
    "lzo": (*_SCALARS, *_OPAQUE),
    "mostly8": _WHOLE,
    "mostly16": ("integer", "bigint", "numeric"),
    "mostly32": ("bigint", "numeric"),
    "runlength": (*_SCALARS, *_FLOATS, "boolean"),
    "text255": ("character varying",),
    "text32k": ("character varying",),
    "zstd": (*_SCALARS, *_FLOATS, "boolean", *_OPAQUE),
}
_ANY = ("auto", "raw", "none")


def read_encoding(reader: TokenReader) -> str:
    """Read the value of ENCODE. Raises RefusedError for one that Redshift does not have."""
    word = reader.next().lower
    if word not in _TYPES and word not in _ANY:
        raise RefusedError(f'invalid encoding type "{word}" specified', "42601")
    return "raw" if word == "none" else word


def require_fit(encoding: str, kind: str, column: str) -> None:
    """Raises RefusedError when the encoding does not support this type, which may include a size."""
    if kind.partition("(")[0] not in _TYPES.get(encoding, (kind.partition("(")[0],)):
        raise RefusedError(_message(column), "0A000")


def check_fit(target: str, column: str, encoding: str) -> str:
    """Return the same check as SQL, for an existing column."""
    types = ", ".join(map(quote_literal, _TYPES.get(encoding, ())))
    if not types:
        return "SELECT 1"
    body = (
        f"BEGIN IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = {quote_literal(target)}::regclass "
        f"AND attname = {quote_literal(column)} AND format_type(atttypid, NULL) NOT IN ({types})) "
        f"THEN RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = {quote_literal(_message(column))}; END IF; END"
    )
    return f"DO {quote_literal(body)}"


def _message(column: str) -> str:
    return f'invalid encoding type specified for column "{column}"'
