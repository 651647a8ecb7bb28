"""What must not be true of a value that is to have a type of the warehouse, as DuckDB SQL. Pure.

DuckDB's ``try_cast`` is lax (INTEGER takes 1.5, 1e5 and 0x10; DECIMAL rounds; TIMESTAMP drops ``+09`` and turns 24:00
into the next day), so text must match a pattern before it is cast. Every check is a `Check`: a predicate that is true
of a bad value, and the reason to give for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redshift_etl.contracts.column_type import Type
from redshift_etl.contracts.ddl import Column

NULL = "\\N"
BLOB = "BLOB"
_HEXADECIMAL = "(\\\\x)?([0-9a-fA-F]{2})+"  # \\x as PostgreSQL writes a bytea
_PREFIX = "^\\\\x"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_NUMBER = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)"
_PATTERNS = {
    "SMALLINT": "[+-]?[0-9]+",
    "INTEGER": "[+-]?[0-9]+",
    "BIGINT": "[+-]?[0-9]+",
    "REAL": f"{_NUMBER}([eE][+-]?[0-9]+)?",
    "DOUBLE PRECISION": f"{_NUMBER}([eE][+-]?[0-9]+)?",
    "BOOLEAN": "(?i:true|false|t|f|yes|no|y|n|1|0)",
    "DATE": _DAY,
    "TIME": _CLOCK,
    "TIMETZ": f"{_CLOCK}[+-][0-9]{{2}}(:?[0-9]{{2}})?",
    "TIMESTAMP": f"{_DAY}[ T]{_CLOCK}",
    "TIMESTAMPTZ": f"{_DAY}[ T]{_CLOCK} ?(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)",
}
_EXACT = ("SMALLINT", "INTEGER", "BIGINT", "DECIMAL")
_HEADER_COLUMNS = 5  # so many that are equal are no accident
_FLOATS = ("REAL", "DOUBLE PRECISION")
_FINITE = (*_FLOATS, "DATE", "TIMESTAMP", "TIMESTAMPTZ")
_DUCK_NAMES = {
    "DOUBLE PRECISION": "DOUBLE", "REAL": "FLOAT", "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "TIMETZ": "TIME WITH TIME ZONE",
}  # fmt: skip


@dataclass(frozen=True)
class Check:
    """A SQL predicate that is true of a bad value, and what to say about it."""

    column: str
    bad: str
    reason: str


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def duck_type(kind: Type) -> str:
    """A Redshift type as DuckDB prints it. Text has no length there: `value_checks` counts its bytes.

    VARBYTE is text too, two hexadecimal digits a byte
    (https://docs.aws.amazon.com/redshift/latest/dg/copy-usage-varbyte.html).
    """
    if kind.is_text or kind.name in ("SUPER", "VARBYTE"):
        return "VARCHAR"
    return _DUCK_NAMES.get(kind.name, str(kind))


def value_checks(name: str, kind: Type, actual: str = "VARCHAR") -> list[Check]:
    """What must not be true of a value of DuckDB type ``actual`` that is to become a ``kind``. NULL passes."""
    column, target = quoted(name), duck_type(kind)
    if kind.is_text:
        return _text_checks(name, kind)
    if kind.name == "VARBYTE":
        return _byte_checks(name, kind, actual)
    if kind.name == "SUPER":
        return [Check(name, f"NOT json_valid({column}::VARCHAR)", "is not JSON")]
    if actual == "VARCHAR":
        cast = f"try_cast({column} AS {target})"
        misfit = f"NOT regexp_full_match({column}, {literal(_pattern(kind))}) OR {cast} IS NULL"
        if kind.name in _FLOATS:
            misfit += f" OR NOT isfinite({cast})"  # 1e400
        if kind.name in _EXACT:  # text that its value prints as needs no pattern: half the price of the check
            misfit = f"{cast}::VARCHAR IS DISTINCT FROM {column} AND ({misfit})"
        return [Check(name, f"{column} IS NOT NULL AND ({misfit})", not_valid(kind))]
    checks = []
    if actual != target:
        checks.append(Check(name, _loses(column, actual, kind), f"does not fit {kind} without loss"))
    if kind.name in _FINITE:
        # coalesce: a value that does not fit was named already.
        checks.append(Check(name, f"NOT coalesce(isfinite(try_cast({column} AS {target})), true)", "is not finite"))
    return checks


def not_valid(kind: Type) -> str:
    """The reason of a text that is not of a type."""
    return f"is not a valid {kind}"


def _pattern(kind: Type) -> str:
    if kind.name == "DECIMAL":  # zeros beyond the scale lose nothing
        return f"[+-]?([0-9]+([.][0-9]{{0,{kind.scale}}}0*)?|[.][0-9]{{1,{max(kind.scale or 0, 1)}}}0*)"
    return _PATTERNS[kind.name]


def _loses(column: str, actual: str, kind: Type) -> str:
    cast = f"try_cast({column} AS {duck_type(kind)})"
    if kind.name in _FLOATS:
        return f"{column} IS NOT NULL AND {cast} IS NULL"
    return f"{column} IS NOT NULL AND try_cast({cast} AS {actual}) IS DISTINCT FROM {column}"


def _text_checks(name: str, kind: Type) -> list[Check]:
    text = f"{quoted(name)}::VARCHAR"
    checks = [Check(name, f"strlen({text}) > {kind.length}", f"is longer than the {kind.length} bytes of {kind}")]
    if kind.name == "CHAR":
        checks.append(Check(name, f"strlen({text}) <> length({text})", "has a multibyte character, which CHAR refuses"))
    checks.append(Check(name, f"contains({text}, chr(0))", "has a NUL byte, which Redshift refuses"))
    checks.append(Check(name, f"{text} = {literal(NULL)}", "is the text that marks NULL in the staged files"))
    return checks


def _byte_checks(name: str, kind: Type, actual: str) -> list[Check]:
    column, reason = quoted(name), f"is longer than the {kind.length} bytes of {kind}"
    if actual == BLOB:
        empty = Check(name, f"octet_length({column}) = 0", "has no byte, which COPY reads as NULL")
        return [empty, Check(name, f"octet_length({column}) > {kind.length}", reason)]
    misfit = f"{column} IS NOT NULL AND NOT regexp_full_match({column}::VARCHAR, {literal(_HEXADECIMAL)})"
    return [
        Check(name, misfit, "is not hexadecimal with two digits a byte, one byte or more"),
        Check(name, f"strlen({digits(column)}) > {2 * (kind.length or 0)}", reason),
    ]


def digits(column: str) -> str:
    """The hexadecimal digits of a VARBYTE's text."""
    return f"regexp_replace({column}::VARCHAR, {literal(_PREFIX)}, '')"


def raw_checks(columns: Mapping[str, Type]) -> list[Check]:
    """What the source's own columns must satisfy before they are typed. The contract measures text later."""
    typed = [check for name, kind in columns.items() if not kind.is_text for check in value_checks(name, kind)]
    return [*_second_header(columns), *typed]


def _second_header(columns: Mapping[str, Type]) -> list[Check]:
    """That of files joined into one, which is a right row where the columns are texts."""
    first = list(columns)[:_HEADER_COLUMNS]
    if len(first) < 2:
        return []
    same = " AND ".join(f"{quoted(name)} = {literal(name)}" for name in first)
    return [Check(first[0], same, "is the name of its column, and so are the values after it: a second header")]


def contract_checks(columns: Sequence[Column], types: Mapping[str, str], key: Sequence[str]) -> list[Check]:
    """What the transform's output (column to DuckDB type) must satisfy.

    Blanks at the end of a VARCHAR are not compared: two keys of the source would be one in the table
    (https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html, "Significance of trailing blanks").
    """
    checks = []
    for column in columns:
        if not column.nullable:
            checks.append(Check(column.name, f"{quoted(column.name)} IS NULL", "is NULL in a NOT NULL column"))
        checks += value_checks(column.name, column.type, types[column.name])
        if column.name in key and column.type.name == "VARCHAR":
            reason = "ends with a blank, which Redshift does not compare; if the key is the same without, use rtrim(…)"
            checks.append(Check(column.name, f"ends_with({quoted(column.name)}::VARCHAR, ' ')", reason))
    return checks
