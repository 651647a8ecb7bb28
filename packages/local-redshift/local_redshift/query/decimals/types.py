"""Numeric types of expressions: the results of arithmetic, literals and functions.

Where AWS's pages do not define a precision, a Number has every possible one: a quotient whose scale depends on it has
no type here.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html
https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
https://docs.aws.amazon.com/redshift/latest/dg/r_SUM.html
https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

MAX_PRECISION = 38  # digits of a DECIMAL
_MIN_QUOTIENT_SCALE = 4
_PRECISION_64_BITS = 19  # digits of a DECIMAL stored in 64 bits


@dataclass(frozen=True)
class Number:
    """A numeric type: its possible precisions and its scale; `null` is the type of the keyword NULL."""

    kind: Literal["integer", "decimal", "float", "null"]
    precisions: tuple[int, ...] = ()
    scale: int = 0

    @property
    def sized(self) -> bool:
        """Whether it is a DECIMAL with one possible precision."""
        return self.kind == "decimal" and len(self.precisions) == 1

    @property
    def sql(self) -> str:
        """The SQL of a sized DECIMAL."""
        return f"numeric({self.precisions[0]}, {self.scale})"


NULL = Number("null")
FLOAT = Number("float")
# The digits of an integer in arithmetic with DECIMALs.
SMALLINT, INTEGER, BIGINT = (Number("integer", (digits,)) for digits in (5, 10, 19))
_OF_TYPE_ID = {21: SMALLINT, 23: INTEGER, 20: BIGINT, 700: FLOAT, 701: FLOAT}
_OF_NAME = {
    "smallint": SMALLINT,
    "int2": SMALLINT,
    "int": INTEGER,
    "integer": INTEGER,
    "int4": INTEGER,
    "bigint": BIGINT,
    "int8": BIGINT,
    "real": FLOAT,
    "float": FLOAT,
    "float4": FLOAT,
    "float8": FLOAT,
    "double": FLOAT,
}
_NUMERIC_ID = 1700
DECIMALS = ("numeric", "decimal", "dec")


def decimal(precision: int, scale: int) -> Number:
    """Return a DECIMAL with this precision and scale."""
    return Number("decimal", (precision,), scale)


def of_column(type_id: int, modifier: int) -> Number | None:
    """Return the type of a column that PostgreSQL describes; None when it is not a number or has no size."""
    if type_id == _NUMERIC_ID and modifier > 4:
        return decimal((modifier - 4) >> 16, (modifier - 4) & 0x7FF)
    return _OF_TYPE_ID.get(type_id)


def of_literal(text: str) -> Number | None:
    """Return the type of a numeric literal; AWS's pages define neither if the 0 of 0.5 counts nor 1e3."""
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isdigit():
        return None
    if "." in text:
        digits = len(whole.lstrip("0"))
        sizes = (digits + len(fraction),) if digits else (len(fraction), len(fraction) + 1)
        return Number("decimal", sizes, len(fraction))
    value = int(whole)
    return INTEGER if value < 1 << 31 else BIGINT if value < 1 << 63 else decimal(len(whole.lstrip("0")), 0)


def of_name(name: str, sizes: Sequence[str]) -> Number | None:
    """Return the type with this first word and these numbers in parentheses."""
    if name in DECIMALS and all(size.isdigit() for size in sizes):
        return decimal(int(sizes[0]) if sizes else 18, int(sizes[1]) if len(sizes) > 1 else 0)
    return _OF_NAME.get(name)


def combined(numbers: Sequence[Number | None]) -> Number | None:
    """Return the type of CASE and COALESCE; AWS's pages do not define the precision for different DECIMALs."""
    distinct = [number for number in dict.fromkeys(numbers) if number != NULL]
    known = [number for number in distinct if number is not None]
    if not known or None in distinct:
        return None
    if len(known) == 1:
        return known[0]
    if FLOAT in known:
        return FLOAT
    if all(number.kind == "integer" for number in known):
        return max(known, key=lambda number: number.precisions)
    scale = max(number.scale for number in known)
    whole = max(max(number.precisions) - number.scale for number in known)
    return Number("decimal", tuple(sorted({min(MAX_PRECISION, whole + scale), MAX_PRECISION})), scale)


