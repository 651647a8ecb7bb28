"""What the operators report to OpenLineage after they have succeeded: datasets, columns and where these come from.

A batch goes source → lake/raw → lake/staged → table, and each task names the step that it did; in the lake a dataset
is a table's zone, not one run's files, so that the steps join up. Airflow sends the events where its ``[openlineage]``
section is configured; an error here is logged by the provider and never fails a task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset
from openlineage.client.generated.column_lineage_dataset import (
    ColumnLineageDatasetFacet,
    Fields,
    InputField,
    Transformation,
)
from openlineage.client.generated.documentation_dataset import DocumentationDatasetFacet
from openlineage.client.generated.ownership_dataset import Owner, OwnershipDatasetFacet
from openlineage.client.generated.schema_dataset import SchemaDatasetFacet, SchemaDatasetFacetFields

from redshift_etl import settings
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.contracts.mart import load_mart
from redshift_etl.lake.batch import RAW, STAGED
from redshift_etl.lineage import graph
from redshift_etl.lineage.columns import ColumnLineage, Kind, Origin, tables_read
from redshift_etl.lineage.graph import Fill

if TYPE_CHECKING:
    Named = Mapping[str, Dataset]

Lineage = OperatorLineage[Any, Any]

DIRECT, INDIRECT = "DIRECT", "INDIRECT"
_DIRECTLY = (Kind.IDENTITY, Kind.TRANSFORMATION, Kind.AGGREGATION)


def extracted(table: str, sources: Iterable[Dataset]) -> Lineage:
    """Source to the raw zone. ``sources`` are called as the transform's ``inputs``, in that order."""
    fill = _fill(table)
    named = dict(zip(fill.declared, sources, strict=True))
    columns = graph.extracted(fill)
    facets = {"columnLineage": _lineage(columns, named)} | _schema(
        {name: (kind, "") for name, kind in fill.raw.items()}
    )
    return OperatorLineage(inputs=list(named.values()), outputs=[_zone(RAW, table, facets)])


def transformed(table: str) -> Lineage:
    """The raw zone to the staged zone."""
    contract, raw = contracts.load(table), _zone(RAW, table)
    columns = graph.transformed(_fill(table))
    facets = {"columnLineage": _lineage(columns, {graph.RAW: raw})} | _about(contract)
    return OperatorLineage(inputs=[raw], outputs=[_zone(STAGED, table, facets)])


def loaded(table: str, conn_id: str) -> Lineage:
    """The staged zone to the table: each column as it is."""
    contract, staged = contracts.load(table), _zone(STAGED, table)
    same = {name: (Origin(STAGED, name, Kind.IDENTITY),) for name in contract.staged.column_names}
    facets = {"columnLineage": _lineage(ColumnLineage(same, ()), {STAGED: staged})} | _about(contract)
    return OperatorLineage(inputs=[staged], outputs=[_table(table, conn_id, facets)])


def compared(table: str, keys: str, source_conn_id: str, conn_id: str) -> Lineage:
    """The tables whose keys a SELECT reads on a PostgreSQL connection, to the table whose rows are marked."""
    info = _postgres_info(source_conn_id)
    names = (f"public.{name}" if "." not in name else name for name in sorted(tables_read(keys, graph.POSTGRES)))
    inputs = [Dataset(f"{info.scheme}://{info.authority}", f"{info.database}.{name}") for name in names]
    return OperatorLineage(inputs=inputs, outputs=[_table(table, conn_id, _about(contracts.load(table)))])


def built(table: str, conn_id: str) -> Lineage:
    """Tables to a mart."""
    mart = load_mart(table)
    inputs = {name: contracts.load(name) for name in mart.inputs}
    named = {name: _table(name, conn_id, _about(contract)) for name, contract in inputs.items()}
    known = {name: {column.name: str(column.type) for column in it.columns} for name, it in inputs.items()}
    columns = graph.columns_of(_fill(table), known)
    facets = {"columnLineage": _lineage(columns, named)} | _about(mart.contract)
    return OperatorLineage(inputs=list(named.values()), outputs=[_table(table, conn_id, facets)])


def postgres(table: str, conn_id: str) -> list[Dataset]:
    """The sources of a table as datasets of a PostgreSQL connection."""
    info = _postgres_info(conn_id)
    return [Dataset(f"{info.scheme}://{info.authority}", name) for name in _fill(table).declared]


def _postgres_info(conn_id: str) -> Any:
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    hook = PostgresHook(postgres_conn_id=conn_id)
    return hook.get_openlineage_database_info(hook.get_connection(conn_id))


def http(conn_id: str, endpoint: str) -> list[Dataset]:
    """An endpoint of an HTTP connection as a dataset."""
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection(conn_id)
    scheme = connection.schema or "http"
    port = f":{connection.port}" if connection.port else ""
    host = (connection.host or "").rstrip("/").rpartition("/")[2].rpartition("@")[2]  # without the login of a URL
    return [Dataset(f"{scheme}://{host}{port}", endpoint.lstrip("/").partition("?")[0])]


def landing(files: Iterable[str]) -> list[Dataset]:
    """Files of the landing zone as datasets."""
    place = settings.landing()
    return [Dataset(f"s3://{place.bucket}", place.key(name)) for name in files]


def _fill(table: str) -> Fill:
    fill = graph.fill_of(contracts.load(table))
    if fill is None:
        raise ValueError(f"nothing in include/sql fills {table}")
    return fill


def _zone(zone: str, table: str, facets: Mapping[str, Any] | None = None) -> Dataset:
    place = settings.lake()
    return Dataset(f"s3://{place.bucket}", place.key(zone, table), facets=dict(facets or {}))


def _table(table: str, conn_id: str, facets: Mapping[str, Any]) -> Dataset:
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    hook = RedshiftSQLHook(redshift_conn_id=conn_id)
    info = hook.get_openlineage_database_info(hook.get_connection(conn_id))
    return Dataset(f"{info.scheme}://{info.authority}", f"{info.database}.{table}", facets=dict(facets))


def _about(contract: Contract) -> dict[str, Any]:
    columns = {column.name: (str(column.type), column.comment) for column in contract.columns}
    return _schema(columns) | {
        "documentation": DocumentationDatasetFacet(description=contract.description),
        "ownership": OwnershipDatasetFacet(owners=[Owner(name=contract.owner, type="team")]),
    }


def _schema(columns: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    fields = [SchemaDatasetFacetFields(name, kind, text or None) for name, (kind, text) in columns.items()]
    return {"schema": SchemaDatasetFacet(fields=fields)}


def _lineage(columns: ColumnLineage, named: Named) -> ColumnLineageDatasetFacet:
    fields = {
        name: Fields(inputFields=[_input(origin, named) for origin in origins if origin.table in named])
        for name, origins in columns.columns.items()
    }
    rows = [_input(origin, named) for origin in columns.rows if origin.table in named]
    return ColumnLineageDatasetFacet(
        fields={name: found for name, found in fields.items() if found.inputFields}, dataset=rows
    )


def _input(origin: Origin, named: Named) -> InputField:
    dataset = named[origin.table]
    way = DIRECT if origin.kind in _DIRECTLY else INDIRECT
    return InputField(dataset.namespace, dataset.name, origin.column, [Transformation(way, subtype=origin.kind.value)])
