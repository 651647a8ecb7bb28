"""Keys in CREATE TABLE and ALTER TABLE, and the clauses that Redshift does not have.

Source: https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
"""

from __future__ import annotations

from typing import Any

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader, qualified_sql

_UNSUPPORTED_CLAUSES = {
    "check": "CHECK constraints",
    "exclude": "EXCLUDE constraints",
    "inherits": "INHERITS",
    "partition": "PARTITION BY",
    "with": "WITH (storage parameters)",
    "tablespace": "TABLESPACE",
    "using": "USING (table access methods)",
    "on": "ON COMMIT",
}


def read_key(reader: TokenReader) -> dict[str, Any]:
    """Read [CONSTRAINT name] UNIQUE | PRIMARY KEY | FOREIGN KEY. Raises RefusedError for any other constraint."""
    name = {"name": reader.name()} if reader.take("constraint") else {}
    if reader.take("unique"):
        return {**name, "type": "u", "columns": reader.names()}
    if reader.take("primary", "key"):
        return {**name, "type": "p", "columns": reader.names()}
    if reader.take("foreign", "key"):
        columns = reader.names()
        reader.expect("references")
        return {**name, "type": "f", "columns": columns, **read_reference(reader)}
    raise unsupported_clause(reader)


def read_reference(reader: TokenReader) -> dict[str, Any]:
    """Read what follows REFERENCES: a table and its columns. Raises RefusedError for actions."""
    target = qualified_sql(reader.qualified())
    columns = reader.names() if reader.peek("(") else []
    if reader.peek("on") or reader.peek("match") or reader.peek("deferrable"):
        raise RefusedError(f"{reader.next().text.upper()} on a foreign key is not supported by Redshift")
    return {"references": target, "referenced": columns}


def unsupported_clause(reader: TokenReader) -> RefusedError:
    """Return the error for a clause that Redshift does not have, or for one that does not exist at all."""
    word = reader.token.lower if reader.token else ""
    if word in _UNSUPPORTED_CLAUSES:
        return RefusedError(f"{_UNSUPPORTED_CLAUSES[word]} in CREATE TABLE is not supported by Redshift")
    return reader.syntax_error()
