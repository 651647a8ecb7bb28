"""
### Reconcile: the sources → a report, and the runs that repair the difference

**Reads** each table's source and the warehouse, as specified in `include/sql/reconcile/`: rows by day, the age of a
file, or the windows that were loaded.
**Writes** `reconcile/<day>/<run>.md` in the lake (and the task's log): the days that are missing, short or stale, and
the `airflow dags trigger` commands that repair them. Nothing else, unless **repair** is set in the form: then it
starts those runs itself, at most 20 at a time. A source that cannot be counted fails the task after the report of the
others, which names it; then no run is started.

**Re-run** at any time: trigger it. Without dates a run by hand compares all days that were loaded, and those missing
between them; a scheduled run the weeks before each table's newest load, to yesterday.

**Do not use it** as a check of values: it counts. Checks are in `include/sql/checks/`.
"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param

from redshift_etl import dag, settings
from redshift_etl.operators.reconcile import ReconcileOperator

with DAG(
    "reconcile",
    description="Compares sources and warehouse day by day, and reports the runs that repair the difference",
    schedule=dag.daily(),
    start_date=settings.FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=settings.RUN_TIMEOUT,
    default_args=dag.default_args("data-engineering"),
    params={
        **dag.days_form("Compare the source"),
        "repair": Param(False, type="boolean", title="Repair", description="Start the runs; off: only list them"),
    },
    tags=["monitoring"],
    doc_md=__doc__,
):
    compare = ReconcileOperator(task_id="compare")
    TriggerDagRunOperator.partial(task_id="repair", skip_when_already_exists=False).expand_kwargs(compare.output)
