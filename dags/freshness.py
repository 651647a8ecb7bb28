"""
### Freshness: every table against its `fresh_within`

**Reads** `etl.load_history` and `etl.mart_builds` (when each table was last written), the contracts' `fresh_within`,
and the open incidents.
**Writes** an incident for each table that has become late: a report in the lake, a row in `etl.incidents`, one alert.
When the table is fresh again, or the failed part has been loaded, the incident is resolved, with one alert.

A table that was never loaded is not late. A run that finds nothing new changes nothing and sends no alert.

**Re-run** at any time: trigger it. With the id of an incident in the form, that incident is resolved by hand.

**Do not use it** to limit how long a DAG takes: use its time-outs.
"""

from __future__ import annotations

from airflow.sdk import DAG

from redshift_etl import dag, settings
from redshift_etl.operators.monitoring import MonitorFreshnessOperator

with DAG(
    "freshness",
    description="Opens an incident for a table that is late, and closes those that are over",
    schedule=dag.monitoring(),
    start_date=settings.FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=settings.RUN_TIMEOUT,
    default_args=dag.default_args("data-engineering"),
    params={
        "resolve": dag.optional_text(
            "Incident to resolve", "its id, as in etl.incidents", max_length=128, pattern=r"^\d{8}T\d{6}-[a-z0-9-]+$"
        ),
    },
    tags=["monitoring"],
    doc_md=__doc__,
):
    MonitorFreshnessOperator(task_id="watch")
