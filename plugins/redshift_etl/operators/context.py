"""What operators take from Airflow's task context."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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


def slug(run_id: str) -> str:
    """A run's id as a part of an S3 key."""
    return re.sub("[^A-Za-z0-9]+", "-", run_id).strip("-")
