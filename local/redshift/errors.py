"""PostgreSQL's errors in Redshift's words, where the two differ."""

from __future__ import annotations

import re

from local.redshift.wire import error_fields, error_message

# Redshift is older than the fields that name schema, table, column, type and constraint; the rest speaks of the
# rewritten text.
_UNKNOWN_FIELDS = "stcdnPpqWFLRV"
_INTERNAL = "XX000"
_LITERAL = "A literal for SUPER or VARBYTE is not modelled: write JSON_PARSE('…') or '…'::varbyte"
_COLUMN = re.compile(r'null value in column "(?P<column>.*?)" of relation')


def translate(body: bytes) -> bytes:
    """The ErrorResponse to send for PostgreSQL's."""
    return error_message(redshift_fields(error_fields(body)))


def redshift_fields(fields: dict[str, str]) -> dict[str, str]:
    """The error fields as Redshift sends them.

    40001 becomes 1023 (developer guide, c_serial_isolation); a NULL in a NOT NULL column has Redshift's message under
    PostgreSQL's SQLSTATE.
    """
    code, message = fields.get("C", _INTERNAL), fields.get("M", "")
    found = {key: value for key, value in fields.items() if key not in _UNKNOWN_FIELDS}
    if code == "40001":
        detail = "Serializable isolation violation on table in Redshift"
        return {
            **found,
            "C": _INTERNAL,
            "M": "1023",
            "D": f"{detail} ({message})",
            "H": "Retry the transaction, or LOCK its tables first.",
        }
    if code == "23502" and (match := _COLUMN.search(message)):
        found.pop("D", None)
        return {**found, "M": f"Cannot insert a NULL value into column {match['column']}"}
    if "pg_node_tree" in message:  # a bare literal put into one of the stand-in's own types
        return {**found, "M": _LITERAL}
    if message.startswith("new row for relation"):
        found.pop("D", None)
    return found
