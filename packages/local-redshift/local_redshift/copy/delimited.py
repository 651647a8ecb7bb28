"""Delimited files read record by record in Python, for the options that PostgreSQL's COPY does not have.

A record has its line in the file (the first of several where newlines are quoted), its fields, and its text for the
error tables.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from local_redshift.copy.row_size import MAX_ROW_BYTES, RowTooLongError, check_row
from local_redshift.statements.copy import CopyCommand


@dataclass(frozen=True)
class Record:
    """One record: `fields` between the delimiters; `problem` is (error code, reason) where it could not be split."""

    line: int
    fields: list[str]
    text: str
    problem: tuple[int, str] | None = None


class _InvalidError(ValueError):
    """A record that cannot be split into fields."""


def decoded(chunks: Iterable[bytes], replacement: str | None) -> Iterator[str]:
    """The lines of a file, with their ends, as text.

    An invalid byte sequence becomes `replacement`, one for each byte, or a lone surrogate where none is given
    (which `has_invalid` finds), so that the error can name the line. Raises RowTooLongError.
    """
    errors = "surrogateescape"
    decoder = codecs.getincrementaldecoder("utf-8")(errors)
    rest, number = "", 1
    for chunk in chunks:
        text = rest + decoder.decode(chunk)
        lines = text.split("\n")
        rest = lines.pop()
        for line in lines:
            check_row(line, number)
            number += 1
            yield _replaced(line, replacement) + "\n"
        check_row(rest, number)
    rest += decoder.decode(b"", final=True)
    if rest:
        yield _replaced(rest, replacement)


def has_invalid(text: str) -> bool:
    """Whether the text has bytes that are not UTF-8."""
    return any("\udc80" <= c <= "\udcff" for c in text) if not text.isascii() else False


def _replaced(line: str, replacement: str | None) -> str:
    if replacement is None or not has_invalid(line):
        return line
    return "".join(replacement if "\udc80" <= c <= "\udcff" else c for c in line)


def records(lines: Iterator[str], command: CopyCommand) -> Iterator[Record]:
    """Group a file's lines into records, header lines left out. Raises RowTooLongError."""
    number = 0
    for line in lines:
        number += 1
        if number <= command.ignore_header:
            continue
        start = number
        parts = _record_lines(line, lines, command, start)
        number += len(parts) - 1
        text = "".join(parts).removesuffix("\n").removesuffix("\r")
        if text == "" and command.has("ignoreblanklines"):
            continue
        yield _log_batch(start, text, command)


def _record_lines(line: str, lines: Iterator[str], command: CopyCommand, start: int) -> list[str]:
    """The lines of the record that begins with `line`."""
    parts, size = [line], len(line)
    quotes, escapes = command.format == "csv", command.format != "csv" and command.has("escape")
    within = bool(line.count(command.quote) % 2) if quotes else escapes and _escaped_end(line)
    while within and (following := next(lines, None)) is not None:
        parts.append(following)
        size += len(following)
        if size > MAX_ROW_BYTES:
            raise RowTooLongError(start)
        within = within != bool(following.count(command.quote) % 2) if quotes else _escaped_end(following)
    check_row("".join(parts).removesuffix("\n"), start) if len(parts) > 1 else None
    return parts


def _escaped_end(text: str) -> bool:
    body = text.removesuffix("\n")
    return body != text and (len(body) - len(body.rstrip("\\"))) % 2 == 1


def _log_batch(line: int, text: str, command: CopyCommand) -> Record:
    if has_invalid(text):
        return Record(line, [], text, (1220, "String contains invalid or unsupported UTF8 codepoints."))
    try:
        return Record(line, split_fields(text, command), text)
    except _InvalidError as wrong:
        return Record(line, [], text, (1214, str(wrong)))


def split_fields(text: str, command: CopyCommand) -> list[str]:
    """The fields of a record's text."""
    if command.format == "csv":
        return _split_csv(text, command.delimiter or ",", command.quote)
    delimiter = command.delimiter or "|"
    if command.has("escape"):
        return _split_escaped(text, delimiter, "'\"" if command.has("removequotes") else "")
    if command.has("removequotes"):
        return _split_quoted(text, delimiter)
    return text.split(delimiter)


def _split_csv(text: str, delimiter: str, quote: str) -> list[str]:
    if quote not in text:
        return text.split(delimiter)
    fields, at = [], 0
    while True:
        # Blanks between a delimiter and a quote do not count (copy-parameters-data-format, CSV).
        start = _after_blanks(text, at, delimiter)
        if text[start : start + 1] == quote:
            value, at = _quoted(text, start + 1, quote)
            at = _after_blanks(text, at, delimiter)
            if at < len(text) and text[at] != delimiter:
                raise _InvalidError("Invalid quote formatting for CSV")
        else:
            end = text.find(delimiter, at)
            end = len(text) if end < 0 else end
            value, at = text[at:end], end
            if quote in value:
                raise _InvalidError("Invalid quote formatting for CSV")
        fields.append(value)
        if at >= len(text):
            return fields
        at += 1


def _after_blanks(text: str, at: int, delimiter: str) -> int:
    while text[at : at + 1] in (" ", "\t") and text[at] != delimiter:
        at += 1
    return at


def _quoted(text: str, at: int, quote: str) -> tuple[str, int]:
    parts = []
    while True:
        end = text.find(quote, at)
        if end < 0:
            raise _InvalidError("Delimited value missing end quote")
        parts.append(text[at:end])
        if text[end + 1 : end + 2] != quote:
            return "".join(parts), end + 1
        parts.append(quote)
        at = end + 2


def _split_escaped(text: str, delimiter: str, quotes: str) -> list[str]:
    """Fields whose special characters a backslash hides; one of `quotes` that begins a field goes, with its pair."""
    fields, current, escaped, opened, closed = [], [], False, "", False
    for at, c in enumerate(text):
        if escaped:
            # `\N` stays the null marker; any other character is itself (copy-parameters-data-conversion,
            # ESCAPE).
            current.append("\\N" if c == "N" else c)
            escaped = False
        elif c == "\\":
            escaped = True
        elif c == delimiter and (closed or not opened):
            fields.append("".join(current))
            current, opened, closed = [], "", False
        elif c in quotes and (at == 0 or text[at - 1] == delimiter) and not opened and not current:
            opened = c
        elif c == opened:
            closed = True
        elif not closed:
            current.append(c)
    if opened and not closed:
        raise _InvalidError("Delimited value missing end quote")
    fields.append("".join(current))
    return fields


def _split_quoted(text: str, delimiter: str) -> list[str]:
    fields, at = [], 0
    while True:
        quote = text[at : at + 1]
        if quote in ("'", '"') and quote:
            end = text.find(quote, at + 1)
            if end < 0:
                raise _InvalidError("Delimited value missing end quote")
            stop = text.find(delimiter, end)
            stop = len(text) if stop < 0 else stop
            if text[end + 1 : stop]:
                raise _InvalidError("Delimited value missing end quote")  # else what follows would be lost
            fields.append(text[at + 1 : end])
        else:
            stop = text.find(delimiter, at)
            stop = len(text) if stop < 0 else stop
            fields.append(text[at:stop])
        if stop >= len(text):
            return fields
        at = stop + 1
