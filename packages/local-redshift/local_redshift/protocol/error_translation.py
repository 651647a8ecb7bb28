"""PostgreSQL's errors in Redshift's words, where they differ."""

from __future__ import annotations

import re

from local_redshift.catalog.unsupported_views import NOT_MODELLED, PROVISIONED_ONLY
from local_redshift.protocol.messages import error_fields, error_message

# Redshift is older than the fields that name schema, table, column, type and constraint; the rest is about the
# rewritten text.
_UNKNOWN_FIELDS = "stcdnPpqWFLRV"
_INTERNAL = "XX000"
_LITERAL = "A literal for SUPER or VARBYTE is not modelled: write JSON_PARSE('…') or '…'::varbyte"
# Redshift matches case-sensitively (pattern-matching-conditions-posix).
_STARRED = re.compile(r"operator does not exist: .* (?P<sign>!?~\*) ")
_RELATION = re.compile(r'relation "(?:pg_catalog\.)?(?P<name>\w+)" does not exist')
# The type of an untyped literal (catalog/sql/43_untyped.sql) and, where PostgreSQL names it, the type that it meets.
_UNTYPED = re.compile(r"\bredshift_unknown\b")
_OTHER_TYPE = re.compile(
    r"(?P<left>[a-z ]+) [^\sa-z]+ redshift_unknown|redshift_unknown [^\sa-z]+ (?P<right>[a-z ]+)"
    r"|types (?P<first>[a-z ]+) and redshift_unknown|redshift_unknown and (?P<second>[a-z ]+?) cannot"
)
# Two transactions that create or change one object at once (aws/amazon-redshift-jdbc-driver#147, trinodb/trino#27537).
_CATALOG_KEY = re.compile(r'unique constraint "pg_\w+_index"')
_DENIED = re.compile(r"^permission denied for (?:table|view|materialized view) ")
_COLUMN = re.compile(r'null value in column "(?P<column>.*?)" of relation')


def translate(body: bytes, mode: str = "provisioned") -> bytes:
    """The ErrorResponse to send for PostgreSQL's; `mode` is Config.mode."""
    return error_message(redshift_fields(error_fields(body), mode))


def redshift_fields(fields: dict[str, str], mode: str = "provisioned") -> dict[str, str]:
    """The error fields as Redshift sends them.

    40001 becomes 1023 (developer guide, c_serial_isolation); a NULL in a NOT NULL column has Redshift's message under
    PostgreSQL's SQLSTATE.
    """
    code, message = fields.get("C", _INTERNAL), fields.get("M", "")
    translated = {key: value for key, value in fields.items() if key not in _UNKNOWN_FIELDS}
    if code == "40001":
        detail = "Serializable isolation violation on table in Redshift"
        return {
            **translated,
            "C": _INTERNAL,
            "M": "1023",
            "D": f"{detail} ({message})",
            "H": "Retry the transaction, or LOCK its tables first.",
        }
    if code == "23502" and (match := _COLUMN.search(message)):
        translated.pop("D", None)
        return {**translated, "M": f"Cannot insert a NULL value into column {match['column']}"}
    if "pg_node_tree" in message:  # a bare literal for one of the stand-in's own types
        return {**translated, "M": _LITERAL}
    if (internal := _internal(code, message)) is not None:
        return {**{key: translated[key] for key in translated if key not in "DH"}, "C": _INTERNAL, "M": internal}
    if (absent := _absent(code, message, mode)) is not None:
        return {**translated, **absent}
    if code == "42501":
        return {**translated, "M": _DENIED.sub("permission denied for relation ", message)}
    if message.startswith("new row for relation"):
        translated.pop("D", None)
    return translated


def _internal(code: str, message: str) -> str | None:
    """The message of an error that is an internal one on Redshift."""
    if _UNTYPED.search(message):
        return _no_conversion(message)
    is_conflict = (code == "23505" and _CATALOG_KEY.search(message)) or message.startswith("tuple concurrently ")
    return "could not complete because of conflict with concurrent transaction" if is_conflict else None


def _no_conversion(message: str) -> str:
    match = _OTHER_TYPE.search(message.partition(":")[2] if "operator" in message else message)
    target = next((name.strip() for name in match.groups() if name), "") if match else ""
    is_string = target in ("", "unknown", "redshift_unknown", "character", "character varying", "name")
    return f'failed to find conversion function from "unknown" to {"text" if is_string else target}'


def _absent(code: str, message: str, mode: str) -> dict[str, str] | None:
    """The code and message for a system view that is not modelled, or an operator that Redshift does not have."""
    if code == "42P01" and (match := _RELATION.search(message)) and match["name"] in NOT_MODELLED:
        if mode == "serverless" and match["name"].startswith(PROVISIONED_ONLY):
            return {"C": "42501", "M": f"permission denied for relation {match['name']}"}
        return {"C": "0A000", "M": f"The local Redshift does not model {match['name'].upper()}."}
    if code == "42883" and (match := _STARRED.search(message)):
        sign = match["sign"]
        return {"M": f"Redshift has no operator {sign}: use {sign[:-1]} over LOWER(…), or REGEXP_COUNT with i."}
    return None
