"""Keys in CREATE and ALTER TABLE, and what Redshift's tables do not have. Source: page t_Defining_constraints."""

from __future__ import annotations

from typing import Any

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor, qualified_sql

_FOREIGN = {
    "check": "CHECK constraints",
    "exclude": "EXCLUDE constraints",
    "inherits": "INHERITS",
    "partition": "PARTITION BY",
    "with": "WITH (storage parameters)",
    "tablespace": "TABLESPACE",
    "using": "USING (table access methods)",
    "on": "ON COMMIT",
}


def read_key(cursor: Cursor) -> dict[str, Any]:
    """A table constraint: [CONSTRAINT name] UNIQUE | PRIMARY KEY | FOREIGN KEY. Raises RefusedError for any other."""
    name = {"name": cursor.name()} if cursor.take("constraint") else {}
    if cursor.take("unique"):
        return {**name, "type": "u", "columns": cursor.names()}
    if cursor.take("primary", "key"):
        return {**name, "type": "p", "columns": cursor.names()}
    if cursor.take("foreign", "key"):
        columns = cursor.names()
        cursor.expect("references")
        return {**name, "type": "f", "columns": columns, **read_reference(cursor)}
    raise foreign(cursor)


def read_reference(cursor: Cursor) -> dict[str, Any]:
    """What follows REFERENCES: a table and its columns. Raises RefusedError for actions."""
    target = qualified_sql(cursor.qualified())
    columns = cursor.names() if cursor.peek("(") else []
    if cursor.peek("on") or cursor.peek("match") or cursor.peek("deferrable"):
        raise RefusedError(f"{cursor.next().text.upper()} on a foreign key is not supported by Redshift")
    return {"references": target, "referenced": columns}


def foreign(cursor: Cursor) -> RefusedError:
    """The error for a clause that Redshift does not have, or for one that nobody has."""
    word = cursor.token.lower if cursor.token else ""
    if word in _FOREIGN:
        return RefusedError(f"{_FOREIGN[word]} in CREATE TABLE is not supported by Redshift")
    return cursor.syntax_error()
