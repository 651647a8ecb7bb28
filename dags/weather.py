"""
### Weather: HTTP API → `core.weather`

**Reads** the archive endpoint of the connection `weather_api` (the shape of Open-Meteo's): hourly observations at the
three New York airports, one call an airport and window. A throttled or failed call is repeated after a pause.
**Writes** `core.weather`: an incremental upsert in one transaction. The response that the service changed last wins.

**Re-run** any window, any number of times and in any order; the table ends the same. Clear the run in the grid, or
`airflow dags backfill weather -s 2013-01-01 -e 2013-01-07`, or fill in the dates of the trigger form.

**Do not use it** for forecasts: the archive has observations only.
"""

from __future__ import annotations

from airflow.sdk import DAG

from redshift_etl import dag, settings
from redshift_etl.operators.extract import HttpToLakeOperator
from redshift_etl.operators.load import LoadToRedshiftOperator
from redshift_etl.operators.transform import TransformOperator

TABLE = "core.weather"
AIRPORTS = {
    "EWR": {"latitude": "40.6925", "longitude": "-74.168667"},
    "JFK": {"latitude": "40.639751", "longitude": "-73.778925"},
    "LGA": {"latitude": "40.777245", "longitude": "-73.872608"},
}
VARIABLES = (
    "temperature_2m",
    "dew_point_2m",
    "relative_humidity_2m",
    "wind_direction_10m",
    "wind_speed_10m",
    "wind_gusts_10m",
    "precipitation",
    "pressure_msl",
    "visibility",
)

with DAG(
    "weather",
    description="Hourly weather of the window, from the archive API into core.weather",
    schedule=dag.daily(),
    start_date=settings.FIRST_DAY,
    catchup=False,
    max_active_runs=4,
    dagrun_timeout=settings.RUN_TIMEOUT,
    default_args=dag.default_args("flight-operations"),
    params=dag.date_form("Load the weather observed"),
    tags=["core", "incremental", "http"],
    doc_md=dag.documented(__doc__, TABLE),
):
    extract = HttpToLakeOperator(
        task_id="extract",
        table=TABLE,
        endpoint="/v1/archive",
        query={
            "hourly": ",".join(VARIABLES),
            "temperature_unit": "fahrenheit",
            "wind_speed_unit": "mph",
            "precipitation_unit": "inch",
            "timezone": "GMT",
        },
        places=AIRPORTS,
        http_conn_id="weather_api",
        inlets=[dag.source_asset("weather-api.archive")],
    )
    transform = TransformOperator(task_id="transform", batch=extract.output)
    LoadToRedshiftOperator(task_id="load", table=TABLE, batch=transform.output, outlets=[dag.table_asset(TABLE)])
