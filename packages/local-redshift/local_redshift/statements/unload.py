"""The UNLOAD command as a value.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_redshift.sql.lexer import STRING, tokens
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.token_reader import TokenReader
from local_redshift.statements.copy_options import read_region
from local_redshift.statements.credentials import (
    ENCRYPTION_KEYS,
    Credentials,
    check_encryption,
    read_authorization,
)

_COMPRESSIONS = {"gzip": ".gz", "zstd": ".zst", "bzip2": ".bz2"}
_FLAGS = ("header", "addquotes", "escape", "allowoverwrite", "cleanpath")
_NOT_MODELLED = ("fixedwidth", "rowgroupsize", "confidential")
_MEGABYTE = 1 << 20
# MAXFILESIZE is between 5 MB and 6.2 GB, the default.
_MIN_FILE, _MAX_FILE = 5 * _MEGABYTE, int(6.2 * 1024) * _MEGABYTE


@dataclass(frozen=True)
class UnloadCommand:
    """An UNLOAD of a query to S3. `auto_key` is ENCRYPTED AUTO: the key of the bucket's default encryption."""

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
    auto_key: bool = False
    flags: frozenset[str] = frozenset()

    def has(self, flag: str) -> bool:
        """Whether the command has this parameter without a value."""
        return flag in self.flags

    @property
    def suffix(self) -> str:
        """The extension of the file names."""
        if self.extension is not None:
            return f".{self.extension}"
        kind = ".parquet" if self.format == "parquet" else ""
        return kind + _COMPRESSIONS.get(self.compression or "", "")


def parse_unload(sql: str) -> UnloadCommand:
    """Read an UNLOAD statement. Raises RefusedError."""
    reader = TokenReader(sql)
    reader.expect("unload")
    reader.expect("(")
    query = reader.string()
    reader.expect(")")
    reader.expect("to")
    target = reader.string()
    if not target.startswith("s3://"):
        raise RefusedError("The target of UNLOAD must be an s3:// path", "XX000")
    _refuse_limit(query)
    options: dict[str, Any] = {"flags": set(), "credentials": {}, "keys": []}
    while not reader.done():
        _option(reader, options)
    check_encryption(options["flags"], options.pop("keys"), auto=options.get("auto_key", False))
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
                "Limit clause is not supported in UNLOAD", hint="Use a subquery: SELECT * FROM (SELECT … LIMIT n)."
            )


def _option(reader: TokenReader, options: dict[str, Any]) -> None:
    word = reader.next().lower
    if read_authorization(reader, word, options["credentials"]):
        return
    if word in _FLAGS:
        options["flags"].add(word)
    elif word in ENCRYPTION_KEYS:
        options["keys"].append(word)
        reader.string()
    elif word in _COMPRESSIONS:
        options["compression"] = word
    elif word in _NOT_MODELLED:
        raise RefusedError(f"UNLOAD's {word.upper()} is not modelled by the local Redshift")
    elif word in ("csv", "parquet", "json"):
        options["format"] = word
    elif word in _VALUES:
        _VALUES[word](reader, options)
    else:
        reader.position -= 1
        raise reader.syntax_error()


def _encrypted(reader: TokenReader, options: dict[str, Any]) -> None:
    options["flags"].add("encrypted")
    options["auto_key"] = reader.take("auto")


def _format(reader: TokenReader, options: dict[str, Any]) -> None:
    reader.take("as")
    options["format"] = reader.take_any("csv", "parquet", "json", "text") or reader.next().lower
    if options["format"] not in ("csv", "parquet", "json", "text"):
        raise RefusedError(f"UNLOAD's format {options['format']} is not supported by Redshift")


def _manifest(reader: TokenReader, options: dict[str, Any]) -> None:
    options["manifest"], options["verbose"] = True, reader.take("verbose")


def _partition(reader: TokenReader, options: dict[str, Any]) -> None:
    reader.expect("by")
    options["partition"] = tuple(reader.names())
    options["include"] = reader.take("include")


def _text(name: str) -> Any:
    def read(reader: TokenReader, options: dict[str, Any]) -> None:
        reader.take("as")
        options[name] = reader.string()

    return read


def _parallel(reader: TokenReader, options: dict[str, Any]) -> None:
    options["parallel"] = reader.take_any("on", "off", "true", "false") not in ("off", "false")


def _max_file_size(reader: TokenReader, options: dict[str, Any]) -> None:
    reader.take("as")
    size = float(reader.next().text)
    unit = reader.take_any("mb", "gb") or "mb"
    options["max_file_size"] = int(size * _MEGABYTE * (1024 if unit == "gb" else 1))


_VALUES = {
    "encrypted": _encrypted,
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
    if not command.credentials.complete:
        raise RefusedError("UNLOAD needs an authorization: IAM_ROLE, or an access key and its secret", "XX000")
    if not _MIN_FILE <= command.max_file_size <= _MAX_FILE:
        raise RefusedError("MAXFILESIZE must be between 5 MB and 6.2 GB", "22023")
    if command.has("allowoverwrite") and command.has("cleanpath"):
        raise RefusedError("ALLOWOVERWRITE and CLEANPATH cannot be used together", "0A000")
    if command.format == "parquet" and (bad := sorted(command.flags & {"header", "addquotes", "escape"})):
        raise RefusedError(f"{bad[0].upper()} is not supported for UNLOAD to PARQUET")
    if command.format == "parquet" and (command.compression or command.delimiter):
        raise RefusedError("UNLOAD to PARQUET takes no compression and no DELIMITER; the files are always SNAPPY")
    if command.format == "json" and (
        bad := sorted(command.flags & {"header", "addquotes", "escape"}) or (["delimiter"] if command.delimiter else [])
    ):
        raise RefusedError(f"{bad[0].upper()} is not supported for UNLOAD to JSON")
    if command.format == "text" and command.partition:
        raise RefusedError("PARTITION BY of delimited text is not modelled by the local Redshift", hint="Use CSV.")
    if command.format == "csv" and (bad := sorted(command.flags & {"addquotes", "escape"})):
        raise RefusedError(f"CSV is not compatible with {bad[0].upper()}")
