"""
### Retention: data past its age is archived and deleted

**Reads** the contracts' `retention`, `svv_table_info`, the views of who reads which table, and the lake.
**Writes** `archive/` in the lake (Parquet, with a manifest) and deletes those rows from their tables, a month a
transaction, recorded in `etl.retention_history`; deletes raw, staged and rejected files and logs past their age, cleans
Airflow's own database, records reads in `etl.table_reads` and each Monday writes `unused/<day>.md`; VACUUM and ANALYZE.

**Re-run** at any time: trigger it. A run by hand only counts unless **delete** is set in the form; a scheduled run
deletes, and what is gone is not deleted twice. A table of which more than `max_percent` would go is refused until a
person names it in `allow_large`.

**Do not use it** to correct data, nor to delete a person's rows at request: it goes by age alone.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from redshift_etl import dag, settings
from redshift_etl.operators import retention
from redshift_etl.retention.ages import FLOORS


def days(zone: str, default: int, what: str) -> dict[str, Param]:
    """The parameter for an age in days."""
    return {f"{zone}_days": Param(default, type="integer", minimum=FLOORS[zone], maximum=36500, title=f"{what}, days")}


with DAG(
    "retention",
    description="Archives and deletes rows past their retention; old files, logs and metadata; table maintenance",
    schedule=dag.daily(),
    start_date=settings.FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=settings.RUN_TIMEOUT,
    default_args=dag.default_args("data-engineering"),
    params={
        "delete": Param(
            None, type=["null", "boolean"], title="Delete", description="Off: only count. A scheduled run deletes."
        ),
        "max_percent": Param(10, type="integer", minimum=0, maximum=100, title="Most of a table in one go, per cent"),
        "allow_large": dag.optional_table("tables", "Table that may lose more"),
        **days("raw", 90, "Raw files"),
        **days("staged", 14, "Staged files"),
        **days("rejects", 90, "Rejected rows"),
        **days("airflow", 90, "Airflow's runs and logs"),
        "report": Param(
            False, type="boolean", title="Report unused tables", description="now, and not only on Mondays"
        ),
    },
    tags=["maintenance"],
    doc_md=__doc__,
):
    rows = retention.ExpireRowsOperator(task_id="rows")
    maintenance = retention.MaintainTablesOperator(task_id="vacuum_and_analyze", trigger_rule="all_done")
    retention.ExpireFilesOperator(task_id="files")
    retention.CleanAirflowOperator(task_id="airflow")
    retention.ReportUnusedTablesOperator(task_id="unused")
    rows >> maintenance
