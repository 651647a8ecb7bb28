"""JSON COPY: objects or arrays one after another, mapped to columns by name or by a JSONPaths file.

Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from local_redshift.copy.columns import Column
from local_redshift.copy.delimited import Record, decoded, has_invalid
from local_redshift.copy.row_size import check_row
from local_redshift.s3.client import S3Error, read_json, split_url
from local_redshift.statements.copy import CopyCommand

_STEP = re.compile(r"""\.(\w+)|\[\s*'([^']*)'\s*\]|\[\s*"([^"]*)"\s*\]|\[\s*(\d+)\s*\]""")
_MISSING = object()
Path = tuple["str | int", ...]


def records(chunks: Iterable[bytes], command: CopyCommand, columns: list[Column], client: Any) -> Iterator[Record]:
    """One record a JSON value. Raises S3Error for a wrong JSONPaths file, RowTooLongError."""
    paths = _paths(command, columns, client)
    for line, text, value in values(decoded(chunks, command.replace_invalid)):
        if value is _MISSING:
            yield Record(line, [], text, (1216, "Invalid value."))
        elif command.json_paths.startswith("auto") and not isinstance(value, dict):
            yield Record(line, [], text, (1216, "Invalid JSONPath format: Member is not an object."))
        elif has_invalid(text):
            yield Record(line, [], text, (1220, "String contains invalid or unsupported UTF8 codepoints."))
        else:
            yield Record(line, _fields(value, paths, columns, command), text)  # type: ignore[arg-type]


def values(lines: Iterator[str]) -> Iterator[tuple[int, str, Any]]:
    """Line, text and value of each JSON value; a value may span lines. What is not JSON has the value _MISSING."""
    decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number)
    start, text = 1, ""
    for number, line in enumerate(lines, 1):
        if not text.strip():
            start, text = number, ""
        text += line
        check_row(text, start)
        while stripped := text.lstrip():
            try:
                value, end = decoder.raw_decode(stripped)
            except ValueError as bad:
                if _complete(stripped, bad):
                    yield start, stripped.rstrip("\n"), _MISSING
                    text = ""
                break
            yield start, stripped[:end], value
            text, start = stripped[end:], number
    if text.strip():
        yield start, text.rstrip("\n"), _MISSING


def _complete(text: str, bad: ValueError) -> bool:
    """Whether more lines could not make the text JSON: the error is before its end."""
    position = getattr(bad, "pos", len(text))
    return position < len(text.rstrip()) - 1 and "Unterminated" not in str(bad)


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _paths(command: CopyCommand, columns: list[Column], client: Any) -> list[Path]:
    if not command.json_paths.startswith("s3://"):
        if command.json_paths == "noshred" and len(columns) != 1:
            raise S3Error("JSON 'noshred' needs a target of one SUPER column")
        return [] if command.json_paths == "noshred" else [(column.name,) for column in columns]
    document = read_json(client, *split_url(command.json_paths))
    paths = [parse_path(text) for text in document.get("jsonpaths", [])]
    if len(paths) != len(columns):
        raise S3Error(
            "Number of jsonpaths and the number of columns should match. "
            f"JSONPath size: {len(paths)}, Number of columns in table or column list: {len(columns)}"
        )
    return paths


def parse_path(text: str) -> Path:
    """`$.a.b[0]` or `$['a']['b'][0]` as keys and indexes. Raises S3Error."""
    steps: list[str | int] = []
    position = 1
    while text.startswith("$") and position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            break
        dotted, single, double, index = match.groups()
        steps.append(
            int(index) if index is not None else next(key for key in (dotted, single, double) if key is not None)
        )
        position = match.end()
    if not text.startswith("$") or position != len(text):
        raise S3Error(f"Invalid JSONPath format: {text}")
    return tuple(steps)


def _fields(value: Any, paths: list[Path], columns: list[Column], command: CopyCommand) -> list[str | None]:
    if command.json_paths == "noshred":
        return [_dump(value)]
    if command.json_paths == "auto ignorecase" and isinstance(value, dict):
        value = {key.lower(): item for key, item in value.items()}
    return [
        _super(item) if column.type == "super" else _text(item)
        for column, item in zip(columns, (_follow(value, path) for path in paths), strict=True)
    ]


def _follow(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _dump(value)


def _super(value: Any) -> str | None:
    """A SUPER column keeps JSON: a string with its quotes."""
    return None if value is None else _dump(value)


def _dump(value: Any) -> str:
    """Compact JSON that keeps numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return (
            "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_dump(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
