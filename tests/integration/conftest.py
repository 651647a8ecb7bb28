"""What the integration tests run against: a PostgreSQL and an S3 of their own, on free ports, gone at the end."""

from __future__ import annotations

import json
import logging
import secrets
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import boto3
import psycopg
import pytest
from moto.server import ThreadedMotoServer
from psycopg import sql

from local_redshift.storage import embedded_postgres
from local_redshift.storage.embedded_postgres import Postgres
from local_redshift.storage.processes import process, wait_for_port
from local_redshift.testing.data_folder import data_folder
from local_redshift.testing.pytest_plugin import RedshiftServer
from redshift_etl.lake.storage import Lake
from redshift_etl.settings import S3Location
from tests.integration.batches import LoadTarget
from tests.integration.sql_audit import only_checked_sql, sql_recorder

__all__ = ["only_checked_sql", "sql_recorder"]

REGION = "us-east-1"
CREDENTIALS = {"aws_access_key_id": "testing-key", "aws_secret_access_key": "testing-secret"}


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A running PostgreSQL."""
    fast = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")  # it need not survive a crash of the machine
    with data_folder() as folder:
        server = Postgres(folder / "data", free_port(), secrets.token_hex(8), fast)
        embedded_postgres.init(server)
        embedded_postgres.start(server)
        try:
            yield server
        finally:
            embedded_postgres.stop(server)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The URL of an S3."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line a request would bury a failure
    server = ThreadedMotoServer("127.0.0.1", free_port())
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def server_with_iam(redshift_server: RedshiftServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The local Redshift's address book with an S3 that has keys and policies; `beside` it runs one that uses it."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with process(command, tmp_path_factory.mktemp("iam") / "s3.log", {}):
        wait_for_port(port)
        config = replace(redshift_server.config, s3_endpoint=f"http://127.0.0.1:{port}")
        server = replace(redshift_server, config=config)
        server.s3.create_bucket(Bucket=server.bucket)
        yield server


@pytest.fixture(scope="session")
def s3(s3_endpoint: str) -> Any:
    """A client of that S3."""
    return boto3.client("s3", endpoint_url=s3_endpoint, region_name=REGION, **CREDENTIALS)


@pytest.fixture
def aws(s3_endpoint: str, s3: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of the test's own, known to Airflow as the lake and the landing zone. Returns its name."""
    bucket = f"test-{uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    connection = {
        "conn_type": "aws",
        "login": CREDENTIALS["aws_access_key_id"],
        "password": CREDENTIALS["aws_secret_access_key"],
        "extra": {"region_name": REGION, "endpoint_url": s3_endpoint},
    }
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__LAKE", f"s3://{bucket}/lake")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__LANDING", f"s3://{bucket}/landing")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__REGION", REGION)
    return bucket


@pytest.fixture
def lake(aws: str, s3: Any) -> Lake:
    """The lake of the test's bucket."""
    return Lake(s3, S3Location(aws, "lake"))


@dataclass(frozen=True)
class Source:
    """A production database of the test's own."""

    dsn: str

    def run(self, *statements: str) -> None:
        """Execute and commit."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture
def source(postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Source:
    """An empty database, known to Airflow as the connection ``airline_db``."""
    name = f"airline_{uuid4().hex}"
    with psycopg.connect(embedded_postgres.dsn(postgres_server, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    dsn = embedded_postgres.dsn(postgres_server, name)
    monkeypatch.setenv("AIRFLOW_CONN_AIRLINE_DB", dsn)
    return Source(dsn)


@pytest.fixture(scope="session")
def with_bookkeeping(redshift_server: Any) -> str:
    """A database with the tables of the schema etl, for others to be copied from."""
    name = str(redshift_server.new_database())
    LoadTarget(redshift_server, redshift_server.connection(name), redshift_server.s3).keep_books()
    return name


@pytest.fixture
def target(request: pytest.FixtureRequest, redshift_server: Any, with_bookkeeping: str) -> Iterator[LoadTarget]:
    """A warehouse of the test's own, and batches to load into it.

    Its parameter, from `batches.both_levels` or `batches.both_modes`, is an isolation level or `serverless`.
    """
    kind = getattr(request, "param", None)
    server = request.getfixturevalue("redshift_serverless") if kind == "serverless" else redshift_server
    level = kind if kind in ("SNAPSHOT", "SERIALIZABLE") else None
    name = server.new_database(with_bookkeeping, level)
    yield LoadTarget(server, server.connection(name), server.s3)
    server.drop_database(name)
