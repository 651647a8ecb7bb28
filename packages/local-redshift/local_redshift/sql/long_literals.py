"""Statements of megabytes: planned without keeping the other sessions waiting.

A long literal cannot change what a statement means, so it is taken out before the statement is planned and put back
into the plan. What is left may still be long (an IN list, rows that are not constants): that is planned in a thread,
and every search over it goes by windows, because one match of a regular expression holds the interpreter's lock.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace

from local_redshift.sql.lexer import marks
from local_redshift.statements.plan import Forward, Plan, Refusal

LARGE = 1 << 17  # characters
_LONG = 4096
_OVERLAP = 1000
# Not to be guessed, so that no statement can hold it.
_NAME = f"redshift-{secrets.token_hex(8)}-"
_PLACE = re.compile(rf"(?<!')'{_NAME}(\d+)'(?!')")


@dataclass(frozen=True)
class Shortened:
    """A statement with placeholders for its long literals; `literals` are those, quotes included."""

    sql: str
    literals: tuple[str, ...] = ()

    def restore(self, sql: str) -> str:
        """The text with the literals in their places."""
        return _PLACE.sub(lambda found: self.literals[int(found[1])], sql) if self.literals else sql

    def restored(self, plan: Plan) -> Plan | None:
        """The plan with the literals in their places; None where a plan of the whole statement is needed."""
        if not self.literals:
            return plan
        if isinstance(plan, Refusal):
            return None if _NAME in repr(plan) else plan
        if not isinstance(plan, Forward):
            return None
        found = {int(number) for number in _PLACE.findall(plan.sql)}
        if len(found) < len(self.literals) or plan.sql.count(_NAME) > len(_PLACE.findall(plan.sql)):
            return None
        return replace(plan, sql=self.restore(plan.sql))


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


def windows(sql: str) -> Iterator[tuple[int, int]]:
    """Offsets of parts to search one after the other; they overlap by more than any name is long."""
    for start in range(0, len(sql), LARGE):
        yield max(0, start - _OVERLAP), min(len(sql), start + LARGE)
