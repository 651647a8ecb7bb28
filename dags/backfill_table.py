"""
### Backfill a table: a form, a history, and an undo

**Reads** the form; the table's own DAG reads its source, a run for each part of the days.
**Writes** a row in `etl.backfill_history` (who, why, how it ended), and by the action:

- `backfill` loads the days into the table, where the newest version of a row wins;
- `stage` loads them into a shadow of the table and compares the two: rows, changed keys and columns, sums. Nothing is
  visible yet. Use it when rows were computed wrongly, for their versions are no newer;
- `swap` puts a compared shadow's rows in the table's place, in one transaction, keeping the old rows;
- `undo` puts the old rows back, and loads again the days of loads that ran since and were read before the shadow;
  `drop` drops the shadow and the stored rows.

A swap and an undo emit the event of the table's Asset, so that the marts are built again.

**Dry run** is on: it checks the form and logs what would be done.

**Re-run** a failed one by clearing it; it starts the same runs again. One runs at a time.

**Do not use it** for a plain re-run of some days: `airflow dags backfill` needs no form.
"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param

from redshift_etl import dag, settings
from redshift_etl.backfill import request
from redshift_etl.operators.backfill import (
    CloseBackfillOperator,
    FinishBackfillOperator,
    PlanBackfillOperator,
    PlanLoadsAfterUndoOperator,
)
from redshift_etl.run_conf import BACKFILL_ID

with DAG(
    "backfill_table",
    description="Loads some days of a table again, checked and recorded; or replaces them through a shadow table",
    schedule=None,
    start_date=settings.FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=settings.RUN_TIMEOUT,
    default_args=dag.default_args("data-engineering"),
    params={
        "table": dag.table_choice("reconcile", "Table"),
        **dag.days_form("Load the rows changed"),
        "reason": Param(
            type="string",
            minLength=request.MIN_REASON,
            maxLength=request.MAX_REASON,
            title="Reason",
            description="Recorded in the backfill history",
        ),
        "action": Param(request.BACKFILL, type="string", enum=list(request.ACTIONS), title="Action"),
        "backfill_id": dag.optional_text("Backfill", "To swap, undo or drop", max_length=12, pattern=BACKFILL_ID),
        "days_a_run": Param(31, type="integer", minimum=1, maximum=366, title="Days a run"),
        "dry_run": Param(True, type="boolean", title="Dry run", description="Check and log only"),
    },
    tags=["maintenance"],
    doc_md=__doc__,
):
    plan = PlanBackfillOperator(task_id="plan")
    load = TriggerDagRunOperator.partial(
        task_id="load",
        wait_for_completion=True,
        poke_interval=10,
        reset_dag_run=True,
        max_active_tis_per_dagrun=1,
        execution_timeout=settings.RUN_TIMEOUT,
        on_failure_callback=None,  # the run that failed has opened its own incident
    ).expand_kwargs(plan.output)
    finish = FinishBackfillOperator(task_id="finish", trigger_rule="none_failed", outlets=[dag.changed_tables()])
    load_again = TriggerDagRunOperator.partial(
        task_id="load_again",
        wait_for_completion=True,
        poke_interval=10,
        fail_when_dag_is_paused=True,  # an undo does not need the table's DAG, its loads do
        max_active_tis_per_dagrun=1,
        execution_timeout=settings.RUN_TIMEOUT,
    ).expand_kwargs(PlanLoadsAfterUndoOperator(task_id="plan_loads_after_undo", finished=finish.output).output)
    close = CloseBackfillOperator(task_id="close").as_teardown()  # which does not change the state of the run
    load >> finish >> load_again >> close
