"""The COPY command as a value. Source: developer guide page r_COPY and its parameter pages (copy-parameters-*)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor
from local_redshift.statements.copy_options import READERS, Reader
from local_redshift.statements.credentials import Credentials, read_authorization

_ALL_ERRORS = 1 << 40  # IGNOREALLERRORS (copy-parameters-data-load)
_COMPRESSIONS = ("gzip", "zstd", "bzip2")
_FLAGS = [
    "manifest",
    "acceptanydate",
    "blanksasnull",
    "emptyasnull",
    "escape",
    "explicit_ids",
    "fillrecord",
    "ignoreblanklines",
    "removequotes",
    "roundec",
    "trimblanks",
    "truncatecolumns",
    "noload",
    "ignoreallerrors",
]
_NOT_MODELLED = [
    "fixedwidth",
    "avro",
    "orc",
    "shapefile",
    "lzop",
    "encrypted",
    "master_symmetric_key",
    "ssh",
    "readratio",
    "job",
    "kms_key_id",
]
# copy-usage_notes-copy-from-columnar: the only parameters that Parquet and ORC take.
_COLUMNAR = frozenset(["manifest", "fillrecord", "region", "statupdate"])


@dataclass(frozen=True)
class CopyCommand:
    """A COPY from S3.

    `null_as` is None when the command does not say it; `json_paths` is `auto`, `auto ignorecase`, `noshred` or a URL.
    """

    table: tuple[str, ...]
    columns: tuple[str, ...]
    source: str
    credentials: Credentials
    format: str = "text"
    delimiter: str | None = None
    quote: str = '"'
    json_paths: str = "auto"
    compression: str | None = None
    region: str | None = None
    flags: frozenset[str] = frozenset()
    ignore_header: int = 0
    null_as: str | None = None
    date_format: str | None = None
    time_format: str | None = None
    replace_invalid: str | None = None
    encoding: str = "utf8"
    max_errors: int = 0

    def has(self, flag: str) -> bool:
        """Whether a parameter without value was given."""
        return flag in self.flags


def parse_copy(sql: str) -> CopyCommand:
    """Read a COPY statement. Raises RefusedError."""
    cursor = Cursor(sql)
    cursor.expect("copy")
    if cursor.peek("("):
        raise RefusedError("COPY of a query is not supported by Redshift", hint="Use UNLOAD.")
    table = cursor.qualified()
    columns = tuple(cursor.names()) if cursor.peek("(") else ()
    if cursor.peek("to"):
        raise RefusedError("COPY TO is not supported by Redshift", hint="Use UNLOAD.")
    cursor.expect("from")
    if cursor.peek("stdin"):
        raise RefusedError(
            "COPY FROM STDIN is not supported by Redshift", hint="Put the data in S3 and COPY it from there."
        )
    source = cursor.string()
    if not source.startswith("s3://"):
        raise RefusedError(
            f"COPY from '{source.split('://')[0]}' is not modelled by the local Redshift",
            hint="Only s3:// sources are.",
        )
    options: dict[str, Any] = {"flags": set(), "given": set(), "credentials": {}}
    while not cursor.done():
        _option(cursor, options)
    given = options.pop("given")
    credentials = Credentials(**options.pop("credentials"))
    options["flags"] = frozenset(options["flags"])
    if "ignoreallerrors" in options["flags"]:
        options["max_errors"] = _ALL_ERRORS
    command = CopyCommand(table=table, columns=columns, source=source, credentials=credentials, **options)
    _check(command, given)
    return command


def _option(cursor: Cursor, options: dict[str, Any]) -> None:
    token = cursor.next()
    word = token.lower
    options["given"].add(word)
    if read_authorization(cursor, word, options["credentials"]):
        options["given"].discard(word)
    elif word in _FLAGS:
        options["flags"].add(word)
    elif word in _COMPRESSIONS:
        options["compression"] = word
    elif word in _NOT_MODELLED:
        raise RefusedError(f"COPY's {word.upper()} is not modelled by the local Redshift")
    elif word in _VALUES:
        cursor.take("as")
        _VALUES[word](cursor, options)
    else:
        cursor.at -= 1
        raise cursor.syntax_error()


def _format(cursor: Cursor, options: dict[str, Any]) -> None:
    word = cursor.take_any("csv", "json", "parquet", "delimiter", "text")
    if word is None:
        _option(cursor, options)
    elif word in ("delimiter", "json", "csv"):
        cursor.take("as")
        _VALUES[word](cursor, options)
    else:
        options["format"] = word


_VALUES: dict[str, Reader] = {"format": _format, **READERS}


def _check(command: CopyCommand, given: set[str]) -> None:
    """The combinations that Redshift refuses, and those that are not modelled."""
    known = command.credentials
    if not known.iam_role and not (known.access_key and known.secret_key):
        raise RefusedError("COPY needs an authorization: IAM_ROLE, or an access key and its secret", "XX000")
    if command.format == "parquet":
        extra = sorted(given - _COLUMNAR - {"format", "parquet"})
        if extra:
            raise RefusedError(f"{extra[0].upper()} argument is not supported for PARQUET based COPY")
    if {"ignoreallerrors", "maxerror"} <= given:
        raise RefusedError("IGNOREALLERRORS and MAXERROR cannot be used together")
    if command.format == "csv" and (bad := sorted(command.flags & {"escape", "removequotes"})):
        raise RefusedError(f"CSV is not compatible with {bad[0].upper()}", "0A000")
    if command.format == "json" and (
        bad := sorted(given & {"csv", "delimiter", "escape", "fillrecord", "ignoreheader", "removequotes"})
    ):
        raise RefusedError(f"JSON is not compatible with {bad[0].upper()}", "0A000")
    if command.encoding not in ("utf8", "auto", "utf-8"):
        raise RefusedError(
            f"COPY's ENCODING {command.encoding} is not modelled by the local Redshift",
            hint="Write the files in UTF-8.",
        )
