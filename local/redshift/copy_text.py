"""CSV and delimited COPY as PostgreSQL's own COPY FROM STDIN, where that means the same: the fast path.

Redshift reads two spellings of NULL at once, the null string and, for columns that are not text, an empty field
(copy-parameters-data-conversion). PostgreSQL knows one. So the likelier one is chosen, and bytes or errors that show
the other send the load to the staged path (`copy_staged`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from local.redshift.copy_options import CopyCommand
from local.redshift.copy_quotes import Quotes
from local.redshift.cursor import qualified_sql
from local.redshift.lexer import quote_literal, quote_name

NULL_MARKER = "\\N"
# Bytes that hardly a text file holds: with one as the quote, PostgreSQL's CSV reader reads plain delimited text. The
# second for files that are cut at the first, as Hive's are.
_NO_QUOTES = ("\x01", "\x02")
_AS_DIGITS = bytes(0x30 if 0x30 <= c <= 0x39 else c for c in range(256))
_STAGED_FLAGS = (
    "blanksasnull",
    "fillrecord",
    "truncatecolumns",
    "acceptanydate",
    "trimblanks",
    "roundec",
    "ignoreblanklines",
)


@dataclass(frozen=True)
class Column:
    """A target column: its type without and with its size, as format_type gives it."""

    name: str
    type: str
    sized_type: str
    not_null: bool
    identity: bool

    @property
    def size(self) -> int | None:
        """The length of a CHAR or VARCHAR in bytes, the precision of a DECIMAL."""
        match = re.search(r"\((\d+)", self.sized_type)
        return int(match[1]) if match else None

    @property
    def scale(self) -> int:
        """The decimals of a DECIMAL."""
        match = re.search(r",(\d+)\)", self.sized_type)
        return int(match[1]) if match else 0

    @property
    def is_text(self) -> bool:
        """CHAR or VARCHAR: the types for which an empty field is an empty string."""
        return self.type in ("character varying", "character", "text")


@dataclass(frozen=True)
class Guard:
    """Bytes that the data must not hold for the fast path, nor so many decimals (0: any number is fine)."""

    markers: tuple[bytes, ...] = ()
    decimals: int = 0

    def finds(self, data: bytes) -> bool:
        """Whether a chunk holds it. Translating and finding is much quicker than a regular expression."""
        if any(marker in data for marker in self.markers):
            return True
        return self.decimals > 0 and b"." + b"0" * self.decimals in data.translate(_AS_DIGITS)


@dataclass(frozen=True)
class FastCopy:
    """PostgreSQL's COPY, and what sends the load to the staged path: bytes, quotes, or an empty value refused."""

    sql: str
    guard: Guard
    quotes: Quotes | None
    empty_refused: bool


def fast_copy(command: CopyCommand, columns: list[Column]) -> FastCopy | None:
    """The fast path's statement, or None where the options need the staged path."""
    if (
        any(command.has(flag) for flag in _STAGED_FLAGS)
        or command.replace_invalid is not None
        or not _automatic(command)
    ):
        return None
    if command.format == "text" and (command.has("escape") or command.has("removequotes")):
        return None
    if any(column.type == "super" for column in columns):
        return None  # its input function takes no text
    options, guards = _layout(command)
    null_options, null_guards, empty_refused = _nulls(command, columns)
    names = ", ".join(quote_name(column.name) for column in columns)
    sql = f"COPY {qualified_sql(command.table)} ({names}) FROM STDIN WITH ({', '.join(options + null_options)})"
    # More decimals than a DECIMAL column keeps: COPY cuts them off where PostgreSQL rounds.
    scales = [column.scale for column in columns if column.type == "numeric"]
    guard = Guard(tuple(guards + null_guards), min(scales) + 1 if scales else 0)
    quotes = Quotes(command.quote, command.delimiter or ",") if command.format == "csv" else None
    return FastCopy(sql, guard, quotes, empty_refused)


def _automatic(command: CopyCommand) -> bool:
    date, time = command.date_format, command.time_format
    return (date is None or date.lower() in ("auto", "yyyy-mm-dd")) and (
        time is None or time.lower() in ("auto", "yyyy-mm-dd hh:mi:ss")
    )


def _layout(command: CopyCommand) -> tuple[list[str], list[bytes]]:
    if command.format == "csv":
        delimiter, quote, guards = command.delimiter or ",", command.quote, []
    else:
        delimiter = command.delimiter or "|"
        quote = next(byte for byte in _NO_QUOTES if byte != delimiter)
        guards = [quote.encode()]
    return ["FORMAT csv", f"DELIMITER {_literal(delimiter)}", f"QUOTE {_literal(quote)}", "ENCODING 'UTF8'"], guards


def _nulls(command: CopyCommand, columns: list[Column]) -> tuple[list[str], list[bytes], bool]:
    texts = [quote_name(column.name) for column in columns if column.is_text]
    others = [quote_name(column.name) for column in columns if not column.is_text]
    if command.null_as in (None, "") or (command.null_as == NULL_MARKER and command.has("emptyasnull")):
        keep_empty = texts if command.null_as is None and not command.has("emptyasnull") else []
        options = ["NULL ''"]
        if keep_empty:
            options.append(f"FORCE_NOT_NULL ({', '.join(keep_empty)})")
        nullable = others + ([] if keep_empty else texts if command.has("emptyasnull") else [])
        if nullable:
            options.append(f"FORCE_NULL ({', '.join(nullable)})")
        return options, [NULL_MARKER.encode()] if command.null_as != "" else [], False
    return [f"NULL {_literal(command.null_as)}"], [], bool(others) or command.has("emptyasnull")


def _literal(value: str | None) -> str:
    return quote_literal(value or "")
