"""CSV and delimited COPY as PostgreSQL's own COPY FROM STDIN, where that means the same: the fast path.

Redshift reads two spellings of NULL at once, the null string and, for columns that are not text, an empty field
(copy-parameters-data-conversion). PostgreSQL has one. So the likelier one is chosen, and where bytes or
errors show the other, the load takes the staged path (`staged`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from local_redshift.copy.columns import NULL_MARKER, Column
from local_redshift.copy.quote_check import QuoteCheck
from local_redshift.copy.row_size import MAX_ROW_BYTES
from local_redshift.copy.value_formats import ValueFormatCheck, by_default, layout
from local_redshift.sql.lexer import quote_literal, quote_name
from local_redshift.sql.token_reader import qualified_sql
from local_redshift.statements.copy import CopyCommand

# Bytes that are hardly ever in a text file: with one as the quote, PostgreSQL's CSV reader reads plain delimited text.
# The second is for files delimited by the first, as Hive's are.
_NO_QUOTES = ("\x01", "\x02")
_AS_DIGITS = bytes(0x30 if 0x30 <= c <= 0x39 else c for c in range(256))
_OVERLAP = 64  # bytes of one chunk checked again with the next: a match may span both
_STAGED_FLAGS = (
    "blanksasnull",
    "fillrecord",
    "truncatecolumns",
    "acceptanydate",
    "trimblanks",
    "roundec",
    "ignoreblanklines",
)


class Check(Protocol):
    """Checks the stream, chunk by chunk, for what Redshift's COPY refuses or reads in another way than PostgreSQL's."""

    @property
    def incomplete(self) -> bool:
        """Whether the stream so far ends within a row."""
        ...

    def rejects(self, data: bytes) -> bool:
        """Whether the stream's next chunk has it."""
        ...


class ByteCheck:
    """Rejects byte sequences, and numbers with `decimals` or more digits after the point (0: any are accepted)."""

    incomplete = False

    def __init__(self, markers: tuple[bytes, ...], decimals: int) -> None:
        self._markers, self._decimals = markers, decimals
        self._tail = b""

    def rejects(self, data: bytes) -> bool:
        """Whether the chunk has one. Translating and finding is much quicker than a regular expression."""
        overlap, self._tail = self._tail + data[:_OVERLAP], data[-_OVERLAP:]
        return self._finds(data) or self._finds(overlap)

    def _finds(self, data: bytes) -> bool:
        if any(marker in data for marker in self._markers):
            return True
        return self._decimals > 0 and b"." + b"0" * self._decimals in data.translate(_AS_DIGITS)


class RowSizeCheck:
    """Rejects a row that may be longer than COPY allows; the staged path counts its bytes."""

    incomplete = False

    def __init__(self, quotes: QuoteCheck | None) -> None:
        self._quotes, self._size = quotes, 0

    def rejects(self, data: bytes) -> bool:
        """Whether a row may be too long, by less than a chunk; `quotes` must have read the chunk before."""
        ended = b"\n" in data if self._quotes is None else self._quotes.ends_row
        size = self._size + len(data)
        self._size = len(data) if ended else size
        return size > MAX_ROW_BYTES


@dataclass(frozen=True)
class FastCopy:
    """PostgreSQL's COPY, and what makes the load take the staged path: rejected data, or an empty value refused."""

    sql: str
    checks: tuple[Check, ...]
    formats: ValueFormatCheck
    quotes: QuoteCheck | None
    empty_refused: bool

    @property
    def counts_lines(self) -> bool:
        """Whether PostgreSQL counts lines as the files have them: no quotes, which may contain a newline."""
        return self.quotes is None or not self.quotes.has_quotes


def fast_copy(command: CopyCommand, columns: list[Column]) -> FastCopy | None:
    """The fast path's statement, or None where the options need the staged path."""
    if (
        any(command.has(flag) for flag in _STAGED_FLAGS)
        or command.replace_invalid is not None
        or not _plain_times(command, columns)
    ):
        return None
    if command.format == "text" and (command.has("escape") or command.has("removequotes")):
        return None
    if any(column.type in ("super", "varbyte") for column in columns):
        return None  # their input functions take no text
    options, forbidden = _layout(command)
    null_options, null_forbidden, empty_refused = _nulls(command, columns)
    names = ", ".join(quote_name(column.name) for column in columns)
    sql = f"COPY {qualified_sql(command.table)} ({names}) FROM STDIN WITH ({', '.join(options + null_options)})"
    # More decimals than a DECIMAL column keeps: COPY cuts them off where PostgreSQL rounds.
    scales = [column.scale for column in columns if column.type == "numeric"]
    bytes_check = ByteCheck((b"\0", *forbidden, *null_forbidden), min(scales) + 1 if scales else 0)
    formats = ValueFormatCheck(command, columns, layout(command))
    quotes = QuoteCheck(command.quote, command.delimiter or ",") if command.format == "csv" else None
    rows = RowSizeCheck(quotes)
    checks = (bytes_check, formats, quotes, rows) if quotes else (bytes_check, formats, rows)
    return FastCopy(sql, checks, formats, quotes, empty_refused)


def _plain_times(command: CopyCommand, columns: list[Column]) -> bool:
    """Whether no column needs the stage to read its dates or times by a format."""
    return all(
        wanted is None or wanted.lower() == "auto" or by_default(command, column)
        for column in columns
        if (wanted := command.date_format if column.type == "date" else command.time_format) and column.is_time
    )


def _layout(command: CopyCommand) -> tuple[list[str], list[bytes]]:
    if command.format == "csv":
        delimiter, quote, forbidden = command.delimiter or ",", command.quote, []
    else:
        delimiter = command.delimiter or "|"
        quote = next(byte for byte in _NO_QUOTES if byte != delimiter)
        forbidden = [quote.encode()]
    return ["FORMAT csv", f"DELIMITER {_literal(delimiter)}", f"QUOTE {_literal(quote)}", "ENCODING 'UTF8'"], forbidden


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
    # A field that matches is NULL, quoted or not (copy-parameters-data-conversion).
    force = f"FORCE_NULL ({', '.join(texts + others)})"
    return [f"NULL {_literal(command.null_as)}", force], [], bool(others) or command.has("emptyasnull")


def _literal(value: str | None) -> str:
    return quote_literal(value or "")
