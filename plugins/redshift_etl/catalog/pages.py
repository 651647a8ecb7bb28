"""The content of the pages as JSON-ready values, assembled from the files and the warehouse's state. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from redshift_etl.catalog.model import CheckResult, Freshness, History, Load, Snapshot, freshness
from redshift_etl.catalog.repository import Repository
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.ddl import Column
from redshift_etl.incidents.model import Incident
from redshift_etl.lineage.columns import ColumnLineage, Origin
from redshift_etl.lineage.graph import Fill

Json = dict[str, Any]

BOOKKEEPING = "etl"
OUTCOMES = ("failed", "warned", "passed")


def overview(
    repository: Repository, snapshot: Snapshot | None, now: datetime, incidents: Iterable[Incident] = ()
) -> Json:
    """The first page: every table with its freshness, rows, last load and last loads, and the incidents.

    ``incidents`` are those of the lake; one that is also in the snapshot is shown once.
    """
    newest = sorted(_each_once(snapshot, incidents), key=lambda it: it.opened_at, reverse=True)
    return {
        "tables": [table_row(repository, snapshot, table, now, newest) for table in repository.tables],
        "incidents": [incident(repository, it) for it in newest],
        "missing": dict(snapshot.missing) if snapshot else {},
    }


def _each_once(snapshot: Snapshot | None, in_lake: Iterable[Incident]) -> Iterable[Incident]:
    return {it.incident_id: it for it in [*in_lake, *(snapshot.incidents if snapshot else ())]}.values()


def open_incidents(snapshot: Snapshot | None, table: str, in_lake: Iterable[Incident] = ()) -> list[Incident]:
    """The incidents of a table that are not resolved, also where the warehouse was never read."""
    return [it for it in _each_once(snapshot, in_lake) if table in it.tables and it.resolved_at is None]


def table_row(
    repository: Repository, snapshot: Snapshot | None, table: str, now: datetime, in_lake: Iterable[Incident] = ()
) -> Json:
    """One row of the first page."""
    contract, last = repository.contracts.get(table), snapshot.last(table) if snapshot else None
    loads = snapshot.loads.get(table, ()) if snapshot else ()
    reach = snapshot.reaches.get(table) if snapshot else None
    return {
        "name": table,
        "kind": kind_of(repository, table),
        "owner": contract.owner if contract else "",
        "load": contract.load if contract else "",
        "description": contract.description if contract else "",
        "problem": repository.problems.get(table),
        "state": state_of(contract, snapshot, now),
        "fresh_within_s": _seconds(contract.fresh_within) if contract else None,
        "rows": snapshot.row_count(table) if snapshot else None,
        "size_mb": snapshot.size_mb.get(table) if snapshot else None,
        "last": load(last) if last else None,
        "spark": [it.changed for it in reversed(loads)],
        "checks": _outcomes(snapshot.checks.get(table, ())) if snapshot else {},
        "incidents": len(open_incidents(snapshot, table, in_lake)),
        "data_until": _iso(reach.data_until) if reach else None,
        "stale_days": snapshot.stale_days.get(table, 0) if snapshot else 0,
        "missing_days": snapshot.missing_days(table) if snapshot else 0,
    }


def kind_of(repository: Repository, name: str) -> str:
    """source, table, mart or bookkeeping."""
    if name not in repository.contracts:
        return "table" if name in repository.problems else "source"
    if name.startswith(f"{BOOKKEEPING}."):
        return "bookkeeping"
    fill = repository.fills.get(name)
    return "mart" if fill and fill.is_mart else "table"


def state_of(contract: Contract | None, snapshot: Snapshot | None, now: datetime) -> Freshness:
    """The freshness of a table; unknown without a snapshot or a contract."""
    if snapshot is None or contract is None:
        return Freshness.UNKNOWN
    return freshness(contract.table, contract.fresh_within, snapshot, now)


def table_page(
    repository: Repository, snapshot: Snapshot | None, table: str, now: datetime, in_lake: Iterable[Incident] = ()
) -> Json:
    """A table's page: its row of the first page, contract, columns, lineage, SQL. The history is a separate request."""
    contract, graph = repository.contracts.get(table), repository.graph
    page = table_row(repository, snapshot, table, now, in_lake) | {
        "inputs": list(graph.inputs(table)),
        "outputs": list(graph.outputs(table)),
        "upstream": list(graph.upstream(table)),
        "downstream": list(graph.downstream(table)),
        "open_incidents": [incident(repository, it) for it in open_incidents(snapshot, table, in_lake)],
    }
    if contract is None:
        return page
    lineage, problem = _column_lineage(repository, table)
    fill = repository.fills.get(table)
    return page | {
        "contract": _contract(contract),
        "columns": [_column(contract, column, lineage) for column in contract.columns],
        "rows_by": [_origin(it) for it in lineage.rows] if lineage else [],
        "lineage_problem": problem,
        "sql": _sql(contract, fill),
    }


def _column_lineage(repository: Repository, table: str) -> tuple[ColumnLineage | None, str | None]:
    try:
        return repository.columns(table), None
    except ValueError as error:
        return None, str(error)


