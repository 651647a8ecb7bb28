"""What the pipelines read and write in these tests, as Airflow connections: each part real, on a free port."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local_redshift.storage import embedded_postgres
from tests.airflow_names import warehouse_names

REPOSITORY = Path(__file__).resolve().parents[2]


DAYS = {"start": "2013-01-01", "end": "2013-01-02"}


@dataclass(frozen=True)
class World:
    """The warehouse, and the environment in which Airflow has it and its sources as connections."""

    warehouse: Any
    environment: Mapping[str, str]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a reader of the warehouse sees."""
        with self.warehouse.connect() as connected:
            cursor = connected.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]


@pytest.fixture(scope="session")
def filled(redshift_server: Any, dag_bag: Any) -> Iterator[World]:
    """A warehouse into which all four pipelines have loaded two days: once a session, as it takes a while."""
    from airflow.utils.db import initdb

    server, password = redshift_server, secrets.token_hex(8)
    name = f"airline_{secrets.token_hex(4)}"
    dsn = embedded_postgres.dsn(server.pg, name)
    bucket = f"landing-{secrets.token_hex(4)}"
    landing, lake = f"s3://{bucket}/nycflights13", f"s3://{server.bucket}/{name}"
    aws = {
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_DEFAULT_REGION": server.region,
    }
    with psycopg.connect(embedded_postgres.dsn(server.pg, "postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    run_module("local.sources.airline", AIRLINE_DSN=dsn, AIRLINE_READER_PASSWORD=password, AIRLINE_DAYS="2")
    server.s3.create_bucket(Bucket=bucket)
    run_module("local.sources.landing", S3_ENDPOINT=server.s3_endpoint, LANDING=landing, **aws)
    initdb()
    with weather_service() as weather:
        service = {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": weather}
        warehouse = server.connection(server.new_database())
        environment = {
            **warehouse_names(server, warehouse, lake, landing),
            "AIRFLOW_CONN_AIRLINE_DB": dsn.replace(f"postgres:{server.pg.password}", f"airline_reader:{password}"),
            "AIRFLOW_CONN_WEATHER_API": json.dumps(service),
        }
        with set_in(environment):
            run(dag_bag, "reference_tables")
            for dag_id in ("flights", "weather"):
                run(dag_bag, dag_id, **DAYS)
            run(dag_bag, "daily_performance")
        yield World(warehouse, environment)


@pytest.fixture
def world(filled: World) -> Iterator[World]:
    """That warehouse, known to Airflow for one test."""
    with set_in(filled.environment):
        yield filled


@contextmanager
def set_in(environment: Mapping[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


def states(dag_bag: Any, dag_id: str, **conf: Any) -> dict[str, str]:
    """Run a DAG to its end in this process; how each of its tasks ended."""
    done = dag_bag.dags[dag_id].test(run_conf=conf)
    return {instance.task_id: str(instance.state) for instance in done.get_task_instances()}


def run(dag_bag: Any, dag_id: str, **conf: str) -> None:
    """Run a DAG, all of whose tasks must succeed."""
    found = states(dag_bag, dag_id, **conf)
    assert set(found.values()) <= {"success", "skipped"}, found


def events(dag_id: str) -> list[str]:
    """The names of the Assets of which the runs of a DAG have emitted events."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetModel.name).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
        return list(session.scalars(query.where(AssetEvent.source_dag_id == dag_id)))


def run_module(name: str, **env: str) -> None:
    subprocess.run(
        [sys.executable, "-m", name], check=True, cwd=REPOSITORY, env={**os.environ, **env}, stdout=subprocess.DEVNULL
    )


@contextmanager
def weather_service() -> Iterator[int]:
    """The weather service on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "local.sources.weather_api"]
    process = subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ, "WEATHER_API_PORT": str(port)})
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/health")
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_until_it_answers(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url).close()
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.1)
        else:
            return
