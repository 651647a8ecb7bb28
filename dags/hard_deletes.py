"""
### Hard deletes: the keys of the sources → tombstones

**Reads** all keys that the source of each table has, as specified in `include/sql/keys/`, into the lake.
**Writes** the tables of those files: a row that was read before the keys and whose key is not among them gets the time
of their reading as its deletion, one transaction a table. The days of these rows are stale to the marts, and the event
of the table's Asset starts a run of them. A source that
lacks more of the table's rows than its contract's `may_shrink_to` allows is an error, and nothing is marked.

**Re-run** at any time: trigger it, or clear a task. What is marked already stays as it is; a row that is back at its
source is loaded like any other.

**Do not use it** for a source that archives or purges old rows which the warehouse is to keep.
"""

from __future__ import annotations

from airflow.sdk import DAG

from redshift_etl import dag, settings
from redshift_etl.operators.hard_deletes import ListKeyFilesOperator, MarkHardDeletesOperator

with DAG(
    "hard_deletes",
    description="Marks the rows that their source has deleted, by comparing keys",
    schedule=dag.daily(),
    start_date=settings.FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=settings.RUN_TIMEOUT,
    default_args=dag.default_args("data-engineering"),
    tags=["maintenance"],
    doc_md=__doc__,
):
    tables = ListKeyFilesOperator(task_id="list_tables")
    MarkHardDeletesOperator.partial(
        task_id="mark", map_index_template="{{ task.table }}", outlets=[dag.changed_tables()]
    ).expand(table=tables.output)
