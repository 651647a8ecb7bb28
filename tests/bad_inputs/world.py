"""A source, a lake, a landing zone and a warehouse with loaded tables, and the operators that load them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from airflow.sdk import DAG

from local_redshift.storage import embedded_postgres
from local_redshift.storage.embedded_postgres import Postgres
from redshift_etl import dag as common
from redshift_etl.contracts import contract as contracts
from redshift_etl.extract import http
from redshift_etl.extract.retry import Retry
from redshift_etl.lake.storage import Lake
from redshift_etl.operators.extract import PostgresToLakeOperator, S3ToLakeOperator
from redshift_etl.operators.load import LoadToRedshiftOperator
from redshift_etl.operators.marts import BuildMartOperator, FindStaleDaysOperator
from redshift_etl.operators.transform import TransformOperator
from redshift_etl.settings import S3Location
from redshift_etl.window import Window
from tests.airflow_names import warehouse_names
from tests.integration.batches import LoadTarget
from tests.integration.http_service import Answer, Service, serving
from tests.integration.table_pipeline import text_of

SQL = Path(__file__).resolve().parent / "sql"
BOOKKEEPING = Path(__file__).resolve().parents[2] / "include" / "sql" / "tables" / "etl"
DAY = {"start": "2013-01-01", "end": "2013-01-01"}
WINDOW = Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 2, tzinfo=UTC))
QUICK = Retry(attempts=2, first_wait=0.01)
DROPS = "id,name,n\n1,a,1\n2,b,2\n"
CELLS = {
    "id": "1", "small": "1", "price": "1.25", "ratio": "0.5", "sold": "true", "code": "abc", "name": "a",
    "day": "2013-01-01", "at": "2013-01-01 01:00:00", "zoned": "2013-01-01 01:00:00+00", "clock": "01:00",
    "bytes": "00ff", "doc": '{"a": 1}', "state": "open", "drop_id": "1",
}  # fmt: skip
ORDERS = "id,ordered_on\na,2013-01-01\nb,2013-01-01\n"
TIDES = {
    "utc_offset_seconds": 0,
    "hourly_units": {"level": "m"},
    "hourly": {"time": ["2013-01-01T00:00", "2013-01-01T01:00"], "level": [1.5, 1.25]},
}
THINGS = """CREATE TABLE things (
    id INTEGER PRIMARY KEY, name TEXT, made_on DATE, modified_at TIMESTAMP NOT NULL, deleted_at TIMESTAMP, extra JSON
);
INSERT INTO things VALUES (1, 'a', '2013-01-01', '2013-01-01 01:00'), (2, 'b', '2013-01-01', '2013-01-01 02:00')"""
TABLES = ("core.things", "core.drops", "core.cells", "core.orders", "core.tides", "mart.thing_day")
HISTORY = ("etl.load_history", "etl.touched_days", "etl.mart_builds", "etl.mart_inputs", "etl.backfill_history")

Rows = Mapping[str, Sequence[tuple[Any, ...]]]


def csv_of(*rows: Mapping[str, str | None]) -> str:
    """Rows as CSV, every value quoted but NULL."""
    return text_of([list(rows[0]), *(list(row.values()) for row in rows)])


@dataclass
class World:
    """The servers, and what the warehouse has when no case has run."""

    target: LoadTarget
    source_dsn: str
    prefix: str
    rows: Rows = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Airflow's connections and settings."""
        server = self.target.server
        lake, landing = (f"s3://{server.bucket}/{self.prefix}/{name}" for name in ("lake", "landing"))
        names = warehouse_names(server, self.target.database, lake, landing)
        return {**names, "AIRFLOW_CONN_AIRLINE_DB": self.source_dsn}

    def enter(self, patch: pytest.MonkeyPatch, folder: Path, *, shared_lake: bool = True) -> Pipelines:
        """Make the world known to Airflow, with a copy of the SQL files in a folder.

        ``shared_lake``: the tasks use one client of S3, and not the connection.
        """
        for name, value in self.environment().items():
            patch.setenv(name, value)
        sql = folder / "sql"
        shutil.copytree(SQL, sql)
        (sql / "tables" / "etl").symlink_to(BOOKKEEPING)
        patch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(sql))
        contracts.load.cache_clear()
        if shared_lake:  # making a client takes longer than most cases
            lake = Lake(self.target.s3, S3Location(self.target.server.bucket, f"{self.prefix}/lake"))
            patch.setattr(Lake, "connect", lambda: lake)
        return Pipelines(self, sql)


