"""JSON lines, an object a line, as CSV files: each value as the text that stands in the file.

Numbers stay that text: through a float, 1234567890123456.789 would become …456.8, and two ids one. What is an object or
a list becomes JSON again, for a SUPER column. A column of the transform is a path: ``user.name`` is the value ``name``
of the object ``user``, unless the line has a name with that dot.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import zstandard

from redshift_etl import settings
from redshift_etl.contracts.transform_spec import TransformSpec
from redshift_etl.errors import SourceError
from redshift_etl.lake.files import RawFile, reader

LINE_BYTES = 4 << 20  # AWS, "COPY": a row is at most 4 MB
_BOM = b"\xef\xbb\xbf"
_ROWS_AT_ONCE = 256
_ABSENT = object()


class _Number(str):
    """The text of a number that is not whole, and is no JSON string. Whole ones are exact in Python."""

    __slots__ = ()


def flatten(url: str, path: Path, spec: TransformSpec, table: str) -> RawFile:
    """The file as CSV beside it, a record a line that is not blank.

    Raises SourceError with file and line for a line that is no JSON object, and for a column that no record has and
    that is not ``optional``.
    """
    file, columns = RawFile(url, path), tuple(spec.columns)
    paths = [(name, name.split(".")) for name in columns]
    flat = path.with_name(f"{path.name.split('.')[0]}.flat.csv.zst")
    absent, names, rows = set(columns) - set(spec.optional), dict[str, None](), 0
    with flat.open("wb") as raw, zstandard.ZstdCompressor(level=1).stream_writer(raw) as writer:
        waiting = [",".join(map(_field, columns))]
        for number, line in lines(file):
            record, rows = _parsed(line, url, number), rows + 1
            values = [record[name] if name in record else _at(record, parts) for name, parts in paths]
            if absent:
                absent -= {name for name, value in zip(columns, values, strict=True) if value is not _ABSENT}
                names.update(dict.fromkeys(record))
            waiting.append(",".join(map(_field, values)))
            if len(waiting) >= _ROWS_AT_ONCE:
                _write(writer, waiting)
        _write(writer, waiting)
    if rows and absent:
        raise _without(sorted(absent), list(names), spec, table, url)
    return RawFile(url, flat, columns, made_of=path)


def _write(writer: Any, waiting: list[str]) -> None:
    """Write the records that wait. A surrogate alone is no UTF-8, and DuckDB rejects its row."""
    writer.write("".join(f"{record}\n" for record in waiting).encode(errors="surrogatepass"))
    waiting.clear()


def lines(file: RawFile) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, and their numbers from 1. Raises SourceError for one that is too long for COPY."""
    stream, number = reader(file), 0
    while line := stream.readline(LINE_BYTES + 1):
        number += 1
        if len(line) > LINE_BYTES:
            what = f"A line has more than {LINE_BYTES >> 20} MB, which is more than Redshift takes."
            raise SourceError(what, fix="ask who writes it", file=file.url, line=number)
        line = line.removeprefix(_BOM) if number == 1 else line
        if line.strip():
            yield number, line


def _parsed(line: bytes, url: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line, parse_float=_Number, parse_constant=_Number)
    except UnicodeDecodeError as error:
        what = "The line is not UTF-8, and JSON lines are."
        raise SourceError(what, fix="ask who writes the file", file=url, line=number) from error
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"The line is not JSON: {str(error).partition(': line')[0]}.",
            fix="ask who writes the file; if this is its last line, it was not written to its end",
            file=url,
            line=number,
        ) from error
    if isinstance(record, dict):
        return record
    what = "The file is JSON, and not an object a line." if isinstance(record, list) else "The line is no JSON object."
    raise SourceError(what, fix="ask who writes it for JSON lines", file=url, line=number)


def _at(value: Any, parts: Sequence[str]) -> Any:
    """The value at a path, or ``_ABSENT``."""
    for part in parts:
        if not isinstance(value, dict) or part not in value:
            return _ABSENT
        value = value[part]
    return value


def _field(value: Any) -> str:
    """A value in a record of CSV: an empty field is NULL and ``""`` the empty string, JSON an object or a list."""
    if isinstance(value, str):
        return f'"{value}"' if '"' not in value else '"' + value.replace('"', '""') + '"'
    if value is None or value is _ABSENT:
        return ""
    if isinstance(value, dict | list):
        return _field(_json(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(value: Any) -> str:
    """A value as JSON, with the text of its numbers."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_json(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _without(missing: Sequence[str], names: Sequence[str], spec: TransformSpec, table: str, url: str) -> SourceError:
    return SourceError(
        "No record of the file has a value that the transform expects.",
        fix=f"ask who writes it, or change `columns`, or name it in `optional`: {settings.shown(spec.path)}",
        table=table,
        file=url,
        missing=", ".join(missing),
        source_columns=", ".join(names),
        new_columns=", ".join(name for name in names if not any(_names(column, name) for column in spec.columns))
        or "none",
    )


def _names(column: str, name: str) -> bool:
    return column == name or column.startswith(f"{name}.")
