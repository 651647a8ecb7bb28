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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local import postgres
from tests.airflow_names import name_warehouse

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(redshift_server: Any) -> Iterator[Any]:
    """A warehouse, a lake, a landing zone, a booking system with two days and a weather service, as connections."""
    server, password = redshift_server, secrets.token_hex(8)
    name = f"airline_{secrets.token_hex(4)}"
    dsn = postgres.dsn(server.pg, name)
    database = server.connection(server.new_database())
    bucket = f"landing-{secrets.token_hex(4)}"
    landing = f"s3://{bucket}/nycflights13"
    aws = {
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_DEFAULT_REGION": server.region,
    }
    with psycopg.connect(postgres.dsn(server.pg, "postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    run_module("local.sources.airline", AIRLINE_DSN=dsn, AIRLINE_READER_PASSWORD=password, AIRLINE_DAYS="2")
    server.s3.create_bucket(Bucket=bucket)
    run_module("local.sources.landing", S3_ENDPOINT=server.s3_endpoint, LANDING=landing, **aws)
    with weather_service() as weather, pytest.MonkeyPatch.context() as patch:
        name_warehouse(patch, server, database, lake=f"s3://{server.bucket}/{name}", landing=landing)
        reader = dsn.replace(f"postgres:{server.pg.password}", f"airline_reader:{password}")
        patch.setenv("AIRFLOW_CONN_AIRLINE_DB", reader)
        service = {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": weather}
        patch.setenv("AIRFLOW_CONN_WEATHER_API", json.dumps(service))
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, stdout=subprocess.DEVNULL)
        yield database


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
