"""Airflow's view of a test's warehouse and lake: connections and settings by environment, as in production."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk import DAG

from redshift_etl.contracts import contract as contracts
from redshift_etl.lake.storage import Lake
from redshift_etl.settings import S3Location
from tests.airflow_names import name_warehouse
from tests.integration.batches import LoadTarget

DAG_BY_HAND = DAG("by_hand", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=UTC))
"""The DAG of a task's context whose run was started with dates."""


def connect_airflow(target: LoadTarget, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Name the warehouse and a lake of the test's own to Airflow; returns the lake."""
    prefix = f"lake-{uuid4().hex[:8]}"
    lake = f"s3://{target.server.bucket}/{prefix}"
    name_warehouse(monkeypatch, target.server, target.database, lake, landing=f"{lake}/landing")
    return Lake(target.s3, S3Location(target.server.bucket, prefix))


def repository(folder: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str]) -> None:
    """An ``include/sql`` of the test's own: the bookkeeping's contracts, and the files given by their path."""
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "etl").symlink_to(Path(__file__).resolve().parents[2] / "include" / "sql" / "tables" / "etl")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(folder))
    contracts.load.cache_clear()


def instance(dag: str = "things", task: str = "load", run: str = "scheduled__2013-01-01", **more: Any) -> Any:
    """A task instance as a task sees its own, with what the supervisor would answer."""
    answers = {
        "get_task_breadcrumbs": lambda *_: [
            {"task_id": "extract", "map_index": -1, "state": "success", "operator": "X", "duration": 1.25}
        ],
        "xcom_pull": lambda **_: {"extracted": 7, "rows": 6, "rejected": 1},
    }
    plain = {"dag_id": dag, "task_id": task, "run_id": run, "map_index": -1, "try_number": 4, "start_date": None}
    return SimpleNamespace(**{**plain, "log_url": "http://airflow/log", **answers, **more})
