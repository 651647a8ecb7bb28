"""What the proxy does with one statement. Plans are values: `dispatch.plan` makes them, a session executes them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from local_redshift.sql.long_literals import Shortened, has_placeholder
from local_redshift.sql.refusal import Refusal
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
    time; `separately` that each statement is sent on its own, for PostgreSQL runs it outside transactions only.
    """

    statements: tuple[str, ...]
    tag: str | None
    lock: str | None = None
    outside_block: str | None = None
    commits: bool = False
    query: bool = False
    alone: bool = False
    separately: bool = False


@dataclass(frozen=True)
class Load:
    """COPY from S3."""

    command: CopyCommand


@dataclass(frozen=True)
class Unload:
    """UNLOAD to S3."""

    command: UnloadCommand


Plan = Forward | Script | Refusal | Load | Unload


def restored(plan: Plan, text: Shortened) -> Plan | None:
    """The plan of a shortened text with its literals put back; None where the whole text must be planned."""
    if not text.literals:
        return plan
    if isinstance(plan, Refusal):
        return None if has_placeholder(repr(plan)) else plan
    if not isinstance(plan, Forward) or not text.is_restorable(plan.sql):
        return None
    return replace(plan, sql=text.restore(plan.sql))
