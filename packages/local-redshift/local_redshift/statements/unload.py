"""The UNLOAD command as a value. Source: developer guide page r_UNLOAD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_redshift.sql.lexer import STRING, tokens
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import Cursor
from local_redshift.statements.copy_options import read_region
from local_redshift.statements.credentials import Credentials, read_authorization

_COMPRESSIONS = {"gzip": ".gz", "zstd": ".zst", "bzip2": ".bz2"}
_FLAGS = ("header", "addquotes", "escape", "allowoverwrite", "cleanpath")
_NOT_MODELLED = ("fixedwidth", "encrypted", "kms_key_id", "master_symmetric_key", "rowgroupsize", "confidential")
_MEGABYTE = 1 << 20
# r_UNLOAD: MAXFILESIZE between 5 MB and 6.2 GB, the latter by default.
_MIN_FILE, _MAX_FILE = 5 * _MEGABYTE, int(6.2 * 1024) * _MEGABYTE


@dataclass(frozen=True)
class UnloadCommand:
    """An UNLOAD of a query to S3."""

    query: str
    target: str
    credentials: Credentials
    format: str = "text"
    delimiter: str | None = None
    null_as: str = ""
    compression: str | None = None
    extension: str | None = None
    partition: tuple[str, ...] = ()
    include: bool = False
    parallel: bool = True
    manifest: bool = False
    verbose: bool = False
    max_file_size: int = _MAX_FILE
    region: str | None = None
    flags: frozenset[str] = frozenset()

    def has(self, flag: str) -> bool:
        """Whether a parameter without value was given."""
        return flag in self.flags

    @property
    def suffix(self) -> str:
        """What a file's name ends with."""
        if self.extension is not None:
            return f".{self.extension}"
        kind = ".parquet" if self.format == "parquet" else ""
        return kind + _COMPRESSIONS.get(self.compression or "", "")


def parse_unload(sql: str) -> UnloadCommand:
    """Read an UNLOAD statement. Raises RefusedError."""
    cursor = Cursor(sql)
    cursor.expect("unload")
    cursor.expect("(")
    query = cursor.string()
    cursor.expect(")")
    cursor.expect("to")
    target = cursor.string()
    if not target.startswith("s3://"):
        raise RefusedError("The target of UNLOAD must be an s3:// path", "XX000")
    _refuse_limit(query)
    options: dict[str, Any] = {"flags": set(), "credentials": {}}
    while not cursor.done():
        _option(cursor, options)
    options["flags"] = frozenset(options["flags"])
    credentials = Credentials(**options.pop("credentials"))
    command = UnloadCommand(query=query, target=target, credentials=credentials, **options)
    _check(command)
    return command


def _refuse_limit(query: str) -> None:
    depth = 0
    for token in tokens(query):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.kind != STRING and token.lower == "limit":
            raise RefusedError(
                "Limit clause is not supported in UNLOAD", hint="Nest it: SELECT * FROM (SELECT … LIMIT n)."
            )


def _option(cursor: Cursor, options: dict[str, Any]) -> None:
    word = cursor.next().lower
    if read_authorization(cursor, word, options["credentials"]):
        return
    if word in _FLAGS:
        options["flags"].add(word)
    elif word in _COMPRESSIONS:
        options["compression"] = word
    elif word in _NOT_MODELLED:
        raise RefusedError(f"UNLOAD's {word.upper()} is not modelled by the local Redshift")
    elif word in ("csv", "parquet", "json"):
        options["format"] = word
    elif word in _VALUES:
        _VALUES[word](cursor, options)
    else:
        cursor.at -= 1
        raise cursor.syntax_error()


def _format(cursor: Cursor, options: dict[str, Any]) -> None:
    cursor.take("as")
    options["format"] = cursor.take_any("csv", "parquet", "json", "text") or cursor.next().lower
    if options["format"] not in ("csv", "parquet", "json", "text"):
        raise RefusedError(f"UNLOAD's format {options['format']} is not supported by Redshift")


def _manifest(cursor: Cursor, options: dict[str, Any]) -> None:
    options["manifest"], options["verbose"] = True, cursor.take("verbose")


def _partition(cursor: Cursor, options: dict[str, Any]) -> None:
    cursor.expect("by")
    options["partition"] = tuple(cursor.names())
    options["include"] = cursor.take("include")


def _text(name: str) -> Any:
    def read(cursor: Cursor, options: dict[str, Any]) -> None:
        cursor.take("as")
        options[name] = cursor.string()

    return read


def _parallel(cursor: Cursor, options: dict[str, Any]) -> None:
    options["parallel"] = cursor.take_any("on", "off", "true", "false") not in ("off", "false")


def _max_file_size(cursor: Cursor, options: dict[str, Any]) -> None:
    cursor.take("as")
    size = float(cursor.next().text)
    unit = cursor.take_any("mb", "gb") or "mb"
    options["max_file_size"] = int(size * _MEGABYTE * (1024 if unit == "gb" else 1))


_VALUES = {
    "format": _format,
    "manifest": _manifest,
    "partition": _partition,
    "parallel": _parallel,
    "maxfilesize": _max_file_size,
    "delimiter": _text("delimiter"),
    "null": _text("null_as"),
    "region": read_region,
    "extension": _text("extension"),
}


def _check(command: UnloadCommand) -> None:
    known = command.credentials
    if not known.iam_role and not (known.access_key and known.secret_key):
        raise RefusedError("UNLOAD needs an authorization: IAM_ROLE, or an access key and its secret", "XX000")
    if not _MIN_FILE <= command.max_file_size <= _MAX_FILE:
        raise RefusedError("MAXFILESIZE must be between 5 MB and 6.2 GB", "22023")
    if command.has("allowoverwrite") and command.has("cleanpath"):
        raise RefusedError("ALLOWOVERWRITE and CLEANPATH cannot be used together", "0A000")
    if command.format == "parquet" and (bad := sorted(command.flags & {"header", "addquotes", "escape"})):
        raise RefusedError(f"{bad[0].upper()} is not supported for UNLOAD to PARQUET")
    if command.format in ("parquet",) and (command.compression or command.delimiter):
        raise RefusedError("UNLOAD to PARQUET takes neither a compression nor a DELIMITER; it is always SNAPPY")
    if command.format == "json" and (
        bad := sorted(command.flags & {"header", "addquotes", "escape"}) or (["delimiter"] if command.delimiter else [])
    ):
        raise RefusedError(f"{bad[0].upper()} is not supported for UNLOAD to JSON")
    if command.format == "text" and command.partition:
        raise RefusedError("PARTITION BY of delimited text is not modelled by the local Redshift", hint="Use CSV.")
    if command.format == "csv" and (bad := sorted(command.flags & {"addquotes", "escape"})):
        raise RefusedError(f"CSV is not compatible with {bad[0].upper()}")