def _contract(contract: Contract) -> Json:
    retention = contract.retention
    return {
        "key": list(contract.key),
        "version": contract.version,
        "deleted": contract.deleted,
        "day": contract.day,
        "retention": f"{days(retention.age)} on {retention.column}" if retention else "never deleted",
        "max_rejects": contract.max_rejects,
        "may_shrink_to": contract.may_shrink_to if contract.load != "incremental" else None,
        "file": _below_include(str(contract.path)),
    }


def _column(contract: Contract, column: Column, lineage: ColumnLineage | None) -> Json:
    reference = column.references
    return {
        "name": column.name,
        "type": str(column.type),
        "nullable": column.nullable,
        "key": column.name in contract.key,
        "references": {"table": reference.table, "column": reference.column} if reference else None,
        "accepted": list(contract.accepted.get(column.name, ())),
        "comment": column.comment,
        "from": [_origin(it) for it in lineage.columns.get(column.name, ())] if lineage else [],
    }


def _origin(origin: Origin) -> Json:
    return {"table": origin.table, "column": origin.column, "kind": origin.kind.value}


def _sql(contract: Contract, fill: Fill | None) -> list[Json]:
    sources = [("The table", str(contract.path), ";\n\n".join(contract.statements) + ";")]
    if fill:
        sources.insert(0, ("Built by" if fill.is_mart else "Transformed by", str(fill.path), fill.select))
    if fill and fill.extract:
        sources.insert(0, ("Extracted by", str(fill.extract_path), fill.extract.strip()))
    return [{"title": title, "file": _below_include(path), "text": text} for title, path, text in sources]


def _below_include(path: str) -> str:
    _, separator, below = path.rpartition("/include/")
    return f"include/{below}" if separator else path


def column_links(repository: Repository, table: str) -> Json:
    """One step of column lineage in both directions: the origins of each column, and the columns that it goes into."""
    contract = repository.contracts.get(table)
    lineage, problem = _column_lineage(repository, table)
    into: dict[str, list[Json]] = {}
    for name in repository.graph.outputs(table):
        below, _ = _column_lineage(repository, name)
        for column, origins in below.columns.items() if below else ():
            for origin in origins:
                if origin.table == table:
                    into.setdefault(origin.column, []).append(
                        {"table": name, "column": column, "kind": origin.kind.value}
                    )
    names = contract.column_names if contract else tuple(sorted(into))
    origins_of = lineage.columns if lineage else {}
    columns = [
        {"name": name, "from": [_origin(it) for it in origins_of.get(name, ())], "into": into.get(name, [])}
        for name in names
    ]
    return {"name": table, "columns": columns, "problem": problem}


def lineage_graph(repository: Repository, snapshot: Snapshot | None, now: datetime) -> Json:
    """Every table and source of the lineage, and the edges as pairs of indexes into the list of nodes."""
    names = sorted(name for name in repository.graph.names if kind_of(repository, name) != "bookkeeping")
    index = {name: at for at, name in enumerate(names)}
    contracts = repository.contracts
    nodes = [
        {
            "name": name,
            "kind": kind_of(repository, name),
            "state": state_of(contracts.get(name), snapshot, now),
            "incidents": len(open_incidents(snapshot, name)),
        }
        for name in names
    ]
    edges = sorted((index[edge.upstream], index[edge.downstream]) for edge in repository.graph.edges)
    return {"nodes": nodes, "edges": edges}


def history_page(history: History) -> Json:
    """A table's history."""
    return {
        "name": history.table,
        "loads": [load(it) for it in history.loads],
        "checks": [_check(it) for it in history.checks],
        "failures": [vars(it) | {"failed_at": it.failed_at.isoformat()} for it in history.failures],
        "stale_days": [day.isoformat() for day in history.stale_days],
        "missing": dict(history.missing),
    }


def load(it: Load) -> Json:
    """One load."""
    return vars(it) | {
        "at": it.at.isoformat(),
        "window_start": _iso(it.window_start),
        "window_end": _iso(it.window_end),
        "changed": it.changed,
    }


def incident(repository: Repository, it: Incident) -> Json:
    """One incident; ``tables`` are those that have a page."""
    plain = ("dag_id", "task_id", "run_id", "error_class", "who_acts", "summary", "occurrences", "source")
    return {name: getattr(it, name) for name in plain} | {
        "id": it.incident_id,
        "tables": [table for table in it.tables if table in repository.tables],
        "opened_at": it.opened_at.isoformat(),
        "resolved_at": _iso(it.resolved_at),
    }


def _check(it: CheckResult) -> Json:
    return vars(it) | {"checked_at": it.checked_at.isoformat()}


def _outcomes(checks: Iterable[CheckResult]) -> dict[str, int]:
    counts = dict.fromkeys(OUTCOMES, 0)
    for check in checks:
        counts[check.outcome] = counts.get(check.outcome, 0) + 1
    return counts


def _iso(moment: datetime | date | None) -> str | None:
    return moment.isoformat() if moment else None


def _seconds(age: timedelta | None) -> float | None:
    return age.total_seconds() if age else None


def days(age: timedelta) -> str:
    """An age in the units of a contract: years, days or hours."""
    if age.days >= 365 and age.days % 365 == 0:
        return f"{age.days // 365} years"
    return f"{age.days} days" if age.days else f"{round(age.total_seconds() / 3600)} hours"
