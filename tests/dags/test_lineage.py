"""The Assets that the DAGs declare, held against the SQL that their tasks run."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset

from redshift_etl.contracts import contract as contracts
from redshift_etl.lineage import graph


def test_the_assets_of_the_dags_are_the_lineage_of_the_sql(dag_bag: Any) -> None:
    fills = [fill for table in contracts.all_tables() if (fill := graph.fill_of(contracts.load(table)))]
    declared: dict[str, set[str]] = {}
    for dag in dag_bag.dags.values():
        for task in dag.tasks:
            for outlet in (it for it in task.outlets if isinstance(it, Asset)):
                before = {
                    asset.name
                    for name in task.get_flat_relative_ids(upstream=True)
                    for asset in dag.get_task(name).inlets
                }
                own = {asset.name for asset in task.inlets}
                declared.setdefault(outlet.name, set()).update(before | own)
    assert declared == {fill.table: set(fill.reads()) for fill in fills}


def test_an_asset_of_a_table_says_what_its_contract_says(dag_bag: Any) -> None:
    outlets = (it for dag in dag_bag.dags.values() for task in dag.tasks for it in task.outlets)
    assets = {it.name: it for it in outlets if isinstance(it, Asset)}
    assert assets
    for name, asset in assets.items():
        contract = contracts.load(name)
        said = {"description": contract.description, "owner": contract.owner, "load": contract.load}
        assert said.items() <= dict(asset.extra).items()
