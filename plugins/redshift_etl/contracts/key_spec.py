"""Which keys a table's source has: ``include/sql/keys/<schema>/<table>.sql``, by which deleted rows are found.

The front matter has the ``connection`` of the source, a PostgreSQL database; after it comes one SELECT of the key
columns, under the contract's names, of all rows that exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from redshift_etl import settings
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract, front_matter
from redshift_etl.contracts.front_matter import refuse_unknown, tables_in
from redshift_etl.contracts.names import fold
from redshift_etl.contracts.sql_errors import explain
from redshift_etl.errors import ConfigError

FIELDS = {"connection"}


@dataclass(frozen=True)
class KeySpec:
    """Where the keys of one table are read, and by which SELECT, as its file has it."""

    contract: Contract
    connection: str
    sql: str
    path: Path = Path()

    @property
    def query(self) -> str:
        """The SELECT for the source: the columns in the key's order; times by the contract's type.

        The extract's session has the time zone UTC, so that a TIMESTAMPTZ becomes the TIMESTAMP that tables have.
        """
        return f"SELECT {', '.join(map(self._selected, self.contract.key))} FROM (\n{self.sql}\n) AS source_keys"

    def _selected(self, name: str) -> str:
        column, kind = exp.to_identifier(name, quoted=True).sql("postgres"), self.contract.column(name).type
        return f"CAST({column} AS {kind}) AS {column}" if kind.is_time else column


def all_tables() -> tuple[str, ...]:
    """Every table whose keys are compared with its source, by name."""
    return tables_in("keys")


def read(table: str) -> KeySpec:
    """How the keys of a table are read. Raises ConfigError that names the file, or the contract that is missing."""
    contract = contracts.load(table)
    path = settings.sql_dir() / "keys" / contract.schema / f"{contract.name}.sql"
    if not path.is_file():
        raise ConfigError(
            "The table has no file of its source's keys.", fix=f"write {settings.shown(path)}", table=table
        )
    return parse(contract, path.read_text(encoding="utf-8"), path)


def parse(contract: Contract, text: str, path: Path = Path()) -> KeySpec:
    """Read it from its text. Raises ConfigError with one sentence about what is wrong, and the file."""
    try:
        matter, sql = front_matter(text)
        _verify(contract, matter)
        _verify_select(contract, sql)
    except ValueError as error:
        raise ConfigError(
            f"The keys cannot be read: {error}.", fix=f"edit {settings.shown(path)}", table=contract.table
        ) from error
    return KeySpec(contract, str(matter["connection"]), sql.rstrip().rstrip(";"), path)


def _verify(contract: Contract, matter: dict[str, Any]) -> None:
    refuse_unknown(matter, FIELDS)
    if not matter.get("connection"):
        raise ValueError("its front matter lacks connection")
    if contract.load != "incremental" or not contract.deleted:
        raise ValueError("it is for a table that is loaded by incremental and has `deleted`, where rows are marked")


def _verify_select(contract: Contract, sql: str) -> None:
    """Raises ValueError unless it is one SELECT of the key's columns, without a window."""
    if re.search(r"%\((start|end)\)s", sql):
        raise ValueError("it selects the keys of all rows, so it has no %(start)s and %(end)s")
    try:
        (query,) = sqlglot.parse(sql.strip().rstrip(";"), dialect="postgres")
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(explain(error)) from error
    except ValueError:
        query = None
    if not isinstance(query, exp.Query):
        raise ValueError("it must have exactly one SELECT")
    names = [fold(name) for name in query.named_selects]
    if sorted(names) != sorted(contract.key):
        raise ValueError(f"its SELECT has the columns {', '.join(names)}; the key has {', '.join(contract.key)}")
