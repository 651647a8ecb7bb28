"""Long literals are taken out of a statement before it is planned, and put back into the plan.

A literal's text cannot change what a statement means. Without the long ones most statements of megabytes are short
enough to be planned at once; the others (an IN list, rows that are not constants) are planned in a thread.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from local_redshift.sql.lexer import marks

_LONG = 4096  # characters
# Random, so that no statement can contain it.
_NAME = f"redshift-{secrets.token_hex(8)}-"
_PLACEHOLDER = re.compile(rf"(?<!')'{_NAME}(\d+)'(?!')")


@dataclass(frozen=True)
class Shortened:
    """A statement with placeholders for its long literals; `literals` are those, quotes included."""

    sql: str
    literals: tuple[str, ...] = ()

    def restore(self, sql: str) -> str:
        """The text with each placeholder replaced by its literal."""
        return _PLACEHOLDER.sub(lambda match: self.literals[int(match[1])], sql) if self.literals else sql

    def is_restorable(self, sql: str) -> bool:
        """Whether the text has a placeholder for every literal, and each is a literal of its own."""
        numbers = _PLACEHOLDER.findall(sql)
        return len(set(numbers)) == len(self.literals) and sql.count(_NAME) == len(numbers)


def has_placeholder(text: str) -> bool:
    """Whether a placeholder, or a part of one, is in the text."""
    return _NAME in text


def shorten(sql: str) -> Shortened:
    """Take the long literals out. Raises lexer.LexError."""
    parts: list[str] = []
    literals: list[str] = []
    position = 0
    for start, end in marks(sql):
        if sql[start] == "'" and end - start > _LONG:
            parts += [sql[position:start], f"'{_NAME}{len(literals)}'"]
            literals.append(sql[start:end])
            position = end
    return Shortened("".join(parts) + sql[position:], tuple(literals)) if literals else Shortened(sql)
