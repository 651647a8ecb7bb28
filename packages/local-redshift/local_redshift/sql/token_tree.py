"""Tokens of a statement, nested by parentheses: what the rewrites of functions and query syntax work on.

A literal, a comment or a quoted identifier is one token, so nothing in it is ever taken for SQL. Text between tokens is
kept, so a statement that is not rewritten comes out as it went in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from local_redshift.sql import lexer

_DEEPEST = 150  # each level costs the rewrites a few frames of Python's thousand


@dataclass(frozen=True)
class Token:
    """`kind` is the lexer's, or `raw` for a part without one; `space` is what stood before it, comments included."""

    kind: str
    text: str
    space: str = ""

    @property
    def word(self) -> str:
        """The keyword or name in lower case; empty for anything but a bare word."""
        return self.text.lower() if self.kind == lexer.WORD else ""


@dataclass(frozen=True)
class Group:
    """What stands between two parentheses; `end` is the space before the closing one."""

    items: tuple[Item, ...]
    space: str = ""
    end: str = ""

    @property
    def word(self) -> str:
        """Empty: a group is no keyword."""
        return ""


Item = Token | Group


class Column(NamedTuple):
    """A column of a query as PostgreSQL describes it: its name, the id of its type, and its type modifier."""

    name: str
    type: int
    modifier: int


class UnbalancedError(ValueError):
    """A parenthesis has no partner; PostgreSQL reports it better than we could."""


class Refused(Exception):  # noqa: N818 - it is an answer to the client
    """The statement uses what is not modelled: the message is one sentence, `code` the SQLSTATE to answer with."""

    def __init__(self, message: str, code: str = "0A000") -> None:
        super().__init__(message)
        self.code = code


class NeedColumns(Exception):  # noqa: N818 - a question, not an error
    """The rewrite depends on the columns that `query` returns; describe it and call again."""

    def __init__(self, query: str) -> None:
        super().__init__(query)
        self.query = query


def parse(sql: str) -> tuple[Item, ...]:
    """The statement's items. Raises UnbalancedError, lexer.LexError, Refused."""
    tokens = list(_tokens(sql))
    items, at = _nest(tokens, 0)
    if at < len(tokens):
        raise UnbalancedError
    return items


def render(items: Sequence[Item]) -> str:
    """The SQL text of items."""
    return "".join(_text(item) for item in items)


def bare(items: Sequence[Item]) -> str:
    """The SQL text of items without the space around it."""
    return render(items).strip()


def raw(sql: str, like: Item | None = None) -> Token:
    """SQL that no further rewrite looks into, with the space that stood before the item it replaces."""
    return Token("raw", sql, like.space if like is not None else " ")


def split(items: Sequence[Item]) -> list[tuple[Item, ...]]:
    """The parts between top-level commas; no part for no items."""
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
    """The name an identifier stands for, folded to lower case even when quoted; empty for anything else."""
    if isinstance(item, Token) and item.kind == lexer.WORD:
        return item.text.lower()
    if isinstance(item, Token) and item.kind == lexer.QUOTED:
        return item.text[1:-1].replace('""', '"').lower()
    return ""


def walk(items: Sequence[Item]) -> Iterator[Token]:
    """All tokens in order, those inside groups too."""
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
    end = 0
    for token in lexer.tokens(sql):
        yield Token(token.kind, token.text, sql[end : token.start])
        end = token.end
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
            if depth == _DEEPEST:
                raise Refused(f"The statement is nested more than {_DEEPEST} parentheses deep.", "54001")
            inner, close = _nest(tokens, at + 1, depth + 1)
            items.append(Group(inner, token.space, tokens[close].space))
            at = close + 1
            continue
        items.append(token)
        at += 1
    if depth:
        raise UnbalancedError
    return tuple(items), at
