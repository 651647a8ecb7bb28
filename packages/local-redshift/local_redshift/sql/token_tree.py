"""A statement's tokens as a tree, one level for each pair of parentheses: the input of the rewrites in query/.

A literal, a comment or a quoted identifier is one token, so its content is never read as SQL. The text between tokens
is stored too, so a statement that is not rewritten renders unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from local_redshift.sql import lexer

_MAX_DEPTH = 150  # each level takes a few frames of Python's recursion limit of 1000


@dataclass(frozen=True)
class Token:
    """`kind` is the lexer's, or `raw` after the last token; `space` is the text before it, comments included."""

    kind: str
    text: str
    space: str = ""

    @property
    def word(self) -> str:
        """The keyword or name in lower case; empty for anything but a bare word."""
        return self.text.lower() if self.kind == lexer.WORD else ""


@dataclass(frozen=True)
class Group:
    """The items between two parentheses; `end` is the space before the closing one."""

    items: tuple[Item, ...]
    space: str = ""
    end: str = ""

    @property
    def word(self) -> str:
        """Empty: a group is not a keyword."""
        return ""


Item = Token | Group


class Column(NamedTuple):
    """A column of a query as PostgreSQL describes it: its name, the id of its type, and its type modifier."""

    name: str
    type: int
    modifier: int


class UnbalancedError(ValueError):
    """A parenthesis has no partner. PostgreSQL reports it with its position, so the statement is sent unchanged."""


class Refused(Exception):  # noqa: N818 - a reply to the client, not a failure
    """The statement uses what Redshift or the local Redshift does not support: one sentence, and the SQLSTATE."""

    def __init__(self, message: str, code: str = "0A000") -> None:
        super().__init__(message)
        self.code = code


class NeedColumns(Exception):  # noqa: N818 - a request, not an error
    """The rewrite depends on the columns that `query` returns: the caller must describe it and call again."""

    def __init__(self, query: str) -> None:
        super().__init__(query)
        self.query = query


def parse(sql: str) -> tuple[Item, ...]:
    """Return the statement's items. Raises UnbalancedError, lexer.LexError, Refused."""
    tokens = list(_tokens(sql))
    items, at = _nest(tokens, 0)
    if at < len(tokens):
        raise UnbalancedError
    return items


def render(items: Sequence[Item]) -> str:
    """Return the SQL text of items."""
    return "".join(_text(item) for item in items)


def bare(items: Sequence[Item]) -> str:
    """Return the SQL text of items without the space around it."""
    return render(items).strip()


def split(items: Sequence[Item]) -> list[tuple[Item, ...]]:
    """Return the parts between top-level commas; an empty list for no items."""
    parts: list[list[Item]] = [[]]
    for item in items:
        if isinstance(item, Token) and item.kind == lexer.OPERATOR and item.text == ",":
            parts.append([])
        else:
            parts[-1].append(item)
    return [tuple(part) for part in parts] if items else []


def is_sign(item: Item | None, text: str) -> bool:
    """Whether the item is that punctuation or operator."""
    return isinstance(item, Token) and item.kind == lexer.OPERATOR and item.text == text


def name_of(item: Item | None) -> str:
    """Return an identifier's name, folded to lower case even when quoted; empty for anything else."""
    if isinstance(item, Token) and item.kind == lexer.WORD:
        return item.text.lower()
    if isinstance(item, Token) and item.kind == lexer.QUOTED:
        return item.text[1:-1].replace('""', '"').lower()
    return ""


def walk(items: Sequence[Item]) -> Iterator[Token]:
    """Yield all tokens in order, including those inside groups."""
    for item in items:
        if isinstance(item, Group):
            yield from walk(item.items)
        else:
            yield item


def _text(item: Item) -> str:
    if isinstance(item, Group):
        return f"{item.space}({render(item.items)}{item.end})"
    return item.space + item.text


def _tokens(sql: str) -> Iterator[Token]:
    end, before = 0, ""
    for token in lexer.tokens(sql):
        # `4WHEN`, as AWS's drivers write it, is a number and a word; PostgreSQL wants a space between.
        touching = " " if before == lexer.NUMBER and token.kind == lexer.WORD and end == token.start else ""
        yield Token(token.kind, token.text, sql[end : token.start] + touching)
        end, before = token.end, token.kind
    if end < len(sql):
        yield Token("raw", "", sql[end:])


def _nest(tokens: list[Token], at: int, depth: int = 0) -> tuple[tuple[Item, ...], int]:
    items: list[Item] = []
    while at < len(tokens):
        token = tokens[at]
        if is_sign(token, ")"):
            if depth == 0:
                raise UnbalancedError
            return tuple(items), at
        if is_sign(token, "("):
            if depth == _MAX_DEPTH:
                raise Refused(f"The statement is nested more than {_MAX_DEPTH} parentheses deep.", "54001")
            inner, close = _nest(tokens, at + 1, depth + 1)
            items.append(Group(inner, token.space, tokens[close].space))
            at = close + 1
            continue
        items.append(token)
        at += 1
    if depth:
        raise UnbalancedError
    return tuple(items), at
