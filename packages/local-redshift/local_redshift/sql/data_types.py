"""The PostgreSQL type for each of Redshift's column types, and the types that Redshift does not have.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-datatypes.html
"""

from __future__ import annotations

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader

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
    "datetime": "timestamp without time zone",  # not on the page; clusters take it
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


def read_type(reader: TokenReader, column: str) -> str:
    """Read a type and return PostgreSQL's. Raises RefusedError with an alternative for an unsupported type."""
    word = reader.next().lower
    postgres_type = _PLAIN.get(word) or _textual(reader, word) or _numeric(reader, word)
    if postgres_type is None and word in ("timestamp", "time"):
        postgres_type = _time(reader, word)
    if postgres_type is None:
        raise _unsupported(word, column)
    if reader.peek("[") or reader.peek("array"):
        raise _unsupported("array", column)
    return postgres_type


def _textual(reader: TokenReader, word: str) -> str | None:
    if word in _VARYING or (word == "character" and reader.take("varying")):
        return _sized(reader, "character varying", VARCHAR_DEFAULT, VARCHAR_MAX)
    if word in _FIXED:
        return _sized(reader, "character", VARCHAR_DEFAULT if word == "bpchar" else 1, CHAR_MAX)
    if word in ("varbyte", "varbinary") or (word == "binary" and reader.take("varying")):
        return _sized(reader, "varbyte", VARBYTE_DEFAULT, VARBYTE_MAX)
    return None


def _numeric(reader: TokenReader, word: str) -> str | None:
    if word in ("decimal", "numeric", "dec"):
        return _decimal(reader)
    if word == "double":
        reader.expect("precision")
        return "double precision"
    return _float(reader) if word == "float" else None


def _sized(reader: TokenReader, name: str, default: int, maximum: int) -> str:
    size = default
    if reader.take("("):
        size = maximum if reader.take("max") else reader.integer()
        reader.expect(")")
    if not 1 <= size <= maximum:
        limit = "must be at least 1" if size < 1 else f"cannot exceed {maximum}"
        raise RefusedError(f"length for type {name} {limit}", "22023")
    return f"{name}({size})"


def _decimal(reader: TokenReader) -> str:
    precision, scale = 18, 0
    if reader.take("("):
        precision = reader.integer()
        scale = reader.integer() if reader.take(",") else 0
        reader.expect(")")
    if not 1 <= precision <= 38:
        raise RefusedError(f"NUMERIC precision {precision} must be between 1 and 38", "22023")
    if not 0 <= scale <= min(precision, 37):
        raise RefusedError(f"NUMERIC scale {scale} must be between 0 and precision {precision}", "22023")
    return f"numeric({precision},{scale})"


def _float(reader: TokenReader) -> str:
    if not reader.take("("):
        return "double precision"
    bits = reader.integer()
    reader.expect(")")
    if not 1 <= bits <= 53:
        raise RefusedError("precision for type float must be between 1 and 53", "22023")
    return "real" if bits <= 24 else "double precision"


def _time(reader: TokenReader, word: str) -> str:
    if reader.peek("("):
        raise RefusedError(
            f"{word.upper()} with a precision is not supported by Redshift",
            hint="Leave the precision out: Redshift always stores microseconds.",
        )
    if reader.take("with", "time", "zone"):
        return f"{word} with time zone"
    reader.take("without", "time", "zone")
    return f"{word} without time zone"


def _unsupported(word: str, column: str) -> RefusedError:
    if word in _NOT_MODELLED:
        return RefusedError(f'Column "{column}": the type {word.upper()} is not modelled by the local Redshift')
    instead = _INSTEAD.get(word)
    return RefusedError(
        f'Column "{column}" has unsupported type "{word}".', hint=f"Use {instead} instead." if instead else None
    )
