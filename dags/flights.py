"""
### Flights: production PostgreSQL → `core.flights`

**Reads** `public.flights` of the connection `airline_db`: the rows whose `modified_at` lies in the run's window.
**Writes** `core.flights`: an incremental upsert in one transaction. The newest `modified_at` of a `flight_id` wins;
a cancelled flight stays, with `deleted_at` set.

**Re-run** any window, any number of times and in any order; the table ends the same. Clear the run in the grid, or
`airflow dags backfill flights -s 2013-01-01 -e 2013-01-07`, or fill in the dates of the trigger form.

**Do not use it** for a source whose rows change without `modified_at` changing: such changes are not loaded.
"""

from __future__ import annotations

from airflow.sdk import DAG

from redshift_etl import dag, settings
from redshift_etl.operators.extract import PostgresToLakeOperator
from redshift_etl.operators.load import LoadToRedshiftOperator
from redshift_etl.operators.transform import TransformOperator

TABLE = "core.flights"

with DAG(
    "flights",
    description="Flights changed in the window, from the booking system into core.flights",
    schedule=dag.daily(),
    start_date=settings.FIRST_DAY,
    catchup=False,
    max_active_runs=4,
    dagrun_timeout=settings.RUN_TIMEOUT,
    default_args=dag.default_args("flight-operations"),
    params=dag.date_form("Load the flights that changed"),
    tags=["core", "incremental", "postgres"],
    template_searchpath=dag.sql_folder(),
    doc_md=dag.documented(__doc__, TABLE),
):
    extract = PostgresToLakeOperator(
        task_id="extract",
        table=TABLE,
        sql="extract/flights.sql",
        postgres_conn_id="airline_db",
        inlets=[dag.source_asset("airline.public.flights")],
    )
    transform = TransformOperator(task_id="transform", batch=extract.output)
    LoadToRedshiftOperator(task_id="load", table=TABLE, batch=transform.output, outlets=[dag.table_asset(TABLE)])
