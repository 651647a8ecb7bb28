"""The DAGs as Airflow parses them: the exact set first, then the policy on each."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from redshift_etl.contracts import contract

REPOSITORY = Path(__file__).resolve().parents[2]
PIPELINES = {"reference_tables", "flights", "weather", "daily_performance"}
DAG_IDS = PIPELINES | {"freshness", "reconcile", "retention", "backfill_table"}
TAGS = {"core", "mart", "maintenance", "monitoring", "full-refresh", "incremental", "postgres", "http", "s3"}


@pytest.fixture(scope="session")
def dags(dag_bag: Any) -> dict[str, Any]:
    return dict(dag_bag.dags)


def test_every_file_parses(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}


def test_the_set_of_dags_is_exactly_this(dags: dict[str, Any]) -> None:
    assert set(dags) == DAG_IDS


@pytest.fixture(params=sorted(DAG_IDS))
def dag(request: pytest.FixtureRequest, dags: dict[str, Any]) -> Any:
    return dags[request.param]


def test_it_has_an_owner_and_known_tags(dag: Any) -> None:
    assert dag.owner not in ("", "airflow")
    assert dag.tags
    assert set(dag.tags) <= TAGS


def test_its_documentation_says_what_it_reads_writes_and_how_to_run_it_again(dag: Any) -> None:
    for phrase in ("**Reads**", "**Writes**", "**Re-run**", "**Do not use it**"):
        assert phrase in dag.doc_md, f"{dag.dag_id} lacks {phrase}"


def test_its_documentation_has_what_the_contracts_of_its_tables_promise(dag: Any) -> None:
    for table in {asset.name for task in dag.tasks for asset in task.outlets}:
        promised = contract.load(table)
        line = next(line for line in dag.doc_md.splitlines() if line.startswith(f"| `{table}`"))
        assert promised.description in line
        assert promised.owner in line


def test_it_ends_in_bounded_time_and_its_tasks_retry_with_growing_pauses(dag: Any) -> None:
    assert dag.dagrun_timeout
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


def test_each_table_it_writes_is_an_asset_with_a_contract(dag: Any) -> None:
    outlets = [asset.name for task in dag.tasks for asset in task.outlets]
    if not dag.tags & {"maintenance", "monitoring"}:
        assert outlets
    for table in outlets:
        assert contract.load(table).description


def test_what_it_reads_is_declared(dag: Any) -> None:
    if not dag.tags & {"maintenance", "monitoring"}:
        assert any(task.inlets for task in dag.tasks)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "dags").glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_is_short_and_knows_no_laptop(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 110
    assert not any(word in text for word in ("localhost", "127.0.0.1", "moto", "os.environ"))
    modules = {
        node.module.split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert modules <= {"__future__", "airflow", "redshift_etl", "datetime", "collections"}
