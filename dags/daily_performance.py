"""
### Daily performance: `core.flights` and `core.weather` → the marts

**Reads** `core.flights` and `core.weather`.
**Writes** `mart.carrier_day`, `mart.route_day` and `mart.weather_delay_day`: punctuality by airline, by route and
against the weather, a day at a time.

It builds the days that are **stale**: every input has the day, and one of them touched it since the mart was built.
Asset events and a daily schedule only start a run; the stale days are queried from the warehouse. So after a lost
event, a pause, a late re-run or a crash the next run builds what is missing, and many loads need few runs.

**Re-run** by triggering it; with dates in the form those days are built again even if they are not stale.

**Do not use it** to correct a day by hand: correct the input and load it again.
"""

from __future__ import annotations

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, TaskGroup

from redshift_etl import dag, settings
from redshift_etl.operators.marts import BuildMartOperator, FindStaleDaysOperator

flights, weather = dag.table_asset("core.flights"), dag.table_asset("core.weather")
MARTS = {"carrier_day": [flights], "route_day": [flights], "weather_delay_day": [flights, weather]}

with DAG(
    "daily_performance",
    description="Builds the stale days of the punctuality marts",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"), assets=flights | weather),
    start_date=settings.FIRST_DAY,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=settings.RUN_TIMEOUT,
    default_args=dag.default_args("analytics"),
    params=dag.days_form("Build the marts again, stale or not"),
    tags=["mart"],
    doc_md=dag.documented(__doc__, *(f"mart.{name}" for name in MARTS)),
):
    for name, inputs in MARTS.items():
        with TaskGroup(name):
            stale = FindStaleDaysOperator(task_id="find_stale_days", mart=f"mart.{name}", inlets=inputs)
            BuildMartOperator.partial(
                task_id="build", mart=f"mart.{name}", outlets=[dag.table_asset(f"mart.{name}")]
            ).expand(days=stale.output)
