"""How a source writes its CSV files: the part of a transform's front matter that says so."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EXACT, BY_NAME, NO_HEADER = "exact", "by_name", "none"
HEADERS = (EXACT, BY_NAME, NO_HEADER)
KEYS = frozenset({"delimiter", "quote", "encoding", "header"})
UTF8 = "utf-8"


@dataclass(frozen=True)
class CsvFormat:
    """One character between values, one around them (or none), doubled within them; a Python name of an encoding.

    ``header`` is exact (the first line has the transform's columns in their order), by_name (it has them in any order,
    and may have more) or none (there is no such line). The ends of lines are not declared: LF, CRLF and CR are read,
    also mixed, and so is a byte order mark.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = UTF8
    header: str = EXACT


STANDARD = CsvFormat()


def parse(matter: Mapping[str, Any]) -> CsvFormat:
    """The format that front matter declares. Raises ValueError with one sentence about what is wrong."""
    delimiter, quote = matter.get("delimiter", ","), matter.get("quote", '"')
    if not _is_mark(delimiter):
        raise ValueError(f'`delimiter` is {delimiter!r}; write one character, e.g. ";" or "\\t"')
    if quote != "" and (not _is_mark(quote) or quote == delimiter):
        raise ValueError(f'`quote` is {quote!r}; write one character, not the delimiter, or "" when nothing is quoted')
    header = matter.get("header", EXACT)
    if isinstance(header, bool):
        header = EXACT if header else NO_HEADER
    if header not in HEADERS:
        raise ValueError(f"`header` is {header!r}; use one of {', '.join(HEADERS)}")
    return CsvFormat(delimiter, quote, _encoding(matter.get("encoding", UTF8)), header)


def _is_mark(text: object) -> bool:
    return isinstance(text, str) and len(text) == 1 and text not in "\r\n\0"


def _encoding(name: object) -> str:
    """Python's own name of an encoding; both of UTF-8 with and without a byte order mark are `UTF8`."""
    try:
        codec = codecs.lookup(str(name))
        "".encode(codec.name)  # refuses base64 and its like, which are codecs of bytes
    except LookupError as error:
        raise ValueError(f"`encoding` is {name!r}, which Python does not know; use e.g. latin-1 or utf-16") from error
    return UTF8 if codec.name in (UTF8, "utf-8-sig") else codec.name
