"""The conf that a run is started with, by whom, and which conf is refused: nothing in it is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redshift_etl.errors import FormError

START, END = "start", "end"
SHADOW = "shadow"
"""The key by which ``backfill_table`` makes the DAG of a table load into a shadow of it."""
BACKFILL_ID = r"^[0-9a-f]{12}$"

_OPENLINEAGE = "openlineage"
"""TriggerDagRunOperator adds it to the conf of each run that it starts, where OpenLineage's provider is installed."""
BACKFILL = "backfill"
_BY_HAND = ("manual", BACKFILL)


def started_by_hand(context: Mapping[str, Any]) -> bool:
    """Whether a person started the run: by the form, the REST API, ``dags trigger`` or ``dags backfill``.

    The default of a parameter is the value of a scheduled run too, so the value alone does not tell.
    """
    return getattr(context.get("dag_run"), "run_type", None) in _BY_HAND


def check_conf(context: Mapping[str, Any]) -> None:
    """Raise FormError for a conf that the run cannot have. ``pre_execute`` of every task.

    That is a key that is no parameter of the DAG, and dates for the runs of a backfill, which have a date each.
    """
    conf = context["dag_run"].conf
    if not conf:
        return
    dag = context["dag"]
    known = set(dag.params) | {name for task in dag.tasks for name in task.params}
    unknown = sorted(set(conf) - known - {_OPENLINEAGE})
    if unknown:
        raise FormError(
            f"The run's conf has keys that the DAG does not know: {', '.join(unknown)}.",
            fix=f"use {', '.join(sorted(known))}" if known else "start it without a conf: the DAG has no parameters",
            dag=dag.dag_id,
        )
    if context["dag_run"].run_type == BACKFILL and START in known and (conf.get(START) or conf.get(END)):
        raise FormError(
            "The run is one of a backfill, which has a date for each run, and its conf has dates of its own: each run "
            "would take the same days.",
            fix="name the days by `-s` and `-e` (or in the backfill's form); leave `start` and `end` out of its conf",
            start=conf.get(START),
            end=conf.get(END),
        )
