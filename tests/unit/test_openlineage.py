"""What the operators tell OpenLineage, from the repository's own files; the steps must join up end to end."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from redshift_etl.operators.extract import HttpToLakeOperator, PostgresToLakeOperator, S3ToLakeOperator
from redshift_etl.operators.hard_deletes import MarkHardDeletesOperator
from redshift_etl.operators.load import LoadToRedshiftOperator
from redshift_etl.operators.marts import BuildMartOperator
from redshift_etl.operators.transform import TransformOperator


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AIRFLOW_CONN_REDSHIFT_DEFAULT": {
            "conn_type": "redshift",
            "host": "wh.abc.eu-west-1.redshift.amazonaws.com",
            "port": 5439,
            "schema": "warehouse",
        },
        "AIRFLOW_CONN_AIRLINE_DB": {"conn_type": "postgres", "host": "db.example", "port": 5432, "schema": "airline"},
        "AIRFLOW_CONN_WEATHER_API": {"conn_type": "http", "schema": "https", "host": "api.example"},
    }.items():
        monkeypatch.setenv(name, json.dumps(value))
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__LAKE", "s3://lake/etl")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__LANDING", "s3://landing/in")


def told(operator: Any) -> Any:
    """What the operator reports, as the provider requests it."""
    from airflow.providers.openlineage.extractors.base import DefaultExtractor

    found = DefaultExtractor(operator).extract_on_complete(None)
    assert found is not None
    return found


def name(dataset: Any) -> str:
    return f"{dataset.namespace}/{dataset.name}"


def origins(dataset: Any, column: str) -> set[tuple[str, str, str]]:
    fields = dataset.facets["columnLineage"].fields[column].inputFields
    return {(name(field), field.field, field.transformations[0].subtype) for field in fields}


def batch(table: str) -> dict[str, str]:
    return {"table": table}


def test_the_steps_of_a_batch_join_up_from_the_source_to_the_table() -> None:
    read = PostgresToLakeOperator(
        task_id="a", table="core.flights", sql="extract/flights.sql", postgres_conn_id="airline_db"
    )
    steps = [
        told(read),
        told(TransformOperator(task_id="b", batch=batch("core.flights"))),
        told(LoadToRedshiftOperator(task_id="c", table="core.flights", batch=batch("core.flights"))),
    ]
    assert [name(it) for it in steps[0].inputs] == ["postgres://db.example:5432/airline.public.flights"]
    for before, after in itertools.pairwise(steps):
        assert [name(it) for it in before.outputs] == [name(it) for it in after.inputs]
    assert name(steps[2].outputs[0]) == "redshift://wh.eu-west-1:5439/warehouse.core.flights"


def test_a_comparison_of_keys_reads_their_tables_and_writes_the_table() -> None:
    found = told(MarkHardDeletesOperator(task_id="mark", table="core.flights"))
    assert [name(it) for it in found.inputs] == ["postgres://db.example:5432/airline.public.flights"]
    assert [name(it) for it in found.outputs] == ["redshift://wh.eu-west-1:5439/warehouse.core.flights"]


def test_a_transform_says_which_raw_columns_a_column_is_made_of() -> None:
    (staged,) = told(TransformOperator(task_id="b", batch=batch("core.flights"))).outputs
    raw = "s3://lake/etl/raw/core.flights"
    assert origins(staged, "carrier") == {(raw, "carrier", "IDENTITY")}
    assert origins(staged, "scheduled_departure") == {
        (raw, "time_hour", "TRANSFORMATION"),
        (raw, "minute", "TRANSFORMATION"),
    }


def test_a_mart_says_where_its_columns_come_from_and_what_chooses_its_rows() -> None:
    found = told(BuildMartOperator(task_id="d", mart="mart.weather_delay_day", days=[]))
    flights, weather = (f"redshift://wh.eu-west-1:5439/warehouse.core.{it}" for it in ("flights", "weather"))
    assert {name(it) for it in found.inputs} == {flights, weather}
    (mart,) = found.outputs
    assert origins(mart, "cancelled") == {(flights, "deleted_at", "AGGREGATION")}
    assert (weather, "visibility_miles", "TRANSFORMATION") in origins(mart, "weather")
    deciding = {(name(it), it.field, it.transformations[0].subtype) for it in mart.facets["columnLineage"].dataset}
    assert (flights, "flight_date", "FILTER") in deciding
    assert (weather, "observed_at", "JOIN") in deciding


def test_a_table_is_described_as_its_contract_describes_it() -> None:
    (table,) = told(LoadToRedshiftOperator(task_id="c", table="core.flights", batch=batch("core.flights"))).outputs
    fields = {field.name: (field.type, field.description) for field in table.facets["schema"].fields}
    assert fields["carrier"] == ("VARCHAR(2)", "Two-letter code of the airline.")
    assert table.facets["ownership"].owners[0].name == "flight-operations"
    assert table.facets["documentation"].description.startswith("One row a scheduled flight")


@pytest.mark.parametrize(
    ("make", "source"),
    [
        (
            lambda: HttpToLakeOperator(
                task_id="a",
                table="core.weather",
                endpoint="/v1/archive",
                query={},
                places={},
                http_conn_id="weather_api",
            ),
            "https://api.example/v1/archive",
        ),
        (
            lambda: S3ToLakeOperator(task_id="a", table="core.planes", files=["planes.csv"]),
            "s3://landing/in/planes.csv",
        ),
    ],
    ids=["an API", "files"],
)
def test_other_sources_are_datasets_too(make: Callable[[], Any], source: str) -> None:
    found = told(make())
    assert [name(it) for it in found.inputs] == [source]
    assert found.outputs[0].facets["columnLineage"].fields


@pytest.mark.parametrize(
    "host", ["https://u:very-secret@api.example", "u:very-secret@api.example", "https://api.example/"]
)
def test_no_login_and_no_query_is_in_an_event(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    connection = {"conn_type": "http", "schema": "https", "host": host, "login": "u", "password": "very-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_WEATHER_API", json.dumps(connection))
    operator = HttpToLakeOperator(
        task_id="a",
        table="core.weather",
        endpoint="/v1/archive?sig=very-secret",
        query={"appid": "very-secret"},
        places={},
        http_conn_id="weather_api",
    )
    found = told(operator)
    assert [name(it) for it in found.inputs] == ["https://api.example/v1/archive"]
    assert "very-secret" not in repr(found)
