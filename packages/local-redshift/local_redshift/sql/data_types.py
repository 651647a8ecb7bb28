"""Redshift's column types in PostgreSQL's words, and the types that Redshift does not have.

Sources: developer guide pages c_Supported_data_types, r_Character_types, r_Numeric_types201,
c_unsupported-postgresql-datatypes.
"""

from __future__ import annotations

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor

VARCHAR_MAX = 65535
CHAR_MAX = 4096
VARCHAR_DEFAULT = 256
VARBYTE_DEFAULT = 64_000
VARBYTE_MAX = 16_777_216

_PLAIN = {
    "smallint": "smallint",
    "int2": "smallint",
    "integer": "integer",
    "int": "integer",
    "int4": "integer",
    "bigint": "bigint",
    "int8": "bigint",
    "real": "real",
    "float4": "real",
    "float8": "double precision",
    "boolean": "boolean",
    "bool": "boolean",
    "date": "date",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "super": "super",
}
_VARYING = ("varchar", "nvarchar", "text")
_FIXED = ("char", "character", "nchar", "bpchar")
_INSTEAD = {
    "serial": "IDENTITY(1, 1)",
    "bigserial": "BIGINT IDENTITY(1, 1)",
    "smallserial": "IDENTITY(1, 1)",
    "json": "SUPER",
    "jsonb": "SUPER",
    "uuid": "VARCHAR(36)",
    "bytea": "VARBYTE",
    "money": "DECIMAL(19, 2)",
    "xml": "VARCHAR(MAX)",
    "inet": "VARCHAR(45)",
    "name": "VARCHAR(128)",
    "array": "SUPER",
    "interval": "an integer number of the unit you need",
}
_NOT_MODELLED = ("geometry", "geography", "hllsketch")


def read_type(cursor: Cursor, column: str) -> str:
    """Read a type and return PostgreSQL's. Raises RefusedError for what Redshift does not have, with what to use."""
    word = cursor.next().lower
    found = _PLAIN.get(word) or _textual(cursor, word) or _numeric(cursor, word)
    if found is None and word in ("timestamp", "time"):
        found = _time(cursor, word)
    if found is None:
        raise _unsupported(word, column)
    if cursor.peek("[") or cursor.peek("array"):
        raise _unsupported("array", column)
    return found


def _textual(cursor: Cursor, word: str) -> str | None:
    if word in _VARYING or (word == "character" and cursor.take("varying")):
        return _sized(cursor, "character varying", VARCHAR_DEFAULT, VARCHAR_MAX)
    if word in _FIXED:
        return _sized(cursor, "character", VARCHAR_DEFAULT if word == "bpchar" else 1, CHAR_MAX)
    if word in ("varbyte", "varbinary") or (word == "binary" and cursor.take("varying")):
        return _sized(cursor, "varbyte", VARBYTE_DEFAULT, VARBYTE_MAX)
    return None


def _numeric(cursor: Cursor, word: str) -> str | None:
    if word in ("decimal", "numeric", "dec"):
        return _decimal(cursor)
    if word == "double":
        cursor.expect("precision")
        return "double precision"
    return _float(cursor) if word == "float" else None


def _sized(cursor: Cursor, name: str, default: int, most: int) -> str:
    size = default
    if cursor.take("("):
        size = most if cursor.take("max") else cursor.integer()
        cursor.expect(")")
    if not 1 <= size <= most:
        side = "must be at least 1" if size < 1 else f"cannot exceed {most}"
        raise RefusedError(f"length for type {name} {side}", "22023")
    return f"{name}({size})"


def _decimal(cursor: Cursor) -> str:
    precision, scale = 18, 0
    if cursor.take("("):
        precision = cursor.integer()
        scale = cursor.integer() if cursor.take(",") else 0
        cursor.expect(")")
    if not 1 <= precision <= 38:
        raise RefusedError(f"NUMERIC precision {precision} must be between 1 and 38", "22023")
    if not 0 <= scale <= min(precision, 37):
        raise RefusedError(f"NUMERIC scale {scale} must be between 0 and precision {precision}", "22023")
    return f"numeric({precision},{scale})"


def _float(cursor: Cursor) -> str:
    if not cursor.take("("):
        return "double precision"
    bits = cursor.integer()
    cursor.expect(")")
    if not 1 <= bits <= 53:
        raise RefusedError("precision for type float must be between 1 and 53", "22023")
    return "real" if bits <= 24 else "double precision"


def _time(cursor: Cursor, word: str) -> str:
    if cursor.peek("("):
        raise RefusedError(
            f"{word.upper()} with a precision is not supported by Redshift",
            hint="It always keeps microseconds; leave the precision out.",
        )
    if cursor.take("with", "time", "zone"):
        return f"{word} with time zone"
    cursor.take("without", "time", "zone")
    return f"{word} without time zone"


def _unsupported(word: str, column: str) -> RefusedError:
    if word in _NOT_MODELLED:
        return RefusedError(f'Column "{column}": the type {word.upper()} is not modelled by the local Redshift')
    instead = _INSTEAD.get(word)
    return RefusedError(
        f'Column "{column}" has unsupported type "{word}".', hint=f"Use {instead} instead." if instead else None
    )
