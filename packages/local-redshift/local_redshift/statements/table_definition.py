"""A table definition while it is read, and the statement that stores its attributes in the registry."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from local_redshift.sql.lexer import quote_literal
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import qualified_sql


@dataclass
class Table:
    """A CREATE TABLE while it is read: `lines` are PostgreSQL's columns, `attributes` the registry's JSON."""

    name: tuple[str, ...]
    lines: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    encodings: dict[str, str] = field(default_factory=dict)
    identity: dict[str, list[int]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    like: str | None = None


def set_attribute(table: Table, key: str, value: Any) -> None:
    """Set an attribute of the table. Raises RefusedError when it has another value already."""
    if key in table.attributes and (key != "diststyle" or table.attributes[key] != value):
        raise RefusedError(f"Multiple {key.upper()} specifications are not allowed", "42601")
    table.attributes[key] = value


def register_statements(table: Table, missing_only: bool) -> list[str]:
    """Return the statement that registers the attributes PostgreSQL does not have, if any. Raises RefusedError."""
    if table.attributes.get("diststyle") == "KEY" and "distkey" not in table.attributes:
        raise RefusedError("DISTSTYLE KEY needs a DISTKEY column", "42601")
    if sum(key["type"] == "p" for key in table.keys) > 1:
        raise RefusedError(f'multiple primary keys for table "{table.name[-1]}" are not allowed', "42P16")
    parts = (("keys", table.keys), ("encodings", table.encodings), ("identity", table.identity))
    attributes: dict[str, Any] = {**table.attributes, **{key: value for key, value in parts if value}}
    if not attributes and not table.like:
        return []
    if missing_only:
        attributes["only_new"] = True
    if table.like:
        attributes["like"] = table.like
    name, body = quote_literal(qualified_sql(table.name)), quote_literal(json.dumps(attributes))
    return [f"SELECT redshift_internal.register({name}, {body})"]
