"""A table's contract as a value: what it is, how it is loaded, what its rows must satisfy. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from redshift_etl.contracts.ddl import Column, Type

EXTRACTED_AT = "_extracted_at"
"""The column that loads add to a table whose rows have versions: when its source was read (UTC), by its own clock."""
VALID_FROM, VALID_TO, CURRENT = "valid_from", "valid_to", "current"
VALIDITY = (VALID_FROM, VALID_TO, CURRENT)
"""The columns of a snapshot that its loads compute: the interval in which a state was the source's."""
_READ = "When the source was read (UTC). Of two states of the same version, the one that was read later wins."


@dataclass(frozen=True)
class Retention:
    """Rows whose ``column`` is older than ``age`` may go."""

    age: timedelta
    column: str


@dataclass(frozen=True)
class Contract:
    """One table: what it is, who owns it, how it is loaded, what its rows must satisfy."""

    table: str
    description: str
    owner: str
    load: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    statements: tuple[str, ...]
    sort: str | None = None
    version: str | None = None
    deleted: str | None = None
    day: str | None = None
    time: str | None = None
    lookback: timedelta | None = None
    settle: timedelta = timedelta(0)
    fresh_within: timedelta | None = None
    retention: Retention | None = None
    accepted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pii: tuple[str, ...] = ()
    max_rejects: int = 0
    may_shrink_to: float = 0.5
    may_be_absent: bool = False
    path: Path = Path()
    shadow_of: str | None = None
    left_out: tuple[str, ...] = ()

    @property
    def locked_as(self) -> str:
        """The table whose lock its writers take: a shadow's writers follow those of its table."""
        return self.shadow_of or self.table

    @property
    def schema(self) -> str:
        """The schema part of the table's name."""
        return self.table.split(".")[0]

    @property
    def name(self) -> str:
        """The table part of the table's name."""
        return self.table.split(".")[1]

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns in their declared order."""
        return tuple(column.name for column in self.columns)

    @property
    def added(self) -> tuple[Column, ...]:
        """The columns that loads add to those declared. Nullable: rows of before have no value."""
        versioned = self.load in ("incremental", "snapshot") and self.version
        return (Column(EXTRACTED_AT, Type("TIMESTAMP"), True, None, _READ),) if versioned else ()

    @property
    def natural_key(self) -> tuple[str, ...]:
        """The columns that name what a row is about: the key, without the start of a snapshot's interval."""
        return tuple(name for name in self.key if name not in VALIDITY) if self.load == "snapshot" else self.key

    @property
    def staged(self) -> Contract:
        """The contract of the staged rows: without what a snapshot's load computes."""
        if self.load != "snapshot":
            return self
        columns = tuple(column for column in self.columns if column.name not in VALIDITY)
        return replace(self, columns=columns, key=self.natural_key)

    @property
    def stored_names(self) -> tuple[str, ...]:
        """Every column of the table: those declared, then those added."""
        return tuple(column.name for column in (*self.columns, *self.added))

    def without(self, names: Collection[str]) -> Contract:
        """The contract as a load sees it that leaves these columns to Redshift: to IDENTITY or DEFAULT."""
        columns = tuple(column for column in self.columns if column.name not in names)
        return replace(self, columns=columns, left_out=tuple(names)) if names else self

    def column(self, name: str) -> Column:
        """The named column; KeyError if the contract has none."""
        return {column.name: column for column in self.columns}[name]
