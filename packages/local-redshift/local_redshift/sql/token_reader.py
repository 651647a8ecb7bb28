"""Reads a statement token by token; syntax errors have PostgreSQL's texts."""

from __future__ import annotations

from local_redshift.sql.lexer import QUOTED, STRING, WORD, Token, literal, quote_name, tokens
from local_redshift.sql.refusal import RefusedError
from local_redshift.sql.reserved_words import RESERVED


class TokenReader:
    """The tokens of one statement and a position in them."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = list(tokens(sql))
        self.position = 0

    @property
    def token(self) -> Token | None:
        """The current token, or None at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def peek(self, *words: str) -> bool:
        """Whether the next tokens are these keywords or operators, in lower case."""
        following = self.tokens[self.position : self.position + len(words)]
        return len(following) == len(words) and all(
            token.kind not in (STRING, QUOTED) and token.lower == word
            for token, word in zip(following, words, strict=True)
        )

    def take(self, *words: str) -> bool:
        """Skip these keywords if they come next."""
        if self.peek(*words):
            self.position += len(words)
            return True
        return False

    def take_any(self, *words: str) -> str | None:
        """Skip one of these keywords if it comes next, and return it."""
        return next((word for word in words if self.take(word)), None)

    def expect(self, *words: str) -> None:
        """Skip these keywords. Raises RefusedError (42601) when other tokens come next."""
        if not self.take(*words):
            raise self.syntax_error()

    def next(self) -> Token:
        """Return the current token and skip it. Raises RefusedError (42601) at the end."""
        token = self.token
        if token is None:
            raise self.syntax_error()
        self.position += 1
        return token

    def done(self) -> bool:
        """Whether all tokens are read."""
        return self.position >= len(self.tokens)

    def expect_end(self) -> None:
        """Raises RefusedError (42601) unless all tokens are read."""
        if not self.done():
            raise self.syntax_error()

    def name(self) -> str:
        """Read an identifier, folded. Raises RefusedError (42601), also for an unquoted reserved word."""
        token = self.token
        if token is None or token.kind not in (WORD, QUOTED) or (token.kind == WORD and token.lower in RESERVED):
            raise self.syntax_error()
        self.position += 1
        return token.name

    def qualified(self) -> tuple[str, ...]:
        """Read a dotted name, folded."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        return tuple(parts)

    def names(self) -> list[str]:
        """Read a parenthesised list of identifiers."""
        self.expect("(")
        names = [self.name()]
        while self.take(","):
            names.append(self.name())
        self.expect(")")
        return names

    def string(self) -> str:
        """Read a string literal and return its value. Raises RefusedError (42601)."""
        token = self.token
        if token is None or token.kind != STRING:
            raise self.syntax_error()
        self.position += 1
        return literal(token)

    def integer(self) -> int:
        """Read a whole number with its sign. Raises RefusedError (42601)."""
        sign = -1 if self.take("-") else 1
        token = self.next()
        if not token.text.isdecimal():
            self.position -= 1
            raise self.syntax_error()
        return sign * int(token.text)

    def group(self) -> tuple[int, int]:
        """Skip a balanced `( … )` and return the offsets of what is inside."""
        opening = self.next()
        depth = 1
        while depth:
            token = self.next()
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        return opening.end, self.tokens[self.position - 1].start

    def until(self, *words: str) -> str:
        """Skip an expression up to one of these keywords at its own depth, or the end, and return its text."""
        start = self.token.start if self.token else len(self.sql)
        end = start
        while self.token is not None and not any(self.peek(word) for word in words):
            if self.peek("("):
                self.group()
            else:
                self.next()
            end = self.tokens[self.position - 1].end
        return self.sql[start:end]

    def rest(self) -> str:
        """Return the text from the current token on."""
        return self.sql[self.token.start :] if self.token else ""

    def syntax_error(self) -> RefusedError:
        """Return the syntax error for the current token."""
        if self.token is None:
            return RefusedError("syntax error at end of input", "42601")
        return RefusedError(f'syntax error at or near "{self.token.text}"', "42601")


def qualified_sql(name: tuple[str, ...]) -> str:
    """Return a dotted name as SQL text."""
    return ".".join(quote_name(part) for part in name)
