"""A tokenizer for Redshift's SQL: enough to split statements and to read DDL, COPY and UNLOAD without guessing.

A plain string literal may hold backslash escapes (Redshift runs with PostgreSQL 8's `standard_conforming_strings =
off`), block comments nest, and `$$ … $$` quotes procedure bodies. Spaces and comments are not tokens; each token
has its offsets in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

WORD, QUOTED, STRING, NUMBER, PARAMETER, OPERATOR = "word", "quoted", "string", "number", "parameter", "operator"

# As PostgreSQL's scanner has them (src/backend/parser/scan.l); tests/test_lexer_agrees.py compares the two.
_LETTER = r"A-Za-z_\u0080-\U0010ffff"
_SPACE = r"[ \t\n\r\f\v]+|--[^\n\r]*"
_PLAIN = r"'(?:[^'\\]++|\\.|'')*+'"
# Without escapes, also where it continues on another line.
_BITS = r"'[^']*+'(?:(?:[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]++|--[^\n\r]*+[\n\r])*+'[^']*+')*+"
_QUOTED = r'"(?:[^"]++|"")*+"'
_INTEGER = r"\d(?:_?\d)*+"
_NUMBER = (
    rf"0[xX](?:_?[0-9A-Fa-f])++|0[oO](?:_?[0-7])++|0[bB](?:_?[01])++"
    rf"|(?:{_INTEGER}(?:\.(?:{_INTEGER})?)?|\.{_INTEGER})(?:[eE][+-]?{_INTEGER})?"
)
_TOKEN = re.compile(
    rf"""
    (?P<space>{_SPACE})
  | (?P<comment>/\*)
  | (?P<unicode>[uU]&['"])
  | (?P<string>[bBxX]{_BITS}|[eEnN]?{_PLAIN})
  | (?P<quoted>{_QUOTED})
  | (?P<parameter>\$\d+)
  | (?P<word>[{_LETTER}][\w${_LETTER}]*+|\#{{1,2}}[{_LETTER}][\w${_LETTER}]*+(?!'))
  | (?P<number>{_NUMBER})
  | (?P<operator>::|<=|>=|<>|!=|\|\||!~\*|!~|~\*|=>|:=|.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_DOLLAR = re.compile(rf"\$\$.*?\$\$|\$([{_LETTER}][\w{_LETTER}]*)\$.*?\$\1\$", re.DOTALL | re.ASCII)
_PARAMETER = re.compile(r"\$\d+", re.ASCII)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
# What may contain a semicolon, and the semicolon itself. Searching for the first character only is much faster over
# megabytes of literals than trying the alternatives at each position.
_FIRST = re.compile(r"""['"/$;-]""")
_EDGE = re.compile(rf"""{_PLAIN}|{_QUOTED}|--[^\n\r]*|/\*|;""", re.DOTALL)
_BIT_EDGE = re.compile(_BITS)
_REST_OF_WORD = re.compile(rf"[\w${_LETTER}]*", re.ASCII)
_NUMBERS = re.compile(rf"(?:\$\d+|{_NUMBER})*", re.ASCII)


class LexError(ValueError):
    """An unterminated string, identifier or comment, or one that is refused; `position` is its offset in the text."""

    def __init__(self, what: str, position: int, problem: str = "unterminated") -> None:
        super().__init__(f"{problem} {what} at character {position + 1}")
        self.position = position


class Token(NamedTuple):
    """One token: its kind, its text as written, and its offsets."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def lower(self) -> str:
        """The text in lower case, for comparison with keywords."""
        return self.text.lower()

    @property
    def name(self) -> str:
        """An identifier as Redshift stores it: unquoted, lower case."""
        text = self.text[1:-1].replace('""', '"') if self.kind == QUOTED else self.text
        return text.lower()


def tokens(sql: str, start: int = 0) -> Iterator[Token]:
    """Yield the tokens of a text from an offset on. Raises LexError."""
    position, end = start, len(sql)
    while position < end:
        match = _TOKEN.match(sql, position)
        if match is None:
            raise LexError("token", position)
        kind = match.lastgroup or ""
        if kind == "comment":
            position = _comment_end(sql, position)
            continue
        if match.group() == "$":
            match = _DOLLAR.match(sql, position)
            if match is None:
                raise LexError("dollar-quoted string", position)
            kind = STRING
        if kind == "unicode":
            raise LexError("literal or name with Unicode escapes", position, "unsupported")
        if kind == "operator" and match.group() in "'\"":
            raise LexError("quoted string" if match.group() == "'" else "quoted identifier", position)
        if kind != "space":
            yield Token(kind, match.group(), position, match.end())
        position = match.end()


def split(sql: str) -> list[str]:
    """Return the statements of a text without their semicolons and without blank ones. Raises LexError."""
    if ";" not in sql:
        return [sql] if has_code(sql) else []
    parts, begin = [], 0
    for start, end in marks(sql):
        if sql[start] == ";":
            parts.append(sql[begin:start])
            begin = end
    parts.append(sql[begin:])
    return [part for part in parts if has_code(part)]


def marks(sql: str) -> Iterator[tuple[int, int]]:
    """Yield the offsets of literals, quoted identifiers, comments and semicolons, in order. Raises LexError."""
    position = floor = 0  # where to search on, and where the mark before ends
    while first := _FIRST.search(sql, position):
        start = first.start()
        position, is_mark = _dollar(sql, start, floor) if sql[start] == "$" else _edge(sql, start, floor)
        if is_mark:
            yield start, position
            floor = position


def _edge(sql: str, start: int, floor: int) -> tuple[int, bool]:
    """The end of a literal, quoted identifier, comment or semicolon; of a division or minus, with False."""
    first = sql[start]
    if first == "'" and start > floor and sql[start - 1] in "bBxX" and not _ends_word(sql, start - 1, floor):
        match = _BIT_EDGE.match(sql, start)
    else:
        match = _EDGE.match(sql, start)
    if match is None and first in "'\"":
        raise LexError("quoted string" if first == "'" else "quoted identifier", start)
    if match is None:
        return start + 1, False
    return (_comment_end(sql, start) if match.group() == "/*" else match.end()), True


def _dollar(sql: str, start: int, floor: int) -> tuple[int, bool]:
    """The end of a dollar-quoted literal; of a parameter, or of the name that the $ is in, with False."""
    begin = start
    while _ends_word(sql, begin, floor):
        begin -= 1
    if not _NUMBERS.fullmatch(sql, begin, start):
        return _REST_OF_WORD.match(sql, start).end(), False  # type: ignore[union-attr]
    if match := _PARAMETER.match(sql, start):
        return match.end(), False
    if match := _DOLLAR.match(sql, start):
        return match.end(), True
    raise LexError("dollar-quoted string", start)


def _ends_word(sql: str, end: int, floor: int) -> bool:
    """Whether the character before may be of a word or number."""
    return end > floor and (sql[end - 1].isalnum() or sql[end - 1] in "_$" or sql[end - 1] >= "\u0080")


def has_code(sql: str) -> bool:
    """Whether the text has anything but spaces and comments."""
    return first_word(sql) != "" or next(tokens(sql), None) is not None


def first_word(sql: str) -> str:
    """Return the first word in lower case, after spaces, comments and opening parentheses, or an empty string."""
    position = 0
    while match := _TOKEN.match(sql, position):
        if match.lastgroup == "comment":
            position = _comment_end(sql, position)
        elif match.lastgroup == "space" or match.group() == "(":
            position = match.end()
        else:
            return match.group().lower() if match.lastgroup == "word" else ""
    return ""


def literal(token: Token) -> str:
    """Return the value of a string literal: without quotes, doubled quotes and backslash escapes replaced."""
    if token.text.startswith("$"):
        return token.text[token.text.index("$", 1) + 1 : token.text.rindex("$", 0, -1)]
    body = token.text[token.text.index("'") + 1 : -1].replace("''", "'")
    return re.sub(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", _unescape, body, flags=re.DOTALL)


def quote_literal(value: str) -> str:
    """Return a string literal that has this value with `standard_conforming_strings` on or off."""
    body = value.replace("'", "''")
    return "E'" + body.replace("\\", "\\\\") + "'" if "\\" in value else f"'{body}'"


def quote_name(name: str) -> str:
    """Return a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def _unescape(match: re.Match[str]) -> str:
    body = match.group(1)
    if body[0] == "x" and len(body) > 1:
        return chr(int(body[1:], 16))
    if body[0] in "01234567":
        return chr(int(body, 8))
    return {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}.get(body, body)


def _comment_end(sql: str, start: int) -> int:
    depth, position = 0, start
    while match := _COMMENT_EDGE.search(sql, position):
        depth += 1 if match.group() == "/*" else -1
        position = match.end()
        if depth == 0:
            return position
    raise LexError("/* comment", start)
