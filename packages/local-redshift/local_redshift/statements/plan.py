"""What the proxy does with one statement. Plans are values: made by `rewrite.plan`, carried out by `session`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_redshift.statements.copy import CopyCommand
    from local_redshift.statements.unload import UnloadCommand


@dataclass(frozen=True)
class Forward:
    """An ordinary statement: PostgreSQL gets `sql`. A write first locks its table, before the snapshot is taken."""

    sql: str
    lock: str | None = None


@dataclass(frozen=True)
class Script:
    """Several statements that stand for one.

    `tag` is the reply (None: that of the first statement); `commits` ends an open transaction after it; `query` says
    that the first statement holds a query, whose functions are to be rewritten; `alone` that the cluster runs one at a
    time.
    """

    statements: tuple[str, ...]
    tag: str | None
    lock: str | None = None
    outside_block: str | None = None
    commits: bool = False
    query: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Refusal:
    """A statement that Redshift, or this stand-in, does not run: message, SQLSTATE and what to do instead."""

    message: str
    code: str = "0A000"
    hint: str | None = None
    detail: str | None = None


class RefusedError(Exception):
    """Raised by the parsers; `rewrite.plan` turns it into its refusal."""

    def __init__(self, message: str, code: str = "0A000", hint: str | None = None) -> None:
        super().__init__(message)
        self.refusal = Refusal(message, code, hint)


@dataclass(frozen=True)
class Load:
    """COPY from S3."""

    command: CopyCommand


@dataclass(frozen=True)
class Unload:
    """UNLOAD to S3."""

    command: UnloadCommand


Plan = Forward | Script | Refusal | Load | Unload
