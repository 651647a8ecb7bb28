"""UNLOAD's rows of text: options for PostgreSQL's CSV writer, and its rows converted to Redshift's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable

from local_redshift.sql.lexer import quote_literal
from local_redshift.statements.unload import UnloadCommand

# As quote character one of them marks what the writer quotes, and doubles itself in a value; the second where the
# first is the delimiter.
_MARKS = ("\x01", "\x02")


def delimiter_of(command: UnloadCommand) -> str:
    """The character between two fields."""
    return command.delimiter or ("," if command.format == "csv" else "|")


def copy_options(command: UnloadCommand) -> str:
    """The options of PostgreSQL's COPY TO."""
    # JSON's text has no character below the blank, so that none is quoted.
    delimiter, null = ("\x02", "") if command.format == "json" else (delimiter_of(command), command.null_as)
    quote = '"' if _quoted(command) else _mark(delimiter)
    force = ", FORCE_QUOTE *" if command.has("addquotes") or command.has("escape") else ""
    by = f"QUOTE {quote_literal(quote)}, DELIMITER {quote_literal(delimiter)}, NULL {quote_literal(null)}"
    return f"FORMAT csv, {by}{force}"


async def redshift_rows(rows: AsyncIterator[bytes], command: UnloadCommand) -> AsyncIterator[bytes]:
    """The writer's rows without its marks, escaped where the command has ESCAPE."""
    mark = _mark(delimiter_of(command)).encode()
    field = re.compile(mark + rb"((?:[^" + mark + rb"]|" + mark * 2 + rb")*)" + mark)
    write = _writer(command, mark)
    async for row in rows:
        yield row if _quoted(command) or mark not in row else field.sub(write, row)


def _quoted(command: UnloadCommand) -> bool:
    """Whether Redshift writes the same quotes as the writer."""
    return command.format == "csv" or (command.has("addquotes") and not command.has("escape"))


def _mark(delimiter: str) -> str:
    return next(mark for mark in _MARKS if mark != delimiter)


def _writer(command: UnloadCommand, mark: bytes) -> Callable[[re.Match[bytes]], bytes]:
    """The replacement of a marked field. Beside ADDQUOTES both kinds of quotes are escaped (r_UNLOAD, ESCAPE)."""
    quote = b'"' if command.has("addquotes") else b""
    specials = re.escape(delimiter_of(command).encode()) + rb"\\\n\r" + (b"\"'" if quote else b"")
    special = re.compile(rb"([" + specials + rb"])")

    def write(match: re.Match[bytes]) -> bytes:
        text = match[1].replace(mark * 2, mark)
        return quote + (special.sub(rb"\\\1", text) if command.has("escape") else text) + quote

    return write
