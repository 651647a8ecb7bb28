"""A column's type as Redshift has it: an alias is read as the type that it stands for, limits are checked. Pure.

Sources: https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html and the pages of each type below it;
DATETIME is not on them, and clusters take it for TIMESTAMP.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp

MAX_LENGTH = 65535
_MAX_LENGTHS = {"VARCHAR": MAX_LENGTH, "CHAR": 4096, "VARBYTE": 16_777_216}
_DEFAULT_LENGTHS = {"VARCHAR": 256, "CHAR": 1, "VARBYTE": 64_000, "BPCHAR": 256}
_DEFAULT_DECIMAL = (18, 0)
_MAX_PRECISION, _MAX_SCALE = 38, 37
_REAL_BITS, _DOUBLE_BITS = 24, 53
TYPES = {
    "SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "REAL", "DOUBLE PRECISION", "BOOLEAN", "CHAR", "VARCHAR", "VARBYTE",
    "DATE", "TIME", "TIMETZ", "TIMESTAMP", "TIMESTAMPTZ", "SUPER",
}  # fmt: skip
# As sqlglot names them: it reads INT4 as INT, FLOAT8 and FLOAT as DOUBLE, FLOAT4 as FLOAT, BOOL as BOOLEAN.
_ALIASES = {
    "INT": "INTEGER", "FLOAT": "REAL", "DOUBLE": "DOUBLE PRECISION", "TEXT": "VARCHAR", "NVARCHAR": "VARCHAR",
    "NCHAR": "CHAR", "BPCHAR": "CHAR", "VARBINARY": "VARBYTE", "DATETIME": "TIMESTAMP",
}  # fmt: skip


@dataclass(frozen=True)
class Type:
    """A Redshift column type: ``length`` in bytes (CHAR, VARCHAR, VARBYTE), ``precision`` and ``scale`` (DECIMAL)."""

    name: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        if self.length is not None:
            return f"{self.name}({self.length})"
        if self.precision is not None:
            return f"{self.name}({self.precision},{self.scale})"
        return self.name

    @property
    def is_text(self) -> bool:
        """CHAR or VARCHAR."""
        return self.name in ("CHAR", "VARCHAR")

    @property
    def is_time(self) -> bool:
        """A day or a moment."""
        return self.name in ("DATE", "TIMESTAMP", "TIMESTAMPTZ")

    @property
    def is_number(self) -> bool:
        """Exact or not."""
        return self.name in ("SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "REAL", "DOUBLE PRECISION")


def parse_type(text: str, column: str) -> Type:
    """The type of a column of that name. Raises ValueError with one sentence for what Redshift does not have."""
    try:
        kind = sqlglot.parse_one(f"CREATE TABLE x (x {text})", dialect="redshift").find(exp.DataType)
    except (sqlglot.errors.SqlglotError, IndexError):
        kind = None
    if kind is None:
        raise _unknown(column, text)
    return read_type(kind, column)


def read_type(kind: exp.DataType, column: str) -> Type:
    """The same of a parsed type."""
    spelled = str(getattr(kind.this, "value", kind.this))
    name = _ALIASES.get(spelled, spelled)
    if name not in TYPES:
        raise _unknown(column, kind.sql("redshift"))
    sizes = [str(param.this.name) for param in kind.expressions]
    if name in _MAX_LENGTHS:
        return Type(name, length=_length(column, name, spelled, sizes))
    if name == "DECIMAL":
        precision, scale = _decimal(column, sizes)
        return Type(name, precision=precision, scale=scale)
    if name == "DOUBLE PRECISION" and sizes:
        return _float(column, int(sizes[0]))
    if sizes:
        raise ValueError(f"column {column} has {name} with a precision, which Redshift does not have; write {name}")
    return Type(name)


def _unknown(column: str, text: str) -> ValueError:
    return ValueError(f"column {column} has type {text}; use one of {', '.join(sorted(TYPES))}")


def _length(column: str, name: str, spelled: str, sizes: list[str]) -> int:
    most = _MAX_LENGTHS[name]
    if not sizes:
        return _DEFAULT_LENGTHS.get(spelled, _DEFAULT_LENGTHS[name])
    length = most if sizes[0].upper() == "MAX" else int(sizes[0])
    if not 1 <= length <= most:
        raise ValueError(f"column {column} is {name}({length}); a {name} of Redshift has 1 to {most} bytes")
    return length


def _decimal(column: str, sizes: list[str]) -> tuple[int, int]:
    precision, scale = (int(sizes[0]), int(sizes[1]) if len(sizes) > 1 else 0) if sizes else _DEFAULT_DECIMAL
    if not 1 <= precision <= _MAX_PRECISION or not 0 <= scale <= min(precision, _MAX_SCALE):
        raise ValueError(
            f"column {column} is DECIMAL({precision},{scale}); a DECIMAL of Redshift has 1 to {_MAX_PRECISION} digits, "
            f"up to {_MAX_SCALE} of them behind the point"
        )
    return precision, scale


def _float(column: str, bits: int) -> Type:
    if not 1 <= bits <= _DOUBLE_BITS:
        raise ValueError(f"column {column} is FLOAT({bits}); a FLOAT of Redshift has 1 to {_DOUBLE_BITS} bits")
    return Type("REAL" if bits <= _REAL_BITS else "DOUBLE PRECISION")
