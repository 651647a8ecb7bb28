"""A transform file, ``include/sql/transform/<table>.sql``: the raw columns expected, and one plain SELECT over them.

The front matter names the source's columns in their order, each with the type that its text must have; ``about`` names
those that the extract adds and the file does not have (a response of an API does not name its airport). ``delimiter``,
``quote``, ``encoding`` and ``header`` describe a CSV file that is not the usual kind (`csv_format`). ``format`` says
what files are that are not CSV: ``json_lines``, an object a line, whose values the columns name by their paths, those
of ``optional`` if they are there; ``parquet``; ``columnar_json``, parallel arrays in the ``units`` named. ``inputs``
names the source, for the lineage. The SELECT returns each column of the contract by name, in DuckDB's dialect, one row
for each raw row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlglot

from redshift_etl import settings
from redshift_etl.contracts import csv_format
from redshift_etl.contracts.column_type import Type, parse_type
from redshift_etl.contracts.contract import Contract, front_matter
from redshift_etl.contracts.csv_format import CsvFormat
from redshift_etl.contracts.front_matter import refuse_unknown
from redshift_etl.errors import ConfigError

FIELDS = {"columns", "about", "format", "optional", "units", "inputs", *csv_format.KEYS}
CSV, JSON_LINES, PARQUET, COLUMNAR_JSON = "csv", "json_lines", "parquet", "columnar_json"
FORMATS = (CSV, JSON_LINES, PARQUET, COLUMNAR_JSON)


@dataclass(frozen=True)
class TransformSpec:
    """How raw rows become a table's rows. ``columns`` are typed and ordered; ``about`` is a subset of them.

    ``format`` is one of `FORMATS`; ``csv`` is that of a CSV file, and the standard one for others. ``optional`` are
    columns that may be absent from every record of a file of JSON lines.
    """

    columns: Mapping[str, Type]
    about: tuple[str, ...]
    format: str
    select: str
    path: Path = Path()
    inputs: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    csv: CsvFormat = csv_format.STANDARD
    optional: tuple[str, ...] = ()

    @property
    def arrays(self) -> tuple[str, ...]:
        """The columns that come from the files themselves."""
        return tuple(name for name in self.columns if name not in self.about)


def load(contract: Contract) -> TransformSpec:
    """The transform of a contract's table. Raises ConfigError when there is none or it is not sound."""
    path = settings.sql_dir() / "transform" / f"{contract.name}.sql"
    if not path.is_file():
        raise ConfigError("The table has no transform.", fix=f"write {settings.shown(path)}", table=contract.table)
    try:
        return parse(path.read_text(encoding="utf-8"), path)
    except ValueError as error:
        what = f"The transform does not hold together: {error}."
        raise ConfigError(what, fix=f"edit {settings.shown(path)}", table=contract.table) from error


def parse(text: str, path: Path = Path()) -> TransformSpec:
    """Read a transform from its text. Pure. Raises ValueError with one sentence about what is wrong."""
    matter, sql = front_matter(text)
    refuse_unknown(matter, FIELDS)
    columns = _columns(matter.get("columns"))
    about = tuple(matter.get("about", ()))
    form = str(matter.get("format", CSV))
    if form not in FORMATS:
        raise ValueError(f"`format` is {form!r}; use one of {', '.join(FORMATS)}")
    if about and form != COLUMNAR_JSON:
        raise ValueError(f"`about` is for columnar_json; a file of {form} has all its columns")
    optional = tuple(matter.get("optional", ()))
    if optional and form != JSON_LINES:
        raise ValueError(f"`optional` is for json_lines; a file of {form} has all its columns")
    for key, some in (("about", about), ("optional", optional)):
        strange = [name for name in some if name not in columns]
        if strange:
            raise ValueError(f"`{key}` names {', '.join(strange)}, which `columns` does not")
    described = sorted(csv_format.KEYS & set(matter))
    if described and form != CSV:
        raise ValueError(f"{', '.join(f'`{name}`' for name in described)} is for CSV files, not for {form}")
    select = sql.strip().rstrip(";")
    if not re.match(r"SELECT\s", select):
        raise ValueError("its SQL must be one plain SELECT … FROM raw, beginning with that word")
    _verify_single(select)
    inputs, units = tuple(matter.get("inputs", ())), dict(matter.get("units", {}))
    return TransformSpec(columns, about, form, select, path, inputs, units, csv_format.parse(matter), optional)


def _verify_single(select: str) -> None:
    try:
        tokens = sqlglot.tokenize(select, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return  # DuckDB's own message is better
    if any(token.token_type == sqlglot.TokenType.SEMICOLON for token in tokens):
        raise ValueError("it must be one SELECT, and has a semicolon with something after it")


def _columns(declared: Any) -> dict[str, Type]:
    """From ``name: TYPE`` lines, or a list of names that are all text."""
    if isinstance(declared, list):
        twice = [name for name in declared if declared.count(name) > 1]
        if twice:
            raise ValueError(f"`columns` has {twice[0]} twice")
        declared = dict.fromkeys(declared, "VARCHAR")
    if not isinstance(declared, dict) or not declared:
        raise ValueError("`columns` must name the raw columns in their order, e.g. `flight_id: BIGINT`")
    lower = [name.lower() for name in declared]
    if len(set(lower)) < len(lower):
        raise ValueError("`columns` has names that differ in case only, which DuckDB does not tell apart")
    return {name: parse_type(kind, name) for name, kind in declared.items()}
