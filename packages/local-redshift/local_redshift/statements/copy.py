"""The COPY command as a value.

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader
from local_redshift.statements.copy_options import READERS, OptionReader
from local_redshift.statements.credentials import Credentials, read_authorization

_ALL_ERRORS = 1 << 40  # IGNOREALLERRORS has no limit
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
# The only parameters of COPY from Parquet and ORC, but for ACCEPTINVCHARS. REGION is an error, even the bucket's own.
_COLUMNAR = frozenset(["manifest", "fillrecord", "statupdate", "explicit_ids"])


@dataclass(frozen=True)
class CopyCommand:
    """A COPY from S3.

    `null_as` is None when the command has no NULL AS; `json_paths` is `auto`, `auto ignorecase`, `noshred` or a URL.
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
        """Whether the command has this parameter without a value."""
        return flag in self.flags


def parse_copy(sql: str) -> CopyCommand:
    """Read a COPY statement. Raises RefusedError."""
    reader = TokenReader(sql)
    reader.expect("copy")
    if reader.peek("("):
        raise RefusedError("COPY of a query is not supported by Redshift", hint="Use UNLOAD to export its result.")
    table = reader.qualified()
    columns = tuple(reader.names()) if reader.peek("(") else ()
    if reader.peek("to"):
        raise RefusedError("COPY TO is not supported by Redshift", hint="Use UNLOAD to export a table.")
    reader.expect("from")
    if reader.peek("stdin"):
        raise RefusedError(
            "COPY FROM STDIN is not supported by Redshift", hint="Put the data in S3 and COPY it from there."
        )
    source = reader.string()
    if not source.startswith("s3://"):
        raise RefusedError(
            f"COPY from '{source.split('://')[0]}' is not modelled by the local Redshift",
            hint="Use an s3:// source.",
        )
    options: dict[str, Any] = {"flags": set(), "names": set(), "credentials": {}}
    while not reader.done():
        _option(reader, options)
    names = options.pop("names")
    credentials = Credentials(**options.pop("credentials"))
    options["flags"] = frozenset(options["flags"])
    if "ignoreallerrors" in options["flags"]:
        options["max_errors"] = _ALL_ERRORS
    command = CopyCommand(table=table, columns=columns, source=source, credentials=credentials, **options)
    _check(command, names)
    return command


def _option(reader: TokenReader, options: dict[str, Any]) -> None:
    token = reader.next()
    word = token.lower
    options["names"].add(word)
    if read_authorization(reader, word, options["credentials"]):
        options["names"].discard(word)
    elif word in _FLAGS:
        options["flags"].add(word)
    elif word in _COMPRESSIONS:
        options["compression"] = word
    elif word in _NOT_MODELLED:
        raise RefusedError(f"COPY's {word.upper()} is not modelled by the local Redshift")
    elif word in _VALUES:
        reader.take("as")
        _VALUES[word](reader, options)
    else:
        reader.position -= 1
        raise reader.syntax_error()


def _format(reader: TokenReader, options: dict[str, Any]) -> None:
    word = reader.take_any("csv", "json", "parquet", "delimiter", "text")
    if word is None:
        _option(reader, options)
    elif word in ("delimiter", "json", "csv"):
        reader.take("as")
        _VALUES[word](reader, options)
    else:
        options["format"] = word


_VALUES: dict[str, OptionReader] = {"format": _format, **READERS}


def _check(command: CopyCommand, names: set[str]) -> None:
    """Raise RefusedError for combinations that Redshift refuses and those that are not modelled."""
    if not command.credentials.complete:
        raise RefusedError("COPY needs an authorization: IAM_ROLE, or an access key and its secret", "XX000")
    if command.format == "parquet":
        _check_columnar(command, names)
    if {"ignoreallerrors", "maxerror"} <= names:
        raise RefusedError("IGNOREALLERRORS and MAXERROR cannot be used together")
    if command.format == "csv" and (bad := sorted(command.flags & {"escape", "removequotes"})):
        raise RefusedError(f"CSV is not compatible with {bad[0].upper()}", "0A000")
    if command.format == "json" and (
        bad := sorted(names & {"csv", "delimiter", "escape", "fillrecord", "ignoreheader", "removequotes"})
    ):
        raise RefusedError(f"JSON is not compatible with {bad[0].upper()}", "0A000")
    if command.encoding not in ("utf8", "auto", "utf-8"):
        raise RefusedError(
            f"COPY's ENCODING {command.encoding} is not modelled by the local Redshift",
            hint="Write the files in UTF-8.",
        )


def _check_columnar(command: CopyCommand, names: set[str]) -> None:
    """Raise RefusedError for what COPY from Parquet does not take."""
    if "acceptinvchars" in names:
        raise RefusedError("COPY's ACCEPTINVCHARS for Parquet is not modelled by the local Redshift")
    # dlt sends clusters MAXERROR 0, the default, with each file: what is refused is a number of errors to ignore.
    default = {"maxerror"} if command.max_errors == 0 else set()
    if extra := sorted(names - _COLUMNAR - default - {"format", "parquet"}):
        raise RefusedError(f"{extra[0].upper()} argument is not supported for PARQUET based COPY")
