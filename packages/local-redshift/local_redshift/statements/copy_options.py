"""The values of COPY's parameters.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from local_redshift.sql.lexer import STRING
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader

OptionReader = Callable[[TokenReader, dict[str, Any]], None]
MAXERROR_LIMIT = 100_000
_DEFAULT_NULL = "\\N"
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[1-9][0-9]?")


def _csv(_reader: TokenReader, options: dict[str, Any]) -> None:
    options["format"] = "csv"


def _json(reader: TokenReader, options: dict[str, Any]) -> None:
    options["format"] = "json"
    if reader.token is not None and reader.token.kind == STRING:
        paths = reader.string()
        options["json_paths"] = paths if paths.startswith("s3://") else paths.lower()
        if not paths.startswith("s3://") and paths.lower() not in ("auto", "auto ignorecase", "noshred"):
            raise RefusedError(
                f"JSONPaths must be 'auto', 'auto ignorecase', 'noshred' or an s3:// file, not '{paths}'", "XX000"
            )


def _null(reader: TokenReader, options: dict[str, Any]) -> None:
    token = reader.token
    value = reader.string()
    # The pages write both '\N' and '\\N' for the default marker.
    options["null_as"] = _DEFAULT_NULL if token is not None and token.text in ("'\\N'", "'\\\\N'") else value
    if "\0" in value:
        raise RefusedError("COPY's NULL AS '\\0' is not modelled by the local Redshift")
    if any(c in value for c in "\r\n"):
        raise RefusedError("NULL argument cannot contain newline characters", "22023")


def _one_character(name: str, what: str) -> OptionReader:
    def read(reader: TokenReader, options: dict[str, Any]) -> None:
        value = reader.string()
        if len(value) != 1 or not value.isascii():
            raise RefusedError(f"COPY {what} must be a single ASCII character", "22023")
        options[name] = value

    return read


def read_region(reader: TokenReader, options: dict[str, Any]) -> None:
    """Read REGION's value (COPY and UNLOAD)."""
    reader.take("as")
    options["region"] = reader.string()
    if not _REGION.fullmatch(options["region"]):
        raise RefusedError(f"REGION '{options['region']}' is not the name of an AWS Region", "XX000")


def _text(name: str) -> OptionReader:
    def read(reader: TokenReader, options: dict[str, Any]) -> None:
        options[name] = reader.string()

    return read


def _accept_invalid(reader: TokenReader, options: dict[str, Any]) -> None:
    options["replace_invalid"] = reader.string() if reader.token is not None and reader.token.kind == STRING else "?"


def _max_errors(reader: TokenReader, options: dict[str, Any]) -> None:
    options["max_errors"] = reader.integer()
    if not 0 <= options["max_errors"] <= MAXERROR_LIMIT:
        raise RefusedError(f"MAXERROR must be between 0 and {MAXERROR_LIMIT}", "22023")


def _ignore_header(reader: TokenReader, options: dict[str, Any]) -> None:
    options["ignore_header"] = reader.integer()


def _switch(reader: TokenReader, _options: dict[str, Any]) -> None:
    reader.take_any("on", "off", "true", "false", "preset")


def _encoding(reader: TokenReader, options: dict[str, Any]) -> None:
    options["encoding"] = (reader.string() if reader.token and reader.token.kind == STRING else reader.name()).lower()


def _comprows(reader: TokenReader, _options: dict[str, Any]) -> None:
    reader.integer()


READERS: dict[str, OptionReader] = {
    "csv": _csv,
    "json": _json,
    "parquet": lambda _reader, options: options.update(format="parquet"),
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
