"""One column of CREATE TABLE or ALTER TABLE: its type, its attributes, its encoding.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
"""

from __future__ import annotations

from local_redshift.sql.data_types import read_type
from local_redshift.sql.lexer import quote_name
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader
from local_redshift.statements.constraints import read_reference, unsupported_clause
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


def read_column(reader: TokenReader, table: Table) -> None:
    """Read one column definition into the table."""
    name = reader.name()
    parts = [quote_name(name), read_type(reader, f"{table.name[-1]}.{name}")]
    table.columns.append(name)
    while not (reader.done() or reader.peek(",") or reader.peek(")")):
        parts.extend(_column_attribute(reader, table, name, parts[1]))
    table.lines.append(" ".join(parts))


def _column_attribute(reader: TokenReader, table: Table, name: str, kind: str) -> list[str]:
    if _key_attribute(reader, table, name):
        return ["NOT NULL"] if table.keys[-1]["type"] == "p" else []
    if reader.take("encode"):
        table.encodings[name] = read_encoding(reader)
        require_fit(table.encodings[name], kind, name)
    elif reader.take("distkey"):
        set_attribute(table, "diststyle", "KEY")
        set_attribute(table, "distkey", name)
    elif reader.take("sortkey"):
        set_attribute(table, "sortstyle", "COMPOUND")
        set_attribute(table, "sortkey", [name])
    elif reader.take("not", "null"):
        return ["NOT NULL"]
    elif reader.take("null"):
        return []
    elif reader.take("default"):
        return ["DEFAULT", reader.until(*_COLUMN_WORDS) if not reader.take("null") else "NULL"]
    elif reader.take("collate"):
        _collation(reader)
    else:
        return _identity(reader, table, name, kind)
    return []


def _key_attribute(reader: TokenReader, table: Table, name: str) -> bool:
    if reader.take("primary", "key"):
        table.keys.append({"type": "p", "columns": [name]})
    elif reader.take("unique"):
        table.keys.append({"type": "u", "columns": [name]})
    elif reader.take("references"):
        table.keys.append({"type": "f", "columns": [name], **read_reference(reader)})
    else:
        return False
    return True


def _identity(reader: TokenReader, table: Table, name: str, kind: str) -> list[str]:
    by_default = reader.take("generated", "by", "default", "as")
    if not reader.take("identity"):
        raise unsupported_clause(reader)
    reader.expect("(")
    seed = reader.integer()
    reader.expect(",")
    step = reader.integer()
    reader.expect(")")
    if kind not in ("integer", "bigint"):
        raise RefusedError("identity column type must be integer or bigint", "22023")
    if step == 0:
        raise RefusedError("identity column step cannot be 0", "22023")
    table.identity[name] = [seed, step, int(by_default)]
    limit = f"MINVALUE {min(seed, 1)}" if step > 0 else f"MAXVALUE {max(seed, -1)}"
    kind = "BY DEFAULT" if by_default else "ALWAYS"
    return ["NOT NULL", f"GENERATED {kind} AS IDENTITY (START WITH {seed} INCREMENT BY {step} {limit})"]


def _collation(reader: TokenReader) -> None:
    if reader.take_any("case_sensitive", "cs") is None:
        raise RefusedError(
            f"COLLATE {reader.next().text} is not modelled by the local Redshift",
            hint="Use CASE_SENSITIVE, the default.",
        )
