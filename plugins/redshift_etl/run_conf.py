"""The conf that a run is started with: a key that its DAG does not know is refused, not ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redshift_etl.errors import ConfigError

START, END = "start", "end"
SHADOW = "shadow"
"""The key by which ``backfill_table`` makes the DAG of a table load into a shadow of it; not in the trigger form."""


def check_conf(context: Mapping[str, Any]) -> None:
    """Raise ConfigError for a key of the run's conf that is no parameter of the DAG. ``pre_execute`` of every task."""
    conf = context["dag_run"].conf
    if not conf:
        return
    dag = context["dag"]
    known = set(dag.params) | {name for task in dag.tasks for name in task.params}
    unknown = sorted(set(conf) - known - ({SHADOW} if START in known else set()))
    if unknown:
        raise ConfigError(
            f"The run's conf has keys that the DAG does not know: {', '.join(unknown)}.",
            fix=f"use {', '.join(sorted(known))}" if known else "start it without a conf: the DAG has no parameters",
            dag=dag.dag_id,
        )
