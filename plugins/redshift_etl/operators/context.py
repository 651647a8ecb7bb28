"""What operators take from Airflow's task context."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redshift_etl import settings

if TYPE_CHECKING:
    from redshift_etl.warehouse.model import Run


def run_of(context: Mapping[str, Any]) -> Run:
    """The task instance, for the history."""
    from redshift_etl.warehouse.model import Run

    instance = context["ti"]
    return Run(instance.dag_id, instance.run_id, instance.task_id, instance.try_number)


def run_key(context: Mapping[str, Any]) -> str:
    """Names one try of one task in the lake's keys."""
    from redshift_etl.lake.batch import run_slug

    instance = context["ti"]
    return run_slug(instance.dag_id, instance.run_id, instance.try_number, instance.map_index)


def run_end(context: Mapping[str, Any]) -> datetime:
    """When the run's time is up: the DAG's ``dagrun_timeout``, else that of this repository's DAGs, after its start."""
    started = getattr(context["dag_run"], "start_date", None) or datetime.now(UTC)
    limit = getattr(context.get("dag"), "dagrun_timeout", None) or settings.RUN_TIMEOUT
    end: datetime = started + limit
    return end


def announce(context: Mapping[str, Any], table: str) -> None:
    """Emit the event of a table's Asset from a task whose outlet is ``dag.changed_tables``."""
    from redshift_etl import dag

    context["outlet_events"][dag.changed_tables()].add(dag.table_asset(table))


def slug(run_id: str) -> str:
    """A run's id as a part of an S3 key."""
    return re.sub("[^A-Za-z0-9]+", "-", run_id).strip("-")
