"""The shape of a statement, and the list of the shapes that were compared with AWS's pages. Pure, but for the file.

A shape is a statement with ``"n"`` for a quoted name, ``'…'`` for a text, ``0`` for a number and one element for a list
of equals. ``sql_shapes.yaml`` has each shape that the product sends, with the types of its bound values, the functions
that send it and the page that allows it.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yaml

SHAPES = Path(__file__).with_name("sql_shapes.yaml")
PAGES = ("https://docs.aws.amazon.com/redshift/latest/", "https://github.com/aws/amazon-redshift-python-driver")
_HEAD = """# Each shape of statement that the product sends, and the page that allows it. `make audit-sql ARGS=--accept`
# writes it, without the pages: they are written by whoever has read them. "n" is a quoted name, '…' a text, 0 a number,
# … more of the same.
"""

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^'\\]|\\.|'')*')
      | (?P<name>"(?:[^"]|"")*")
      | (?P<number>\b\d+(?:\.\d+)?\b)
      | (?P<word>[A-Za-z_][\w$]*)
      | (?P<mark>%s|\|\||<>|<=|>=|!=|::|.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass
class Shape:
    """A statement's text without what differs from one use to the next."""

    sql: str
    types: set[str] = field(default_factory=set)
    sent_by: set[str] = field(default_factory=set)
    page: str = ""

    def add(self, other: Shape) -> None:
        """Add the types and senders of the same shape."""
        self.types |= other.types
        self.sent_by |= other.sent_by


_DDL = re.compile(r"^(CREATE TABLE|COMMENT ON COLUMN) (?!IF )[\w.\"]+( \(.*)?")
_STAGE = re.compile(r'^(CREATE TEMP TABLE \w+) \("n" .*')
_OWN_SCHEMAS = re.compile(r"\b(?:core|mart|etl_shadow)\.\w+|\betl_check_[0-9a-f]{8}\b(?:\.\w+)?")
_ELEMENTS = (
    r'"n" DESC NULLS LAST', r'"n" DESC', r'"n"', r"%s", r"'…'", r"0", r"CAST \(%s AS \w+\)", r'\w+\."n"', r"\w+\.\w+",
    r"\w+", r"\(%s(?:, …)?\)",
)  # fmt: skip
_LIST_ENDS = r"(?=[,)]|$| (?:FROM|WHERE|GROUP|HAVING|ORDER|LIMIT)\b)"
_JOINTS = ("UNION ALL", "UNION", "OR", "AND", ",")
_MAX_REPEATED = 600  # characters of one of several equal conditions


@lru_cache(maxsize=4096)
def shape_of(sql: str) -> str:
    """The statement's shape, on one line."""
    tokens = [_token(match) for match in _TOKEN.finditer(sql) if match.lastgroup != "space"]
    text = re.sub(r'"n"(?: \. "n")+', '"n"', " ".join(tokens)).replace(" . ", ".")
    text = _OWN_SCHEMAS.sub('"n"', text.replace("( ", "(").replace(" )", ")").replace(" ,", ","))
    text = _DDL.sub(lambda found: f'{found[1]} "n"' + (" (…)" if found[2] else ""), text)
    text = _STAGE.sub(r'\1 ("n" …)', text)
    for element in _ELEMENTS:
        text = re.sub(rf"(?<![\w.])({element})(?:, {element})+{_LIST_ENDS}", r"\1, …", text)
    text = re.sub(r"\bIN \(([^,()]+|CAST \(%s AS \w+\))\)", r"IN (\1, …)", text)
    for joint in _JOINTS:
        text = _fold(text, joint)
    return text


def _fold(text: str, joint: str) -> str:
    """One of several equal terms that stand side by side."""
    separator = ", " if joint == "," else f" {joint} "
    start = rf"(?:(?<=WHERE )|(?<=ON )|(?<=\()|(?<=, )|(?<=SELECT )|(?<={separator}))"
    terms = re.compile(rf"{start}(.{{3,{_MAX_REPEATED}}}?)(?:{separator}\1)+(?!\w)")

    def folded(match: re.Match[str]) -> str:
        """Only whole terms: their parentheses are balanced."""
        balanced = match[1].count("(") == match[1].count(")")
        return f"{match[1]}{separator}…" if balanced else match[0]

    return terms.sub(folded, text)


def _token(match: re.Match[str]) -> str:
    kind, text = str(match.lastgroup), match.group()
    return {"text": "'…'", "name": '"n"', "number": "0"}.get(kind, text)


def complaint(shape: Shape) -> str:
    """What to do about a shape."""
    return (
        f"{', '.join(sorted(shape.sent_by))} sends a statement that is not in {SHAPES.name}, with values of the types "
        f"{sorted(shape.types)}:\n{shape.sql}\n"
        "Read the AWS page, then add it with its page (`make audit-sql ARGS=--accept` writes all but the page)."
    )


def read_list() -> dict[str, Shape]:
    """The committed list, by shape."""
    rows = yaml.safe_load(SHAPES.read_text(encoding="utf-8")) if SHAPES.exists() else []
    shapes = [
        Shape(row["sql"].strip(), set(row.get("types", ())), set(row["sent_by"]), row["page"] or "") for row in rows
    ]
    return {shape.sql: shape for shape in shapes}


def write_list(shapes: dict[str, Shape]) -> None:
    """Write the list, in the order of the statements."""
    entries = "".join(_entry(shapes[sql]) for sql in sorted(shapes))
    SHAPES.write_text(_HEAD + entries, encoding="utf-8")


def _entry(shape: Shape) -> str:
    lines = textwrap.wrap(shape.sql, 112, break_long_words=False, break_on_hyphens=False)
    head = [f"- page: {shape.page}", f"  sent_by: [{', '.join(sorted(shape.sent_by))}]"]
    types = [f"  types: [{', '.join(sorted(shape.types))}]"] if shape.types else []
    return "\n".join([*head, *types, "  sql: >-", *(f"    {line}" for line in lines), ""])


def is_checked(shape: Shape, checked: dict[str, Shape]) -> bool:
    """Whether the list has the shape with these types, and a page."""
    known = checked.get(shape.sql)
    return known is not None and known.page.startswith(PAGES) and shape.types <= known.types


def compare(sent: dict[str, Shape], checked: dict[str, Shape]) -> list[str]:
    """What is to be done, for people: shapes that nobody has checked. Pure."""
    return [complaint(shape) for _, shape in sorted(sent.items()) if not is_checked(shape, checked)]


def accept(sent: dict[str, Shape], checked: dict[str, Shape]) -> dict[str, Shape]:
    """The list with what was sent: types are added, senders replaced, new shapes have no page. Pure."""
    merged = dict(checked)
    for sql, shape in sent.items():
        before = checked.get(sql, Shape(sql))
        merged[sql] = Shape(sql, before.types | shape.types, shape.sent_by, before.page)
    return merged
