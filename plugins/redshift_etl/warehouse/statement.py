"""A SQL statement as a value, quoting, and the statements that every part of the library sends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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


def literal(value: str) -> str:
    """Quote a string for the commands that take no bound values: COPY and UNLOAD."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def truncate_bytes(text: str, length: int) -> str:
    """The beginning of a text that fits VARCHAR(length): Redshift counts bytes of UTF-8, not characters."""
    return text.encode()[:length].decode(errors="ignore")


def columns(names: Sequence[str], prefix: str = "") -> str:
    """Quoted columns in one line, each behind ``prefix.`` if there is one."""
    return ", ".join(f"{prefix}.{ident(name)}" if prefix else ident(name) for name in names)


def lock(*tables: str) -> Statement:
    """Taken before anything is read: a LOCK after the snapshot does not help (AWS, "Serializable isolation")."""
    return Statement("lock the target", f"LOCK TABLE {', '.join(ident(table) for table in tables)}")


def count_rows(table: str) -> Statement:
    """Rows in a table."""
    return Statement("count the rows", f"SELECT COUNT(*) FROM {ident(table)}")


def insert_rows(table: str, names: Sequence[str], rows: Sequence[tuple[object, ...]], purpose: str) -> Statement:
    """A few rows of bookkeeping in one INSERT, their values bound."""
    marks = "(" + ", ".join("%s" for _ in names) + ")"
    return Statement(
        purpose,
        f"INSERT INTO {ident(table)} ({columns(names)})\nVALUES {', '.join(marks for _ in rows)}",
        tuple(value for row in rows for value in row),
    )


def analyze(table: str) -> Statement:
    """Fresh statistics; outside the load's transaction."""
    return Statement("refresh the statistics", f"ANALYZE {ident(table)}")
