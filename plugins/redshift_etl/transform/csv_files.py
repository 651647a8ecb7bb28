"""A source's CSV files as DuckDB reads them: sound, UTF-8, one kind of line end, with the columns expected.

A file that is so already stays as it is. Else it is written once more, compressed; its lines keep their numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import zstandard

from redshift_etl import settings
from redshift_etl.contracts.csv_format import BY_NAME, NO_HEADER, UTF8, CsvFormat
from redshift_etl.contracts.transform_spec import TransformSpec
from redshift_etl.errors import SourceError
from redshift_etl.lake.files import RawFile, chunks, reader

LINE_CHARS = 4 << 20  # a longer line is read in parts; Redshift takes none
_LINES_AT_ONCE = 256
_BOM, _ENDS = "\ufeff", "\r\n"
# With the mark, or a first character of ASCII without it.
_UTF16 = {
    "utf-16": re.compile(rb"\xff\xfe|\xfe\xff"),
    "utf-16-le": re.compile(rb"[\x01-\x7f]\0"),
    "utf-16-be": re.compile(rb"\0[\x01-\x7f]"),
}
_DELIMITERS = ",;\t|"


def prepared(url: str, path: Path, spec: TransformSpec, table: str) -> RawFile:
    """The file as DuckDB reads it. Raises SourceError with file and line for one that cannot be read so."""
    file = RawFile(url, path)
    if spec.csv.encoding != UTF8 or not _has_one_line_end(_utf8(file, spec)):
        target = path.with_name(f"{path.name.split('.')[0]}.utf8.csv.zst")
        _write_again(file, spec.csv, target)
        file = RawFile(url, target)
    return RawFile(url, file.path, _columns(file, spec, table))


def _utf8(file: RawFile, spec: TransformSpec) -> Iterator[bytes]:
    for number, chunk in enumerate(chunks(file)):
        encoding = next((name for name, first in _UTF16.items() if number == 0 and first.match(chunk)), None)
        if encoding:
            fix = f"write `encoding: {encoding}` in {settings.shown(spec.path)}, or ask who writes the file for UTF-8"
            mark = "" if encoding == "utf-16" else " without a byte order mark"
            what = f"The file is UTF-16{mark}, and the transform reads UTF-8."
            raise SourceError(what, fix=fix, file=file.url, line=1)
        yield chunk


def _has_one_line_end(data: Iterable[bytes]) -> bool:
    """LF everywhere, or CRLF everywhere."""
    returns = feeds = pairs = 0
    last = b""
    for chunk in data:
        if not returns and b"\r" not in chunk:
            feeds = feeds or int(b"\n" in chunk)  # one is enough to differ from none
            continue
        returns += chunk.count(b"\r")
        feeds += chunk.count(b"\n")
        pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
        last = chunk[-1:]
    return not returns or returns == feeds == pairs


def lines(file: RawFile, form: CsvFormat) -> Iterator[tuple[str, bool]]:
    """The lines of a file with their ends, each with whether a quoted value goes on after it.

    A byte that is not UTF-8 in a file that should be is kept, for DuckDB to reject its row; in another encoding it
    raises SourceError.
    """
    errors = "surrogateescape" if form.encoding == UTF8 else "strict"
    text = io.TextIOWrapper(reader(file), encoding=form.encoding, errors=errors, newline="")
    inside, number = False, 1
    try:
        while line := text.readline(LINE_CHARS):
            line = line.removeprefix(_BOM) if number == 1 else line
            inside = _goes_on(line, inside, form)
            yield line, inside
            number += 1
    except UnicodeError as error:
        raise _wrong_encoding(file, form, number, error) from error


def _wrong_encoding(file: RawFile, form: CsvFormat, number: int, error: UnicodeError) -> SourceError:
    """The error of bytes that the encoding does not have; ``number`` is that of the line that was read."""
    reason, value = str(error), None
    if isinstance(error, UnicodeDecodeError):  # that of a mark that is missing is not
        before = error.object[: error.start].decode(form.encoding, errors="ignore")
        number += max(before.count("\n"), before.count("\r"))
        reason, value = error.reason, repr(error.object[error.start : error.end])
    return SourceError(
        f"The file is not {form.encoding}: {reason}.",
        fix="correct `encoding` in the transform, or ask who writes the file",
        file=file.url,
        line=number,
        value=value,
    )


@cache
def _opening(form: CsvFormat) -> re.Pattern[str]:
    """A quote at the beginning of a value. DuckDB skips blanks there, and nothing else."""
    return re.compile(f"(?:^|{re.escape(form.delimiter)}) *{re.escape(form.quote)}")


def _goes_on(line: str, inside: bool, form: CsvFormat) -> bool:
    """Whether a quoted value is open at the end of a line."""
    quote, at = form.quote, 0
    if not quote or quote not in line:
        return inside
    while True:
        if inside:
            at = line.find(quote, at)
            if at < 0:
                return True
            doubled = line.startswith(quote, at + 1)  # a part of the value
            at, inside = at + 1 + doubled, doubled
        else:
            found = _opening(form).search(line, at)
            if not found:
                return False
            at, inside = found.end(), True


def _write_again(file: RawFile, form: CsvFormat, target: Path) -> None:
    """UTF-8 with LF between records; line ends within quoted values stay."""
    errors = "surrogateescape" if form.encoding == UTF8 else "strict"
    records = (
        line if goes_on or not line.endswith(("\r", "\n")) else line.rstrip(_ENDS) + "\n"
        for line, goes_on in lines(file, form)
    )
    with target.open("wb") as raw, zstandard.ZstdCompressor(level=1).stream_writer(raw) as writer:
        while some := "".join(islice(records, _LINES_AT_ONCE)):
            writer.write(some.encode(errors=errors))


def _columns(file: RawFile, spec: TransformSpec, table: str) -> tuple[str, ...]:
    """The file's columns. DuckDB reads by position and compares no names: swapped columns would load silently."""
    expected = tuple(spec.columns)
    if spec.csv.header == NO_HEADER:
        return expected
    header = _header(file, spec.csv)
    if not header:
        raise SourceError("The file is empty, without a header.", fix="ask who writes it", table=table, file=file.url)
    missing = [name for name in expected if name not in header]
    by_name = spec.csv.header == BY_NAME
    extra = [name for name in header if name not in expected and not by_name]
    twice = [name for name in expected if header.count(name) > 1]
    if header == expected or (by_name and not missing and not twice):
        return _distinct(header, expected)
    what, fix = _difference(header, expected, by_name)
    raise SourceError(
        what,
        fix=f"{fix}: {settings.shown(spec.path)}",
        table=table,
        file=file.url,
        line=1,
        missing=", ".join(missing) or None,
        extra=", ".join(extra) or None,
        source_columns=", ".join(header) if missing else None,
        new_columns=(", ".join(name for name in header if name not in expected) or "none") if missing else None,
        twice=", ".join(twice) or None,
        order=None if missing or extra or twice else ", ".join(header),
        expected=", ".join(expected),
    )


