"""What a user may see on the page: the tables and incidents of the DAGs that Airflow lets him read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from redshift_etl.catalog.model import Snapshot
from redshift_etl.catalog.repository import Repository
from redshift_etl.incidents.model import Incident
from redshift_etl.lineage.graph import Graph


@dataclass(frozen=True)
class Writers:
    """The DAGs that Airflow has, and those that write each table, which has the name of its Asset."""

    dags: frozenset[str]
    of_tables: Mapping[str, frozenset[str]]


def writers() -> Writers:
    """The DAGs by table, of Airflow's database, which the API server has."""
    from airflow.models.asset import AssetModel, TaskOutletAssetReference
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    found: dict[str, set[str]] = defaultdict(set)
    with create_session() as session:
        query = select(AssetModel.name, TaskOutletAssetReference.dag_id).join(
            TaskOutletAssetReference, TaskOutletAssetReference.asset_id == AssetModel.id
        )
        for name, dag_id in session.execute(query.where(AssetModel.group == "warehouse")):
            found[name].add(dag_id)
        dags = frozenset(session.scalars(select(DagModel.dag_id)))
    return Writers(dags, {name: frozenset(of_table) for name, of_table in found.items()})


def readable_dags(user: Any) -> frozenset[str]:
    """The DAGs that a user may read, as Airflow's auth manager says."""
    from airflow.api_fastapi.app import get_auth_manager

    return frozenset(get_auth_manager().get_authorized_dag_ids(user=user, method="GET"))


@dataclass(frozen=True)
class Rights:
    """The DAGs that a user may read, and who writes which table.

    Everybody sees a table that no DAG writes. An incident of a DAG that is gone is shown with its table.
    """

    dags: frozenset[str]
    writers: Writers

    def table(self, name: str) -> bool:
        """Whether the user may see it."""
        written_by = self.writers.of_tables.get(name)
        return not written_by or not written_by.isdisjoint(self.dags)

    def incidents(self, them: Iterable[Incident]) -> tuple[Incident, ...]:
        """Those that the user may see: of a DAG that he may read and, where they are of tables, of one that he sees."""
        return tuple(filter(self._incident, them))

    def _incident(self, it: Incident) -> bool:
        of_dag = it.dag_id in self.dags or it.dag_id not in self.writers.dags
        return of_dag and (not it.tables or any(map(self.table, it.tables)))

    def files(self, repository: Repository) -> Repository:
        """The files without the tables that the user may not see, and without what feeds only those."""
        tables = set(repository.tables)
        hidden = frozenset(name for name in tables if not self.table(name))
        edges = frozenset(it for it in repository.graph.edges if not hidden & {it.upstream, it.downstream})
        names = frozenset({*(tables - hidden), *(it.upstream for it in edges)})
        return replace(repository, graph=Graph(names, edges), hidden=hidden)

    def snapshot(self, snapshot: Snapshot | None) -> Snapshot | None:
        """The warehouse with the incidents that the user may see."""
        return replace(snapshot, incidents=self.incidents(snapshot.incidents)) if snapshot else None