@dataclass
class Pipelines:
    """The pipelines of the world, with SQL files of the case's own."""

    world: World
    sql: Path
    dag: DAG = field(init=False)

    def __post_init__(self) -> None:
        self.dag = self.new_dag()

    def new_dag(self) -> DAG:
        """A DAG with the repository's form, for the tasks of one pipeline: a DAG has each task's id once."""
        return DAG(
            "things",
            schedule=common.daily(),
            start_date=datetime(2013, 1, 1, tzinfo=UTC),
            template_searchpath=common.sql_folder(),
            params=common.date_form("Load the rows changed"),
        )

    @property
    def lake(self) -> Lake:
        """By the connection of Airflow."""
        return Lake.connect()

    @property
    def landing(self) -> S3Location:
        """The landing zone."""
        return S3Location(self.world.target.server.bucket, f"{self.world.prefix}/landing")

    def context(self, task_id: str = "task", **params: Any) -> Any:
        """What Airflow gives a task of a run by hand."""
        run = SimpleNamespace(
            conf=params, run_type="manual", run_id=f"r-{uuid4().hex}", logical_date=None, run_after=datetime.now(UTC),
            start_date=datetime.now(UTC), data_interval_start=None, data_interval_end=None,
        )  # fmt: skip
        instance = SimpleNamespace(dag_id="things", run_id=run.run_id, task_id=task_id, try_number=1, map_index=-1)
        return {"ti": instance, "dag_run": run, "dag": self.dag, "params": {**DAY, **params}}

    def edit(self, name: str, changes: Mapping[str, str]) -> None:
        """Replace texts in a SQL file; each must be there."""
        path = self.sql / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes.items():
            assert old in text, f"{name} has no {old!r}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    def drop(self, key: str, body: bytes) -> None:
        """Put a file into the landing zone."""
        self.world.target.s3.put_object(Bucket=self.landing.bucket, Key=self.landing.key(key), Body=body)

    def clear_landing(self) -> None:
        """Remove all files of the landing zone."""
        found = self.world.target.s3.list_objects_v2(Bucket=self.landing.bucket, Prefix=self.landing.key(""))
        for each in found.get("Contents", ()):
            self.world.target.s3.delete_object(Bucket=self.landing.bucket, Key=each["Key"])

    def land(self, table: str, *files: str, **params: Any) -> dict[str, Any]:
        """Extract files of the landing zone; the raw batch."""
        task = S3ToLakeOperator(task_id="extract", table=table, files=list(files), dag=self.new_dag())
        return task.execute(self.context("extract", **params))

    def transform(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The staged batch of a raw one."""
        task = TransformOperator(task_id="transform", batch=dict(raw), dag=self.new_dag())
        return task.execute(self.context("transform"))

    def load(self, table: str, raw: Mapping[str, Any], context: Any = None) -> dict[str, object]:
        """Transform and load a raw batch."""
        task = LoadToRedshiftOperator(task_id="load", table=table, batch=self.transform(raw), dag=self.new_dag())
        return task.execute(context or self.context("load"))

    def load_things(self, context: Any = None) -> dict[str, object]:
        """The whole pipeline of core.things: its database, the lake, the warehouse."""
        dag = self.new_dag()
        task = PostgresToLakeOperator(
            task_id="extract", table="core.things", sql="extract/things.sql", postgres_conn_id="airline_db", dag=dag
        )
        task.resolve_template_files()
        context = context or self.context("extract")
        context["dag"] = dag
        task.render_template_fields(context)
        return self.load("core.things", task.execute(context), context)

    def build_mart(self, **params: Any) -> list[dict[str, int]]:
        """The DAG of the mart."""
        dag = self.new_dag()
        find = FindStaleDaysOperator(task_id="find", mart="mart.thing_day", dag=dag)
        batches = find.execute(self.context("find", **params))
        return [
            BuildMartOperator(task_id=f"build_{number}", mart="mart.thing_day", days=days, dag=dag).execute(
                self.context("build")
            )
            for number, days in enumerate(batches)
        ]

    def load_tides(self, service: Service, answers: Sequence[Answer], **options: Any) -> dict[str, object]:
        """The pipeline of core.tides, with these answers of its API."""
        service.answers = list(answers)
        settings: dict[str, Any] = {"query": {}, "places": {"Busan": {"id": "1"}}, "retry": QUICK, "run": uuid4().hex}
        batch = http.extract(
            "weather_api", "/v1/tides", table="core.tides", window=WINDOW, lake=self.lake,
            deadline=datetime.now(UTC) + timedelta(hours=1), **{**settings, **options},
        )  # fmt: skip
        return self.load("core.tides", batch.as_dict())

    def warehouse_rows(self) -> Rows:
        """The rows of the tables and of their history."""
        connection = self.world.target.connect()
        try:
            return {table: _rows(connection.cursor(), table) for table in (*TABLES, *HISTORY)}
        finally:
            connection.close()


def _rows(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    cursor.execute(f"SELECT * FROM {table}")
    return sorted((tuple(row) for row in cursor.fetchall()), key=repr)


def weather_connection(service: Service) -> str:
    """The connection of a service."""
    return json.dumps({"conn_type": "http", "host": service.url})


def build(server: Any, database: str, postgres: Postgres, folder: Path) -> World:
    """Make the source, and load each table from right inputs."""
    name = f"source_{uuid4().hex}"
    with psycopg.connect(embedded_postgres.dsn(postgres, "postgres"), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    dsn = embedded_postgres.dsn(postgres, name)
    with psycopg.connect(dsn, autocommit=True) as source:
        source.execute(THINGS)
    target = LoadTarget(server, server.connection(database), server.s3)
    world = World(target, dsn, f"bad-inputs-{uuid4().hex[:8]}")
    with pytest.MonkeyPatch.context() as patch, serving() as service:
        pipelines = world.enter(patch, folder)
        patch.setenv("AIRFLOW_CONN_WEATHER_API", weather_connection(service))
        load_all(pipelines, service)
        return replace(world, rows=pipelines.warehouse_rows())


def load_all(pipelines: Pipelines, service: Service) -> None:
    """Load each table from right inputs."""
    from redshift_etl.backfill import history
    from redshift_etl.warehouse import migrate
    from redshift_etl.warehouse.connect import warehouse

    migrate.ensure(warehouse("redshift_default"), history.TABLE)
    pipelines.drop("drops.csv", DROPS.encode())
    pipelines.drop("cells.csv", csv_of(CELLS, {**CELLS, "id": "2"}).encode())
    pipelines.drop("orders/2013-01-01.csv", ORDERS.encode())
    pipelines.load("core.drops", pipelines.land("core.drops", "drops.csv"))
    pipelines.load("core.cells", pipelines.land("core.cells", "cells.csv"))
    pipelines.load("core.orders", pipelines.land("core.orders", "orders/{day}.csv"))
    pipelines.load_things()
    pipelines.load_tides(service, [Answer(json.dumps(TIDES).encode())])
    pipelines.build_mart()
