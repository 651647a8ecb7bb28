"""A table's contract: the front matter and CREATE TABLE of ``include/sql/tables/<schema>/<table>.sql``.

Everything about a table is defined there once; loads, checks, Assets, the catalog, freshness and
retention are derived from it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from redshift_etl import settings
from redshift_etl.contracts import ddl, personal, verify
from redshift_etl.contracts.accepted import accepted_values
from redshift_etl.contracts.ddl import Column
from redshift_etl.contracts.front_matter import flag, number, refuse_unknown, tables_in
from redshift_etl.contracts.front_matter import front_matter as front_matter  # noqa: PLC0414 — for modules that import contracts
from redshift_etl.contracts.model import Contract as Contract  # noqa: PLC0414 — as above
from redshift_etl.contracts.model import Retention as Retention  # noqa: PLC0414 — as above
from redshift_etl.errors import ConfigError

NEVER = "never"
FIELDS = {
    "description", "owner", "load", "version", "deleted", "day", "fresh_within", "retention",
    "accepted", "references", "max_rejects", "may_shrink_to", "may_be_absent", "time", "lookback", "settle",
    "pii",
}  # fmt: skip
_NAME = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")
_UNIT_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}


@cache
def load(table: str) -> Contract:
    """The contract of ``schema.table``.

    Raises ConfigError when there is none or it is not valid; the message names the file.
    """
    path = _path(table)
    if not path.is_file():
        raise ConfigError("The table has no contract.", fix=f"write {settings.shown(path)}", table=table)
    try:
        contract = parse(path.read_text(encoding="utf-8"), path)
    except ValueError as error:
        raise ConfigError(
            f"The contract does not hold together: {error}.", fix=f"edit {settings.shown(path)}", table=table
        ) from error
    if contract.table != table:
        raise ConfigError(
            f"The contract creates {contract.table}.",
            fix=f"name the file after it: {settings.shown(path)}",
            table=table,
        )
    return contract


def all_tables() -> tuple[str, ...]:
    """Every table that has a contract, by name."""
    return tables_in("tables")


def _path(table: str) -> Path:
    if not _NAME.fullmatch(table):
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
        sort=table.sort[0] if table.sort else None,
        version=matter.get("version"),
        deleted=matter.get("deleted"),
        day=matter.get("day"),
        time=matter.get("time"),
        lookback=_age("lookback", matter["lookback"]) if "lookback" in matter else None,
        settle=_age("settle", matter.get("settle", "0 minutes")),
        fresh_within=_age("fresh_within", matter["fresh_within"])
        if matter.get("fresh_within", NEVER) != NEVER
        else None,
        retention=_retention(str(matter["retention"])),
        accepted=accepted_values(matter.get("accepted") or {}, table.columns),
        pii=personal.columns(matter.get("pii"), [column.name for column in table.columns]),
        max_rejects=int(number(matter, "max_rejects", "0", r"\d+")),
        may_shrink_to=float(number(matter, "may_shrink_to", "0.5", r"0?\.\d+|[01](\.0*)?")),
        may_be_absent=flag(matter, "may_be_absent"),
        path=path,
    )
    verify.verify_contract(contract)
    return contract


def _with_references(columns: tuple[Column, ...], references: dict[str, str]) -> tuple[Column, ...]:
    """The columns, with the references of the front matter beside those of the CREATE TABLE."""
    if not isinstance(references, dict):
        raise ValueError("`references` names the column of another table for each column, e.g. `id: core.things (id)`")
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


def _retention(text: str) -> Retention | None:
    if text == NEVER:
        return None
    age, _, column = text.partition(" on ")
    if not column:
        raise ValueError(f"retention is {text!r}; write e.g. `3 years on created_at`, or `{NEVER}`")
    return Retention(_age("retention", age), column.strip())


def _age(name: str, text: object) -> timedelta:
    match = re.fullmatch(r"\s*(\d+)\s*(minute|hour|day|week|month|year)s?\s*", str(text))
    if not match:
        raise ValueError(f"`{name}` is {text!r}, which is not an age; write e.g. `26 hours` or `3 years`")
    return timedelta(days=int(match[1]) * _UNIT_DAYS[match[2]])
