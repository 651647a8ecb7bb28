"""A table's contract: the front matter and CREATE TABLE of ``include/sql/tables/<schema>/<table>.sql``.

Everything about a table is defined there once; loads, checks, Assets, the catalog, freshness and
retention are derived from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from redshift_etl import settings
from redshift_etl.contracts import ddl
from redshift_etl.contracts.accepted import accepted_values
from redshift_etl.contracts.ddl import Column
from redshift_etl.contracts.front_matter import front_matter as front_matter  # noqa: PLC0414 — for modules that import contracts
from redshift_etl.contracts.front_matter import number, refuse_unknown
from redshift_etl.errors import ConfigError

LOADS = ("full_refresh", "incremental", "partition", "append")
NEVER = "never"
FIELDS = {
    "description", "owner", "load", "version", "deleted", "day", "fresh_within", "retention",
    "accepted", "references", "max_rejects", "may_shrink_to",
}  # fmt: skip
_NAME = re.compile(r"^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$")
_UNIT_DAYS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}


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
    version: str | None = None
    deleted: str | None = None
    day: str | None = None
    fresh_within: timedelta | None = None
    retention: Retention | None = None
    accepted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    max_rejects: int = 0
    may_shrink_to: float = 0.5
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

    def without(self, names: Collection[str]) -> Contract:
        """The contract as a load sees it that leaves these columns to Redshift: to IDENTITY or DEFAULT."""
        columns = tuple(column for column in self.columns if column.name not in names)
        return replace(self, columns=columns, left_out=tuple(names)) if names else self

    def column(self, name: str) -> Column:
        """The named column; KeyError if the contract has none."""
        return {column.name: column for column in self.columns}[name]


@cache
def load(table: str) -> Contract:
    """The contract of ``schema.table``.

    Raises ConfigError when there is none or it is not valid; the message names the file.
    """
    path = _path(table)
    if not path.is_file():
        raise ConfigError(
            "The table has no contract.", fix=f"write {path.parent.name}/{path.name} in {path.parents[1]}", table=table
        )
    try:
        contract = parse(path.read_text(encoding="utf-8"), path)
    except ValueError as error:
        raise ConfigError(f"The contract does not hold together: {error}.", fix=f"edit {path}", table=table) from error
    if contract.table != table:
        raise ConfigError(f"The contract creates {contract.table}.", fix=f"name the file after it: {path}", table=table)
    return contract


def all_tables() -> tuple[str, ...]:
    """Every table that has a contract, by name."""
    root = settings.sql_dir() / "tables"
    return tuple(sorted(f"{path.parent.name}.{path.stem}" for path in root.glob("*/*.sql")))


def _path(table: str) -> Path:
    if not _NAME.match(table):
        raise ConfigError("A table is named schema.table, in lower case.", fix="correct the name", table=table)
    schema, name = table.split(".")
    return settings.sql_dir() / "tables" / schema / f"{name}.sql"


def parse(text: str, path: Path = Path()) -> Contract:
    """Read a contract from its text. Pure. Raises ValueError with one sentence about what is wrong."""
    matter, sql = front_matter(text)
    refuse_unknown(matter, FIELDS)
    missing = [name for name in ("description", "owner", "load", "retention") if not matter.get(name)]
    if missing:
        raise ValueError(f"its front matter lacks {', '.join(missing)}")
    table = ddl.parse(sql)
    contract = Contract(
        table=table.table,
        description=str(matter["description"]),
        owner=str(matter["owner"]),
        load=str(matter["load"]),
        columns=_with_references(table.columns, matter.get("references") or {}),
        key=table.key,
        statements=table.statements,
        version=matter.get("version"),
        deleted=matter.get("deleted"),
        day=matter.get("day"),
        fresh_within=_age(matter["fresh_within"]) if matter.get("fresh_within", NEVER) != NEVER else None,
        retention=_retention(str(matter["retention"])),
        accepted=accepted_values(matter.get("accepted") or {}, table.columns),
        max_rejects=int(number(matter, "max_rejects", "0", r"\d+")),
        may_shrink_to=float(number(matter, "may_shrink_to", "0.5", r"0?\.\d+|[01](\.0*)?")),
        path=path,
    )
    _verify(contract)
    _verify_identity(contract)
    return contract


def _with_references(columns: tuple[Column, ...], references: dict[str, str]) -> tuple[Column, ...]:
    """The columns, with the references of the front matter beside those of the CREATE TABLE."""
    unknown = sorted(set(references) - {column.name for column in columns})
    if unknown:
        raise ValueError(f"`references` names the column {unknown[0]}, which the table does not have")
    twice = [column.name for column in columns if column.references and column.name in references]
    if twice:
        raise ValueError(f"{twice[0]} has both REFERENCES and an entry in `references`; leave out the one in the table")
    return tuple(
        replace(column, references=ddl.reference(str(references[column.name]))) if column.name in references else column
        for column in columns
    )


def _verify(contract: Contract) -> None:
    if contract.load not in LOADS:
        raise ValueError(f"load is {contract.load!r}; use one of {', '.join(LOADS)}")
    if contract.load in ("full_refresh", "incremental") and not contract.key:
        raise ValueError(f"a {contract.load} table needs a PRIMARY KEY")
    if contract.load == "incremental" and not contract.version:
        raise ValueError("an incremental table needs `version`: the column whose newest value wins")
    named = {"version": contract.version, "deleted": contract.deleted, "day": contract.day}
    named["retention"] = contract.retention.column if contract.retention else None
    for part, column in [*named.items(), *(("accepted", name) for name in contract.accepted)]:
        if column is not None and column not in contract.column_names:
            raise ValueError(f"`{part}` names the column {column}, which the table does not have")
    if contract.version and contract.column(contract.version).nullable:
        raise ValueError(f"the version column {contract.version} must be NOT NULL")


def _verify_identity(contract: Contract) -> None:
    """UPDATE leaves an IDENTITY column as it is; where rows are deleted and inserted, each load would number anew."""
    for column in contract.columns:
        if column.identity == "always" and column.name in (
            *contract.key,
            contract.version,
            contract.deleted,
            contract.day,
        ):
            raise ValueError(
                f"the IDENTITY column {column.name} is generated, so it cannot be the key or another key's value"
            )
        if column.identity == "always" and contract.load not in ("incremental", "full_refresh"):
            raise ValueError(
                f"a {contract.load} table replaces rows, so the IDENTITY column {column.name} would have other numbers "
                "after each load; leave it out, or load the table as incremental or full_refresh"
            )


def _retention(text: str) -> Retention | None:
    if text == NEVER:
        return None
    age, _, column = text.partition(" on ")
    if not column:
        raise ValueError(f"retention is {text!r}; write e.g. `3 years on created_at`, or `{NEVER}`")
    return Retention(_age(age), column.strip())


def _age(text: object) -> timedelta:
    match = re.fullmatch(r"\s*(\d+)\s*(hour|day|week|month|year)s?\s*", str(text))
    if not match:
        raise ValueError(f"{text!r} is not an age; write e.g. `26 hours` or `3 years`")
    return timedelta(days=int(match[1]) * _UNIT_DAYS[match[2]])