def arithmetic(sign: str, left: Number | None, right: Number | None) -> Number | None:
    """Return the type of `left sign right`; None when it is not known."""
    if left is None or right is None or NULL in (left, right):
        return None
    if sign == "^" or FLOAT in (left, right):
        return FLOAT
    if left.kind == right.kind == "integer":
        return max(left, right, key=lambda number: number.precisions)
    sizes = {_SIZES[sign](a, left.scale, b, right.scale) for a, b in product(left.precisions, right.precisions)}
    scales = {scale for _, scale in sizes}
    return Number("decimal", tuple(sorted({size for size, _ in sizes})), scales.pop()) if len(scales) == 1 else None


def _sum_size(p1: int, s1: int, p2: int, s2: int) -> tuple[int, int]:
    scale = max(s1, s2)
    return min(MAX_PRECISION, max(p1 - s1, p2 - s2) + 1 + scale), scale


def _product_size(p1: int, s1: int, p2: int, s2: int) -> tuple[int, int]:
    return min(MAX_PRECISION, p1 + p2 + 1), min(MAX_PRECISION, s1 + s2)


def _quotient_size(p1: int, s1: int, p2: int, s2: int) -> tuple[int, int]:
    scale = max(_MIN_QUOTIENT_SCALE, s1 + p2 - s2 + 1)
    precision = p1 - s1 + s2 + scale
    if precision > MAX_PRECISION:
        return MAX_PRECISION, max(MAX_PRECISION + scale - precision, _MIN_QUOTIENT_SCALE)
    return precision, scale


def _remainder_size(p1: int, s1: int, p2: int, s2: int) -> tuple[int, int]:
    return min(MAX_PRECISION, max(p1 - s1, p2 - s2) + max(s1, s2)), max(s1, s2)


_SIZES: dict[str, Callable[[int, int, int, int], tuple[int, int]]] = {
    "+": _sum_size,
    "-": _sum_size,
    "*": _product_size,
    "/": _quotient_size,
    "%": _remainder_size,
}


def _sum(arguments: Sequence[Number | None]) -> Number | None:
    """SUM of DECIMALs has 38 digits, SUM of integers is BIGINT."""
    number = arguments[0]
    if number is None or number.kind != "decimal":
        return BIGINT if number is not None and number.kind == "integer" else number
    return decimal(MAX_PRECISION, number.scale)


def _average(arguments: Sequence[Number | None]) -> Number | None:
    """AVG of DECIMALs has 19 digits when they have 64 bits, otherwise 38; AVG of integers is BIGINT."""
    number = arguments[0]
    if number is None or number.kind != "decimal":
        return BIGINT if number is not None and number.kind == "integer" else number
    sizes = {_PRECISION_64_BITS if size <= _PRECISION_64_BITS else MAX_PRECISION for size in number.precisions}
    return Number("decimal", tuple(sorted(sizes)), number.scale)


def _first(arguments: Sequence[Number | None]) -> Number | None:
    return arguments[0]


_AS_FIRST = ("min", "max", "any_value", "lag", "lead", "first_value", "last_value", "nth_value")
_CALLS: dict[str, Callable[[Sequence[Number | None]], Number | None]] = {
    "sum": _sum,
    "avg": _average,
    "count": lambda _: BIGINT,
    **dict.fromkeys(("coalesce", "greatest", "least"), combined),
    **dict.fromkeys((*_AS_FIRST, "abs", "nullif"), _first),
}
CALLS = frozenset(_CALLS)


def of_call(name: str, arguments: Sequence[Number | None]) -> Number | None:
    """Return the type of a call of one of CALLS."""
    return _CALLS[name](arguments) if arguments else None
