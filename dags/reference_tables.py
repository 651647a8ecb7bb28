"""
### Reference tables: S3 files → `core.airlines`, `core.airports`, `core.planes`

**Reads** `airlines.csv`, `airports.csv` and `planes.csv` in the landing zone, each as it is there now.
**Writes** the three tables, each a full refresh in one transaction: readers see the old table until they see the new
one, never an empty one. An empty file, or one that has lost half of the table's rows, is refused.

**Re-run** at any time: trigger it, or clear a task. A refresh that read its file earlier than the last one changes
nothing.

**Do not use it** for a table of more than some ten thousand rows: make that one incremental.
"""

from __future__ import annotations

from airflow.sdk import DAG, TaskGroup

from redshift_etl import dag, settings
from redshift_etl.operators.extract import S3ToLakeOperator
from redshift_etl.operators.load import LoadToRedshiftOperator
from redshift_etl.operators.transform import TransformOperator

TABLES = ("airlines", "airports", "planes")

with DAG(
    "reference_tables",
    description="Airlines, airports and planes, from the landing zone's CSV files",
    schedule=dag.weekly(),
    start_date=settings.FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=settings.RUN_TIMEOUT,
    default_args=dag.default_args("reference-data"),
    tags=["core", "full-refresh", "s3"],
    doc_md=dag.documented(__doc__, *(f"core.{name}" for name in TABLES)),
):
    for name in TABLES:
        with TaskGroup(name):
            extract = S3ToLakeOperator(
                task_id="extract",
                table=f"core.{name}",
                files=[f"{name}.csv"],
                inlets=[dag.source_asset(f"landing.{name}")],
            )
            transform = TransformOperator(task_id="transform", batch=extract.output)
            LoadToRedshiftOperator(
                task_id="load",
                table=f"core.{name}",
                batch=transform.output,
                outlets=[dag.table_asset(f"core.{name}")],
            )
