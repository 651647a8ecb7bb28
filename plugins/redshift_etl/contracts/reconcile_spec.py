"""How a table is compared with its source: ``include/sql/reconcile/<schema>/<table>.sql``.

The front matter has the ``dag`` that loads the table, and either a ``connection`` with a SELECT that counts the
source's rows by day of their version, or the ``landing`` file that the table is a copy of, or neither: then only the
loaded windows are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from redshift_etl import settings
from redshift_etl.contracts.contract import Contract, front_matter
from redshift_etl.contracts.front_matter import refuse_unknown
from redshift_etl.errors import ConfigError

FIELDS = {"dag", "connection", "landing"}


@dataclass(frozen=True)
class ReconcileSpec:
    """How one table is compared with its source."""

    contract: Contract
    dag_id: str
    connection: str | None = None
    sql: str = ""
    landing: str | None = None


def read(contract: Contract) -> ReconcileSpec | None:
    """How a table is compared, or None where it has no such file. Raises ConfigError that names the file."""
    path = settings.sql_dir() / "reconcile" / contract.schema / f"{contract.name}.sql"
    return parse(contract, path.read_text(encoding="utf-8"), path) if path.is_file() else None


def parse(contract: Contract, text: str, path: Path) -> ReconcileSpec:
    """Read a plan from its text. Raises ConfigError that names the file."""
    try:
        matter, sql = front_matter(text)
        refuse_unknown(matter, FIELDS)
    except ValueError as error:
        raise ConfigError(f"The comparison cannot be read: {error}.", fix=f"edit {settings.shown(path)}") from error
    statement = "\n".join(line for line in sql.splitlines() if not line.startswith("--")).strip()
    counted = "connection" in matter
    if not matter.get("dag") or counted != bool(statement) or (counted and not contract.version):
        raise ConfigError(
            "A comparison has a `dag`, and either a `connection` with a SELECT (for a table with a version), or a "
            "`landing` file, or neither.",
            fix=f"edit {settings.shown(path)}",
            table=contract.table,
        )
    return ReconcileSpec(contract, str(matter["dag"]), matter.get("connection"), statement, matter.get("landing"))
