"""Airflow connections of the sources, the lake and the warehouse: missing, unreadable, or of another place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from redshift_etl.warehouse import migrate
from redshift_etl.warehouse.connect import warehouse_at_once
from tests.bad_inputs.cases import Case, each
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import TIDES, Pipelines, World
from tests.integration.http_service import Answer, Service, serving

KEYS = {"conn", "text", "change", "s3"}
ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>no</Message><Region>eu-west-1</Region></Error>"


@pytest.fixture
def shared_lake() -> bool:
    """The lake is that of the connection."""
    return False


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.fixture(scope="module")
def readers(world: World) -> None:
    """Users without rights, in the source and in the warehouse."""
    with psycopg.connect(world.source_dsn, autocommit=True) as source:
        source.execute("CREATE ROLE bad_inputs_reader LOGIN PASSWORD 'reader-1'")
    world.target.run("CREATE USER bad_inputs_user PASSWORD 'Passw0rd-1'")


def right(pipelines: Pipelines, service: Service) -> dict[str, dict[str, Any]]:
    """The right connections."""
    environment = pipelines.world.environment()
    source = conninfo_to_dict(pipelines.world.source_dsn)
    return {
        "airline_db": {
            "conn_type": "postgres", "host": source["host"], "port": int(str(source["port"])),
            "login": source["user"], "password": source["password"], "schema": source["dbname"],
        },
        "redshift_default": json.loads(environment["AIRFLOW_CONN_REDSHIFT_DEFAULT"]),
        "aws_default": json.loads(environment["AIRFLOW_CONN_AWS_DEFAULT"]),
        "weather_api": {"conn_type": "http", "host": service.url},
    }  # fmt: skip


def variable_of(connection: dict[str, Any], service: Service, given: Mapping[str, Any]) -> str | None:
    """The environment variable of the wrong connection."""
    if "text" in given:
        return given["text"].format(**connection) if given["text"] else None
    changes = dict(given.get("change", {}))
    if "s3" in given:
        status, code = given["s3"]
        service.answers = [Answer(ERROR.format(code).encode(), status, {"Content-Type": "application/xml"})]
        once = {"retries": {"total_max_attempts": 1}}
        changes["extra"] = {"region_name": "us-east-1", "endpoint_url": service.url, "config_kwargs": once}
    if "{host}" in str(changes.get("host")):
        changes["host"] = changes["host"].format(host=service.url.removeprefix("http://"))
    return json.dumps({name: value for name, value in {**connection, **changes}.items() if value is not None})


def run(pipelines: Pipelines, service: Service, patch: pytest.MonkeyPatch, given: Mapping[str, Any]) -> object:
    assert set(given) <= KEYS
    connections = right(pipelines, service)
    for conn_id, connection in connections.items():
        patch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    service.answers = [Answer(json.dumps(TIDES).encode())]
    name = f"AIRFLOW_CONN_{given['conn'].upper()}"
    value = variable_of(connections[given["conn"]], service, given)
    patch.delenv(name) if value is None else patch.setenv(name, value)
    if given["conn"] == "redshift_default":  # as the page connects; a load's connections are tried again for 15 s
        pipelines.edit("tables/core/things.sql", {"    name ": "    kind VARCHAR(5),\n    name "})
        migrate.ensure(warehouse_at_once("redshift_default"), "core.things")
        return None
    if "s3" in given:
        return pipelines.land("core.drops", "*.csv")
    if given["conn"] == "weather_api":
        return pipelines.load_tides(service, service.answers)
    return pipelines.load_things()


@each("connections")
@pytest.mark.usefixtures("readers")
def test_a_bad_connection_is_refused(
    pipelines: Pipelines, service: Service, monkeypatch: pytest.MonkeyPatch, messages: Messages, case: Case
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    messages.refused(case, lambda: run(pipelines, service, monkeypatch, case.input))
