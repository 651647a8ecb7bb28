"""A mart: the SELECT of ``include/sql/marts/<name>.sql`` and the tables that it is built from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from redshift_etl import settings
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.front_matter import refuse_unknown
from redshift_etl.errors import ConfigError

DAYS = ":days"
FIELDS = {"inputs"}


@dataclass(frozen=True)
class Mart:
    """A mart's SELECT and the tables whose days decide when it is stale. The rest is in its contract."""

    contract: Contract
    inputs: tuple[str, ...]
    select: str

    @property
    def day(self) -> str:
        """The column that a day of the mart is."""
        return self.contract.day or ""


def load_mart(table: str) -> Mart:
    """Read ``include/sql/marts/<name>.sql``: front matter ``inputs``, then a SELECT that restricts itself to ``:days``.

    Raises ConfigError when the file is not there or not of that form.
    """
    contract = contracts.load(table)
    path = settings.sql_dir() / "marts" / f"{contract.name}.sql"
    if not path.is_file():
        raise ConfigError("The mart has no SELECT.", fix=f"write {settings.shown(path)}", table=table)
    mart = parse_mart(contract, path.read_text(encoding="utf-8"), path)
    for name in mart.inputs:
        if name not in contracts.all_tables():
            raise ConfigError(
                "The mart has an input without a contract: no load of it would ever make a day stale.",
                fix=f"correct `inputs` in {settings.shown(path)}",
                table=table,
                input=name,
            )
    return mart


def parse_mart(contract: Contract, text: str, path: Path) -> Mart:
    """Read a mart from its text. Raises ConfigError that names the file."""
    try:
        matter, select = contracts.front_matter(text)
        refuse_unknown(matter, FIELDS)
    except ValueError as error:
        raise ConfigError(
            f"The mart cannot be read: {error}.", fix=f"edit {settings.shown(path)}", table=contract.table
        ) from error
    inputs = tuple(matter.get("inputs", ()))
    lacks = None
    if not inputs:
        lacks = "`inputs` in its front matter, by which its days become stale"
    elif f"({DAYS})" not in select:
        lacks = f"a restriction to the days that are built: WHERE … IN ({DAYS})"
    elif not contract.day:
        lacks = f"`day` in its contract, {settings.shown(contract.path)}"
    if lacks:
        raise ConfigError(f"The mart lacks {lacks}.", fix=f"edit {settings.shown(path)}", table=contract.table)
    return Mart(contract, inputs, select.rstrip().rstrip(";"))
