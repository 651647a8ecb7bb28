"""The DAGs as Airflow parses them: one a file, named like it; then the policy on each."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Asset

from redshift_etl.contracts import contract
from redshift_etl.dag import changed_tables
from redshift_etl.run_conf import check_conf

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = {"reference_tables", "flights", "weather", "daily_performance"}
OPERATING = {"freshness", "reconcile", "retention", "backfill_table", "hard_deletes"}
DAG_IDS = {path.stem for path in (REPOSITORY / "dags").glob("*.py")}
PIPELINES = DAG_IDS - OPERATING
MODULES = {"__future__", "airflow", "collections", "datetime", "redshift_etl"}
OPERATING_TAGS = {"maintenance", "monitoring"}
TAGS = OPERATING_TAGS | {"core", "mart", "full-refresh", "incremental", "postgres", "http", "s3"}


@pytest.fixture(scope="session")
def dags(dag_bag: Any) -> dict[str, Any]:
    return dict(dag_bag.dags)


def test_every_file_parses(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}


def test_each_file_has_one_dag_of_its_name(dags: dict[str, Any]) -> None:
    assert set(dags) == DAG_IDS
    assert DAG_IDS >= OPERATING | SHIPPED


@pytest.fixture(params=sorted(DAG_IDS))
def dag(request: pytest.FixtureRequest, dags: dict[str, Any]) -> Any:
    return dags[request.param]


@pytest.fixture(params=sorted(PIPELINES))
def pipeline(request: pytest.FixtureRequest, dags: dict[str, Any]) -> Any:
    return dags[request.param]


def test_it_has_an_owner_and_known_tags(dag: Any) -> None:
    assert dag.owner not in ("", "airflow")
    assert dag.tags
    assert set(dag.tags) <= TAGS
    assert bool(OPERATING_TAGS & set(dag.tags)) == (dag.dag_id in OPERATING)


def test_its_documentation_says_what_it_reads_writes_and_how_to_run_it_again(dag: Any) -> None:
    for phrase in ("**Reads**", "**Writes**", "**Re-run**", "**Do not use it**"):
        assert phrase in dag.doc_md, f"{dag.dag_id} lacks {phrase}"


def test_its_documentation_has_what_the_contracts_of_its_tables_promise(pipeline: Any) -> None:
    for table in outlets(pipeline):
        promised = contract.load(table)
        line = next(line for line in pipeline.doc_md.splitlines() if line.startswith(f"| `{table}`"))
        assert promised.description in line
        assert promised.owner in line


def test_it_ends_in_bounded_time_and_its_tasks_retry_with_growing_pauses(dag: Any) -> None:
    assert dag.dagrun_timeout
    assert dag.tasks
    for task in dag.tasks:
        assert task.execution_timeout, task.task_id
        assert task.execution_timeout <= timedelta(hours=6), task.task_id
        assert task.retries >= 1, task.task_id
        assert task.retry_exponential_backoff, task.task_id


def test_it_does_not_catch_up_by_itself(dag: Any) -> None:
    assert dag.catchup is False


def test_its_schedule_says_its_data_interval_in_full(dag: Any) -> None:
    name = type(dag.timetable).__name__
    assert name in ("CronDataIntervalTimetable", "AssetOrTimeSchedule", "NullTimetable"), (
        "a bare cron string has an interval of zero length"
    )


def test_each_task_refuses_a_conf_with_unknown_keys(dag: Any) -> None:
    for task in dag.tasks:
        hooks = (getattr(task, "_pre_execute_hook", None), getattr(task, "partial_kwargs", {}).get("pre_execute"))
        assert check_conf in hooks, task.task_id


def outlets(dag: Any) -> set[str]:
    """The tables that it always writes; one that is found at run time has an alias."""
    return {asset.name for task in dag.tasks for asset in task.outlets if isinstance(asset, Asset)}


def undeclared(dag: Any) -> list[str]:
    """The tasks that begin the DAG without naming what they read, or end it without naming what they write."""
    begin = [f"{task.task_id} reads nothing" for task in dag.roots if not task.inlets]
    return begin + [f"{task.task_id} writes nothing" for task in dag.leaves if not task.outlets]


def test_what_a_pipeline_reads_and_writes_is_declared(pipeline: Any) -> None:
    assert undeclared(pipeline) == []


def test_each_table_it_writes_has_a_contract(pipeline: Any) -> None:
    assert outlets(pipeline)
    for table in outlets(pipeline):
        assert contract.load(table).description


@pytest.mark.parametrize("dag_id", sorted(OPERATING))
def test_a_dag_that_operates_the_others_wakes_those_of_the_table_that_it_changes(
    dag_id: str, dags: dict[str, Any]
) -> None:
    assert outlets(dags[dag_id]) == set()
    found = [outlet for task in dags[dag_id].tasks for outlet in task.outlets]
    assert found == ([changed_tables()] if dag_id in ("backfill_table", "hard_deletes") else [])


def test_a_pipeline_with_an_undeclared_source_and_table_is_reported() -> None:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG

    with DAG("broken", schedule=None) as broken:
        first = EmptyOperator(task_id="declared", inlets=[Asset("a")], outlets=[Asset("b")])
        first >> EmptyOperator(task_id="load")
        EmptyOperator(task_id="extract") >> EmptyOperator(task_id="store", outlets=[Asset("c")])

    assert undeclared(broken) == ["extract reads nothing", "load writes nothing"]


def imports(text: str) -> set[str]:
    """The top-level modules that a file imports, by `import a.b` or `from a.b import c`, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." if node.level else str(node.module).split(".")[0])
    return found


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("import boto3", {"boto3"}),
        ("import datetime, botocore.client as client", {"datetime", "botocore"}),
        ("from boto3 import client", {"boto3"}),
        ("from . import flights", {"."}),
        ("def load():\n    import duckdb", {"duckdb"}),
    ],
)
def test_every_form_of_import_is_seen(text: str, modules: set[str]) -> None:
    assert imports(text) == modules
    assert not modules <= MODULES


@pytest.mark.parametrize("path", sorted((REPOSITORY / "dags").glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_is_short_and_independent_of_the_laptop(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 110
    assert not any(word in text for word in ("localhost", "127.0.0.1", "moto", "os.environ"))
    assert imports(text) <= MODULES
