"""One column of CREATE TABLE or ALTER TABLE: its type, its attributes, its encoding.

Source: developer guide page r_CREATE_TABLE_NEW.
"""

from __future__ import annotations

from local_redshift.sql.data_types import read_type
from local_redshift.sql.lexer import quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor
from local_redshift.statements.constraints import foreign, read_reference
from local_redshift.statements.encodings import read_encoding, require_fit
from local_redshift.statements.table_definition import Table, set_attribute

_COLUMN_WORDS = (
    "encode",
    "distkey",
    "sortkey",
    "identity",
    "generated",
    "default",
    "not",
    "null",
    "unique",
    "primary",
    "references",
    "collate",
    ",",
    ")",
)


def read_column(cursor: Cursor, table: Table) -> None:
    """Read one column definition into the table."""
    name = cursor.name()
    parts = [quote_name(name), read_type(cursor, f"{table.name[-1]}.{name}")]
    table.columns.append(name)
    while not (cursor.done() or cursor.peek(",") or cursor.peek(")")):
        parts.extend(_column_attribute(cursor, table, name, parts[1]))
    table.lines.append(" ".join(parts))


def _column_attribute(cursor: Cursor, table: Table, name: str, kind: str) -> list[str]:
    if _key_attribute(cursor, table, name):
        return ["NOT NULL"] if table.keys[-1]["type"] == "p" else []
    if cursor.take("encode"):
        table.encodings[name] = read_encoding(cursor)
        require_fit(table.encodings[name], kind, name)
    elif cursor.take("distkey"):
        set_attribute(table, "diststyle", "KEY")
        set_attribute(table, "distkey", name)
    elif cursor.take("sortkey"):
        set_attribute(table, "sortstyle", "COMPOUND")
        set_attribute(table, "sortkey", [name])
    elif cursor.take("not", "null"):
        return ["NOT NULL"]
    elif cursor.take("null"):
        return []
    elif cursor.take("default"):
        return ["DEFAULT", cursor.until(*_COLUMN_WORDS) if not cursor.take("null") else "NULL"]
    elif cursor.take("collate"):
        _collation(cursor)
    else:
        return _identity(cursor, table, name, kind)
    return []


def _key_attribute(cursor: Cursor, table: Table, name: str) -> bool:
    if cursor.take("primary", "key"):
        table.keys.append({"type": "p", "columns": [name]})
    elif cursor.take("unique"):
        table.keys.append({"type": "u", "columns": [name]})
    elif cursor.take("references"):
        table.keys.append({"type": "f", "columns": [name], **read_reference(cursor)})
    else:
        return False
    return True


def _identity(cursor: Cursor, table: Table, name: str, kind: str) -> list[str]:
    by_default = cursor.take("generated", "by", "default", "as")
    if not cursor.take("identity"):
        raise foreign(cursor)
    cursor.expect("(")
    seed = cursor.integer()
    cursor.expect(",")
    step = cursor.integer()
    cursor.expect(")")
    if kind not in ("integer", "bigint"):
        raise RefusedError("identity column type must be integer or bigint", "22023")
    if step == 0:
        raise RefusedError("identity column step cannot be 0", "22023")
    table.identity[name] = [seed, step, int(by_default)]
    lowest = "" if step > 0 else f" MAXVALUE {max(seed, -1)}"
    floor = f" MINVALUE {min(seed, 1)}" if step > 0 else ""
    kind = "BY DEFAULT" if by_default else "ALWAYS"
    return ["NOT NULL", f"GENERATED {kind} AS IDENTITY (START WITH {seed} INCREMENT BY {step}{floor}{lowest})"]


def _collation(cursor: Cursor) -> None:
    if cursor.take_any("case_sensitive", "cs") is None:
        raise RefusedError(
            f"COLLATE {cursor.next().text} is not modelled by the local Redshift",
            hint="Only CASE_SENSITIVE, the default, is.",
        )
