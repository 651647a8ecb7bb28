"""Connections to the warehouse by the name of an Airflow connection."""

from __future__ import annotations

import json
import logging
import os
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from redshift_etl.catalog import queries
from redshift_etl.extract import postgres
from redshift_etl.lake.storage import Lake
from redshift_etl.warehouse.connect import APPLICATION, warehouse, warehouse_at_once
from redshift_etl.warehouse.session import Connect, open_session
from tests.integration.batches import DAY, LoadTarget
from tests.integration.conftest import Source
from tests.integration.operations import connect_airflow


def application(connect: Connect) -> str:
    """What the warehouse knows as the client's application."""
    connection = connect()
    try:
        cursor = connection.cursor()
        cursor.execute("SHOW application_name")
        return str(cursor.fetchone()[0])
    finally:
        connection.close()


def test_the_warehouse_knows_which_application_connects(target: LoadTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_airflow(target, monkeypatch)
    assert application(warehouse("redshift_default")) == APPLICATION
    assert application(warehouse_at_once("redshift_default")) == APPLICATION


def test_an_application_name_of_the_connection_stands(target: LoadTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_airflow(target, monkeypatch)
    connection = json.loads(os.environ["AIRFLOW_CONN_REDSHIFT_DEFAULT"])
    connection["extra"]["application_name"] = "the house's own"
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps(connection))
    assert application(warehouse("redshift_default")) == "the house's own"


@pytest.mark.slow
def test_with_every_logger_at_debug_no_password_key_or_bound_value_is_logged(
    target: LoadTarget, source: Source, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect_airflow(target, monkeypatch)
    lake, value = Lake.connect(), f"value-{uuid4().hex}"
    source.run("CREATE TABLE things (id int)", "INSERT INTO things VALUES (1)")
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, name)

    with open_session(warehouse("redshift_default"), "debug") as session:
        assert not session.run(queries.loads_of(value))
    lake.put("debug/object", value.encode())
    postgres.extract("airline_db", "SELECT id FROM things", table="core.things", window=DAY, run="r", lake=lake)

    assert {"airflow", "botocore", "redshift_connector"} <= {record.name.split(".")[0] for record in caplog.records}
    airline = urlsplit(source.dsn).password
    for secret in (target.database.password, target.server.secret_key, airline, value):
        assert secret
        assert secret not in caplog.text
