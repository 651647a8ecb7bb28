"""A check of a table's rows, and the files of ``include/sql/checks/<schema>/<table>/``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import exp

from redshift_etl import settings
from redshift_etl.contracts.contract import Contract, front_matter
from redshift_etl.contracts.front_matter import refuse_unknown
from redshift_etl.contracts.sql_errors import explain
from redshift_etl.errors import ConfigError

FAIL, WARN = "fail", "warn"
STAGE, RESULT = "stage", "result"
ROWS = ":rows"
FIELDS = {"description", "severity", "on"}


@dataclass(frozen=True)
class Check:
    """One check. A check without ``sql`` is not queried: the load itself cannot succeed unless it passes.

    ``count``: an aggregate that counts its failing rows; such checks share one scan. ``join``: what the scan needs for
    it, which has one column, named as the check.
    """

    name: str
    severity: str
    on: str
    description: str
    sql: str
    values: tuple[object, ...] = ()
    count: str | None = None
    join: str = ""
    path: Path | None = None


def read_all(contract: Contract) -> tuple[Check, ...]:
    """The checks written for a table, by name."""
    folder = settings.sql_dir() / "checks" / contract.schema / contract.name
    return tuple(parse(path.read_text(encoding="utf-8"), path) for path in sorted(folder.glob("*.sql")))


def parse(text: str, path: Path) -> Check:
    """Read a check from its text. Raises ConfigError that names the file."""
    try:
        matter, sql = front_matter(text)
        sql = sql.rstrip().rstrip(";")
        severity, on = str(matter.get("severity")), str(matter.get("on", STAGE))
        _verify(matter, severity, on, sql)
    except ValueError as error:
        raise ConfigError(
            f"The check cannot be used: {error}.", fix=f"edit {settings.shown(path)}", check=path.stem
        ) from error
    return Check(path.stem, severity, on, str(matter["description"]), sql, path=path)


def _verify(matter: dict[str, object], severity: str, on: str, sql: str) -> None:
    refuse_unknown(matter, FIELDS)
    if not matter.get("description"):
        raise ValueError("its front matter has no description")
    if severity not in (FAIL, WARN) or on not in (STAGE, RESULT):
        raise ValueError(f"severity is fail or warn, and on is stage or result; it has {severity} and {on}")
    if ROWS not in sql:
        raise ValueError(f"it does not read {ROWS}")
    try:
        statements = sqlglot.parse(sql.replace(ROWS, "stage"), dialect="redshift")
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(explain(error)) from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ValueError("it must be one SELECT of the offending rows")
    first = statements[0].selects[0]
    value = first.unalias()
    if isinstance(value, exp.Null) or (isinstance(value, exp.Literal) and value.is_string):
        raise ValueError(
            f"its first column, {first.sql('redshift')}, is a literal without a type; begin with a column of the row, "
            "or write CAST(… AS VARCHAR(…))"
        )
