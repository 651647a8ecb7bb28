"""What feeds what: sources, tables and marts, read from the same files that fill them.

A table's inputs are the ``inputs`` of its transform, a mart's are the tables that its SELECT reads. Columns follow the
SQL: a mart's SELECT to its tables, a transform's SELECT to the raw columns, and an extract's SELECT, if there is one,
from there to the source's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from redshift_etl import settings
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import transform_spec
from redshift_etl.contracts.contract import Contract, front_matter
from redshift_etl.lineage import columns as lineage_columns
from redshift_etl.lineage.columns import ColumnLineage, Kind, Origin

REDSHIFT, DUCKDB, POSTGRES = "redshift", "duckdb", "postgres"
RAW = "raw"


@dataclass(frozen=True, order=True)
class Edge:
    """``downstream`` is filled from ``upstream``."""

    upstream: str
    downstream: str


@dataclass(frozen=True)
class Graph:
    """Every name that feeds or is fed, and the edges between them."""

    names: frozenset[str]
    edges: frozenset[Edge]

    @cached_property
    def _up(self) -> Mapping[str, tuple[str, ...]]:
        return _grouped((edge.downstream, edge.upstream) for edge in self.edges)

    @cached_property
    def _down(self) -> Mapping[str, tuple[str, ...]]:
        return _grouped((edge.upstream, edge.downstream) for edge in self.edges)

    def inputs(self, name: str) -> tuple[str, ...]:
        """What ``name`` is filled from, directly."""
        return self._up.get(name, ())

    def outputs(self, name: str) -> tuple[str, ...]:
        """What is filled from ``name``, directly."""
        return self._down.get(name, ())

    def upstream(self, name: str) -> tuple[str, ...]:
        """Everything that ``name`` depends on, nearest first."""
        return _reach(self._up, name)

    def downstream(self, name: str) -> tuple[str, ...]:
        """Everything that depends on ``name``, nearest first: what is late or stale when it fails."""
        return _reach(self._down, name)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = {}
    for key, value in sorted(pairs):
        grouped.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in grouped.items()}


def _reach(steps: Mapping[str, tuple[str, ...]], start: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    waiting = deque(steps.get(start, ()))
    while waiting:
        name = waiting.popleft()
        if name not in found and name != start:
            found[name] = None
            waiting.extend(steps.get(name, ()))
    return tuple(found)


@dataclass(frozen=True)
class Fill:
    """The SQL that fills a table, and what its file declares as inputs.

    For a transform, ``raw`` are the columns that it reads (name to type), and ``extract`` is the SQL that returns them.
    """

    table: str
    path: Path
    dialect: str
    select: str
    declared: tuple[str, ...]
    raw: Mapping[str, str] = field(default_factory=dict)
    extract: str | None = None
    extract_path: Path | None = None

    @property
    def is_mart(self) -> bool:
        """Filled from tables of the warehouse, by SQL in the warehouse."""
        return self.dialect == REDSHIFT

    def reads(self) -> frozenset[str]:
        """The tables that its SQL reads. Raises ValueError for SQL that cannot be read."""
        if self.is_mart:
            return lineage_columns.tables_read(self.select, REDSHIFT)
        if self.extract:
            named = lineage_columns.tables_read(self.extract, POSTGRES)
            return frozenset(_source_of(name, self.declared) for name in named)
        return frozenset(self.declared)


def _source_of(name: str, declared: Iterable[str]) -> str:
    """The declared input that the extract's SQL calls ``name``: ``flights`` is ``airline.public.flights``."""
    return next((source for source in declared if source == name or source.endswith(f".{name}")), name)


def fill_of(contract: Contract) -> Fill | None:
    """How a table is filled, or None for one that the operators themselves write (``etl``).

    Raises ValueError when the file's front matter is not sound.
    """
    sql = settings.sql_dir()
    mart, transform = sql / "marts" / f"{contract.name}.sql", sql / "transform" / f"{contract.name}.sql"
    if contract.load == "partition" and mart.is_file():
        matter, select = front_matter(mart.read_text(encoding="utf-8"))
        return Fill(contract.table, mart, REDSHIFT, select.rstrip().rstrip(";"), tuple(matter.get("inputs", ())))
    if not transform.is_file():
        return None
    made = transform_spec.parse(transform.read_text(encoding="utf-8"), transform)
    extract = sql / "extract" / f"{contract.name}.sql"
    has_extract = extract.is_file()
    return Fill(
        contract.table,
        transform,
        DUCKDB,
        made.select,
        made.inputs,
        {name: str(kind) for name, kind in made.columns.items()},
        extract.read_text(encoding="utf-8") if has_extract else None,
        extract if has_extract else None,
    )


def build(tables: Iterable[str], fills: Iterable[Fill]) -> Graph:
    """The graph of the given tables; a source is a name that is not one of them. Raises ValueError for unsound SQL."""
    edges = frozenset(Edge(name, fill.table) for fill in fills for name in fill.reads())
    return Graph(frozenset(tables) | {edge.upstream for edge in edges}, edges)


def read() -> Graph:
    """The graph of this repository's files. Raises ConfigError or ValueError for the first file that is not sound."""
    tables = contracts.all_tables()
    fills = [fill for table in tables if (fill := fill_of(contracts.load(table)))]
    return build(tables, fills)


def columns_of(fill: Fill, tables: lineage_columns.Tables) -> ColumnLineage:
    """Where each column of a table comes from: columns of tables for a mart, columns of the sources otherwise.

    ``tables`` are the columns that each table has. Raises ValueError when the SQL does not fit them.
    """
    if fill.is_mart:
        return lineage_columns.trace(fill.select, tables, REDSHIFT)
    before, made = extracted(fill), transformed(fill)

    def through(origins: Iterable[Origin]) -> tuple[Origin, ...]:
        """The origins of raw columns, in the sources."""
        found = {
            Origin(source.table, source.column, lineage_columns.combined(origin.kind, source.kind))
            for origin in origins
            for source in before.columns.get(origin.column, (Origin(RAW, origin.column, Kind.IDENTITY),))
        }
        return tuple(sorted(found))

    return ColumnLineage({name: through(origins) for name, origins in made.columns.items()}, through(made.rows))


def transformed(fill: Fill) -> ColumnLineage:
    """Where each column of a table comes from among the raw columns, whose table is called ``raw``.

    DuckDB does not tell apart names that differ in case only, and sqlglot writes them in lower case.
    """
    traced = lineage_columns.trace(fill.select, {RAW: fill.raw}, DUCKDB)
    spelled = {name.lower(): name for name in fill.raw}

    def named(origins: Iterable[Origin]) -> tuple[Origin, ...]:
        """The origins by the names that the file has."""
        return tuple(replace(it, column=spelled.get(it.column.lower(), it.column)) for it in origins)

    return ColumnLineage({name: named(origins) for name, origins in traced.columns.items()}, named(traced.rows))


def extracted(fill: Fill) -> ColumnLineage:
    """Where each raw column comes from: by the extract's SQL, else the same column of the source, if there is one."""
    if fill.extract is None:
        source = fill.declared[0] if len(fill.declared) == 1 else RAW
        return ColumnLineage({name: (Origin(source, name, Kind.IDENTITY),) for name in fill.raw}, ())
    traced = lineage_columns.trace(fill.extract, {}, POSTGRES)

    def named(origins: Iterable[Origin]) -> tuple[Origin, ...]:
        """The origins by the names that the sources have here."""
        return tuple(Origin(_source_of(it.table, fill.declared), it.column, it.kind) for it in origins)

    return ColumnLineage({name: named(origins) for name, origins in traced.columns.items()}, named(traced.rows))
