"""One running COPY: its command, target, files, and the rows that it could not load."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from local_redshift.copy.columns import Column
from local_redshift.s3.client import Source
from local_redshift.sql.token_reader import qualified_sql
from local_redshift.statements.copy import CopyCommand


@dataclass(frozen=True)
class LoadError:
    """One row that could not be loaded; `line` counts from 1 within its file."""

    file: str
    line: int
    column: str
    type: str
    size: str
    raw_line: str
    value: str
    code: int
    reason: str


class LoadFailedError(Exception):
    """Rows could not be loaded; more than MAXERROR allows."""

    def __init__(self, errors: list[LoadError]) -> None:
        super().__init__(errors[-1].reason)
        self.errors = errors


@dataclass
class Job:
    """One running COPY. `lines` has the number of lines of each source that was read."""

    command: CopyCommand
    query_id: int
    pid: int
    transaction: int
    table_oid: int
    user_id: int
    columns: list[Column]
    started: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    sources: list[Source] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    errors: list[LoadError] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0

    @property
    def target(self) -> str:
        """The table as SQL."""
        return qualified_sql(self.command.table)
