"""The contracts and the SQL that fills each table, read from files. An invalid file is a problem of its table alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from redshift_etl import settings
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.lineage import graph as lineage
from redshift_etl.lineage.columns import ColumnLineage
from redshift_etl.lineage.graph import Edge, Fill, Graph


@dataclass(frozen=True)
class Repository:
    """The files as they are now. ``problems`` has the reason why a table's files could not be read, by table.

    ``hidden`` tables are not listed: whoever looks may not see them.
    """

    contracts: Mapping[str, Contract]
    fills: Mapping[str, Fill]
    graph: Graph
    problems: Mapping[str, str]
    hidden: frozenset[str] = frozenset()

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that has a file, valid or not."""
        return tuple(sorted({*self.contracts, *self.problems} - self.hidden))

    def columns(self, table: str) -> ColumnLineage | None:
        """Where the table's columns come from; None when nothing fills it. Raises ValueError for invalid SQL."""
        fill = self.fills.get(table)
        if fill is None:
            return None
        names = fill.reads() if fill.is_mart else ()
        inputs = {name: self.contracts[name] for name in names if name in self.contracts}
        tables = {name: {column.name: str(column.type) for column in it.columns} for name, it in inputs.items()}
        return lineage.columns_of(fill, tables)


@dataclass(frozen=True)
class _Entry:
    """What was read from one table's files."""

    contract: Contract | None = None
    fill: Fill | None = None
    edges: frozenset[Edge] = frozenset()
    problem: str | None = None


@dataclass
class Reader:
    """Reads a table's files again only when the modification time of one of them has changed."""

    _cache: dict[Path, tuple[tuple[int, ...], _Entry]] = field(default_factory=dict)

    def read(self) -> Repository:
        """The repository as it is now."""
        paths = sorted((settings.sql_dir() / "tables").glob("*/*.sql"))
        entries = {f"{path.parent.name}.{path.stem}": self._entry(path) for path in paths}
        edges = frozenset(edge for entry in entries.values() for edge in entry.edges)
        return Repository(
            contracts={table: entry.contract for table, entry in entries.items() if entry.contract},
            fills={table: entry.fill for table, entry in entries.items() if entry.fill},
            graph=Graph(frozenset(entries) | {edge.upstream for edge in edges}, edges),
            problems={table: entry.problem for table, entry in entries.items() if entry.problem},
        )

    def _entry(self, path: Path) -> _Entry:
        sql = settings.sql_dir()
        files = (path, *(sql / kind / path.name for kind in ("marts", "transform", "extract")))
        times = tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files)
        cached = self._cache.get(path)
        if cached is None or cached[0] != times:
            cached = self._cache[path] = (times, _read(path))
        return cached[1]


def _read(path: Path) -> _Entry:
    try:
        contract = contracts.parse(path.read_text(encoding="utf-8"), path)
    except (ValueError, OSError) as error:
        return _Entry(problem=f"The contract is not valid: {error}")
    if contract.table != f"{path.parent.name}.{path.stem}":
        return _Entry(problem=f"The contract in {path} creates {contract.table}")
    try:
        fill = lineage.fill_of(contract)
        edges = frozenset(Edge(name, fill.table) for name in fill.reads()) if fill else frozenset()
    except (ValueError, OSError) as error:
        return _Entry(contract, problem=f"The SQL that fills the table is not valid: {error}")
    return _Entry(contract, fill, edges)