def _difference(header: tuple[str, ...], expected: tuple[str, ...], by_name: bool) -> tuple[str, str]:
    """What is wrong with a header, and what to do."""
    known, delimiter = set(header) & set(expected), _delimiter(header, expected)
    if delimiter:
        return (
            "The file has another delimiter than the transform.",
            f'write `delimiter: "{delimiter}"` in the transform',
        )
    if header[0].lstrip().startswith("<"):
        return "The file is HTML or XML, not CSV.", "ask who writes it, or compare with the transform"
    if {name.lower() for name in header} == {name.lower() for name in expected} and not known:
        what = "The file's columns have their names in another case than the transform."
        return what, "write them in the transform's `columns` as the file has them"
    if not known and len(header) == len(expected):
        what = "The file's first line has none of the columns that the transform expects."
        return what, "if it is no header, write `header: none` in the transform; else correct `columns` there"
    fix = "ask who writes it, or change the transform"
    if by_name:
        return "The file does not have each column that the transform reads by name, once.", fix
    if sorted(header) == sorted(expected):
        fix = "write `header: by_name` in the transform, which reads the columns in any order"
    return "The file's columns are not those that the transform expects.", fix


def _delimiter(header: tuple[str, ...], expected: tuple[str, ...]) -> str | None:
    """The character by which a header of one value is several of the columns expected."""
    if len(header) > 1 or len(expected) == 1:
        return None
    found = next((mark for mark in _DELIMITERS if set(header[0].split(mark)) & set(expected)), None)
    return "\\t" if found == "\t" else found


def _distinct(header: tuple[str, ...], expected: tuple[str, ...]) -> tuple[str, ...]:
    """The header with a name of its own for each column that is not read: those of the file may be empty, or alike."""
    return tuple(name if name in expected else f"{number} is not read" for number, name in enumerate(header))


def _header(file: RawFile, form: CsvFormat) -> tuple[str, ...]:
    marks = {"quotechar": form.quote} if form.quote else {"quoting": csv.QUOTE_NONE}
    text = (line for line, _ in lines(file, CsvFormat(form.delimiter, form.quote)))
    try:
        return tuple(next(csv.reader(text, delimiter=form.delimiter, **marks), ()))
    except csv.Error as error:
        what = f"The file's header is not CSV: {error}."
        raise SourceError(what, fix="ask who writes it", file=file.url, line=1) from error
