"""Connections to the warehouse by the name of an Airflow connection."""

from __future__ import annotations

import json
import os

import pytest

from redshift_etl.warehouse.connect import APPLICATION, warehouse, warehouse_at_once
from redshift_etl.warehouse.session import Connect
from tests.integration.batches import LoadTarget
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
