"""A SQL statement as a value, quoting, and the statements that every part of the library sends. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

BOUND_VALUES = 32767
"""What redshift_connector binds in one statement: the protocol counts them in two bytes (its core.py)."""


@dataclass(frozen=True)
class Statement:
    """One SQL command, its bound values, and its purpose (for the log and for errors)."""

    purpose: str
    sql: str
    values: tuple[object, ...] = ()


def ident(name: str) -> str:
    """Quote an identifier, part by part; Redshift folds it to lower case all the same (AWS, "Names")."""
    return qualified(*name.split("."))


def qualified(*parts: str) -> str:
    """Quote a name whose parts are known, which may have dots of their own."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def column_name(name: str) -> str:
    """Quote a column's name, which may have dots of its own."""
    return qualified(name)


def literal(value: str) -> str:
    """Quote a string for the commands that take no bound values: COPY and UNLOAD."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def text(value: str, size: int) -> str:
    """A string as a column of a select list; bare, it has the type unknown, by which nothing can be grouped."""
    return f"CAST({literal(value)} AS VARCHAR({size}))"


def moment(value: datetime) -> str:
    """A moment as a TIMESTAMP (UTC), for the select list of a relation that several statements read."""
    return f"CAST('{value.astimezone(UTC).replace(tzinfo=None)}' AS TIMESTAMP)"


def truncate_bytes(value: str, length: int) -> str:
    """The beginning of a text that fits VARCHAR(length): Redshift counts bytes of UTF-8, not characters."""
    return value.encode()[:length].decode(errors="ignore")


def columns(names: Sequence[str], prefix: str = "") -> str:
    """Quoted columns in one line, each behind ``prefix.`` if there is one."""
    return ", ".join(f"{prefix}.{column_name(name)}" if prefix else column_name(name) for name in names)


def count_rows(table: str) -> Statement:
    """Rows in a table."""
    return Statement("count the rows", f"SELECT COUNT(*) FROM {ident(table)}")


def insert_row(table: str, row: Mapping[str, object], purpose: str) -> Statement:
    """One row of bookkeeping, by column, its values bound."""
    (statement,) = insert_rows(table, tuple(row), [tuple(row.values())], purpose)
    return statement


def insert_rows(
    table: str, names: Sequence[str], rows: Sequence[tuple[object, ...]], purpose: str
) -> tuple[Statement, ...]:
    """Rows of bookkeeping, their values bound: in one INSERT, or in as many as ``BOUND_VALUES`` needs."""
    marks, most = "(" + ", ".join("%s" for _ in names) + ")", BOUND_VALUES // len(names)
    return tuple(
        Statement(
            purpose,
            f"INSERT INTO {ident(table)} ({columns(names)})\nVALUES {', '.join(marks for _ in some)}",
            tuple(value for row in some for value in row),
        )
        for some in (rows[start : start + most] for start in range(0, len(rows), most))
    )


def analyze(table: str) -> Statement:
    """Fresh statistics; outside the load's transaction."""
    return Statement("refresh the statistics", f"ANALYZE {ident(table)}")
