"""The values that COPY's parameters take. Sources: developer guide pages copy-parameters-*."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from local_redshift.sql.lexer import STRING
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor

Reader = Callable[[Cursor, dict[str, Any]], None]
MAXERROR_LIMIT = 100_000
_DEFAULT_NULL = "\\N"
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[1-9][0-9]?")


def _csv(_cursor: Cursor, options: dict[str, Any]) -> None:
    options["format"] = "csv"


def _json(cursor: Cursor, options: dict[str, Any]) -> None:
    options["format"] = "json"
    if cursor.token is not None and cursor.token.kind == STRING:
        paths = cursor.string()
        options["json_paths"] = paths if paths.startswith("s3://") else paths.lower()
        if not paths.startswith("s3://") and paths.lower() not in ("auto", "auto ignorecase", "noshred"):
            raise RefusedError(
                f"JSONPaths must be 'auto', 'auto ignorecase', 'noshred' or an s3:// file, not '{paths}'", "XX000"
            )


def _null(cursor: Cursor, options: dict[str, Any]) -> None:
    token = cursor.token
    value = cursor.string()
    # Both '\N' and '\\N' are written for the default marker (copy-parameters-data-conversion).
    options["null_as"] = _DEFAULT_NULL if token is not None and token.text in ("'\\N'", "'\\\\N'") else value
    if "\0" in value:
        raise RefusedError("COPY's NULL AS '\\0' is not modelled by the local Redshift")
    if any(c in value for c in "\r\n"):
        raise RefusedError("NULL argument cannot contain newline characters", "22023")


def _one_character(name: str, what: str) -> Reader:
    def read(cursor: Cursor, options: dict[str, Any]) -> None:
        value = cursor.string()
        if len(value) != 1 or not value.isascii():
            raise RefusedError(f"COPY {what} must be a single ASCII character", "22023")
        options[name] = value

    return read


def read_region(cursor: Cursor, options: dict[str, Any]) -> None:
    """Read REGION's value; shared with UNLOAD."""
    cursor.take("as")
    options["region"] = cursor.string()
    if not _REGION.fullmatch(options["region"]):
        raise RefusedError(f"REGION '{options['region']}' is not the name of an AWS Region", "XX000")


def _text(name: str) -> Reader:
    def read(cursor: Cursor, options: dict[str, Any]) -> None:
        options[name] = cursor.string()

    return read


def _accept_invalid(cursor: Cursor, options: dict[str, Any]) -> None:
    options["replace_invalid"] = cursor.string() if cursor.token is not None and cursor.token.kind == STRING else "?"


def _max_errors(cursor: Cursor, options: dict[str, Any]) -> None:
    options["max_errors"] = cursor.integer()
    if not 0 <= options["max_errors"] <= MAXERROR_LIMIT:
        raise RefusedError(f"MAXERROR must be between 0 and {MAXERROR_LIMIT}", "22023")


def _ignore_header(cursor: Cursor, options: dict[str, Any]) -> None:
    options["ignore_header"] = cursor.integer()


def _switch(cursor: Cursor, _options: dict[str, Any]) -> None:
    cursor.take_any("on", "off", "true", "false", "preset")


def _encoding(cursor: Cursor, options: dict[str, Any]) -> None:
    options["encoding"] = (cursor.string() if cursor.token and cursor.token.kind == STRING else cursor.name()).lower()


def _comprows(cursor: Cursor, _options: dict[str, Any]) -> None:
    cursor.integer()


READERS: dict[str, Reader] = {
    "csv": _csv,
    "json": _json,
    "parquet": lambda _cursor, options: options.update(format="parquet"),
    "delimiter": _one_character("delimiter", "delimiter"),
    "quote": _one_character("quote", "quote"),
    "null": _null,
    "region": read_region,
    "dateformat": _text("date_format"),
    "timeformat": _text("time_format"),
    "acceptinvchars": _accept_invalid,
    "maxerror": _max_errors,
    "ignoreheader": _ignore_header,
    "encoding": _encoding,
    "compupdate": _switch,
    "statupdate": _switch,
    "comprows": _comprows,
}
