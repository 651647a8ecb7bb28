"""One history from its seed to its verdict, on a database of its own."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import boto3
import psycopg
import redshift_connector
from botocore.config import Config
from psycopg import sql

from local_redshift.storage.embedded_postgres import dsn
from redshift_etl.contracts import contract as contracts
from redshift_etl.lake.storage import Lake
from redshift_etl.settings import S3Location
from tests.airflow_names import warehouse_names
from tests.faults import plan, verdict
from tests.faults.play import Stage, kind_of, play
from tests.faults.reader import Seen, read_table, reading
from tests.faults.source import Source, api
from tests.faults.truth import Loaded
from tests.integration.batches import LoadTarget

KEPT = Path(__file__).resolve().parents[2] / "build" / "faults"
"""Where a history with a violation leaves what is needed to explain it, in a folder named after its seed."""
_EVIDENCE = {
    "table": "SELECT *, _extracted_at FROM core.items ORDER BY 1",
    "load_history": "SELECT * FROM etl.load_history ORDER BY committed_at",
    "backfill_history": "SELECT * FROM etl.backfill_history",
}
_ETL_TABLES = Path(__file__).resolve().parents[2] / "include" / "sql" / "tables" / "etl"


@dataclass(frozen=True)
class Result:
    """What a history came to: the faults that happened, by kind, reads, loads, seconds, and what was wrong."""

    seed: int
    kind: str
    faults: dict[str, int]
    reads: int
    loads: int
    seconds: float
    wrong: tuple[str, ...]

    def as_line(self) -> str:
        """For the file of a run."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Result:
        """Back from it."""
        values = json.loads(line)
        return cls(**{**values, "wrong": tuple(values["wrong"])})


def run(seed: int, server: Any, template: str) -> Result:
    """Play the history of a seed. ``template`` is a database with the tables of the schema etl."""
    history, began = plan.draw(seed), time.monotonic()
    database = server.new_database(template, history.isolation)
    source_database = f"source_{uuid4().hex}"
    _create(server, source_database)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        try:
            return _run(history, server, database, source_database, Path(folder), began)
        finally:
            server.drop_database(database)
            server.drop_database(source_database)


def _create(server: Any, name: str) -> None:
    with psycopg.connect(server.config.admin(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _run(history: plan.History, server: Any, database: str, source_database: str, folder: Path, began: float) -> Result:
    kind = kind_of(history)
    source = Source(dsn(server.pg, source_database), kind)
    lake = Lake(server.s3, S3Location(server.bucket, f"faults/{uuid4().hex}"))
    client = _client(server.s3_endpoint, server.region, server.access_key, server.secret_key)
    target = LoadTarget(server, server.connection(database), server.s3)
    stage = Stage(kind, folder, source, server.config.admin(), Lake(client, lake.location), partial(_land, lake))
    _write(folder / "sql", kind.files)
    with api(source) as address, patch.dict(os.environ, _names(server, target, source, lake, folder, address)):
        contracts.load.cache_clear()
        for table in contracts.all_tables():  # read once, and not by each process
            contracts.load(table)
        with reading(target.connect, kind.columns, folder / "seen"):
            wrong = play(history, stage)
        committed, seen = verdict.loads(target, lake), pickle.loads((folder / "seen").read_bytes())
        wrong += verdict.counts_add_up(target)
        wrong += _judge(history, stage, target, committed, seen)
        if wrong:
            _keep(history, stage, target, wrong)
        contracts.load.cache_clear()
    wrong += verdict.nothing_is_left(target, server.config.admin(), database)
    seconds, faults = time.monotonic() - began, _faults(folder / "faults")
    return Result(history.seed, kind.name, faults, seen.reads, len(committed), seconds, tuple(wrong))


def _keep(history: plan.History, stage: Stage, target: LoadTarget, wrong: Sequence[str]) -> None:
    """What a person needs to see how it came to be wrong: the log, the errors, the table and what was recorded."""
    folder = KEPT / str(history.seed)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stage.folder, folder, symlinks=True, dirs_exist_ok=True)
    (folder / "wrong").write_text("\n".join(wrong))
    for name, query in _EVIDENCE.items():
        try:
            text = "\n".join(map(str, target.rows(query)))
        except redshift_connector.Error as error:  # a table that no run has made
            text = str(error)
        (folder / name).write_text(text)


def _judge(
    history: plan.History, stage: Stage, target: LoadTarget, committed: Sequence[Loaded], seen: Seen
) -> list[str]:
    table = read_table(target.connect, stage.kind.columns)
    states, wrong = verdict.history_matches(committed, table, history.kind)
    wrong += verdict.reader_saw_only(states, seen)
    wrong += verdict.errors_are_transient(history, stage.folder / "errors.jsonl")
    wrong += verdict.runs_are_recorded(history, committed)
    wrong += verdict.table_is_source(history, stage.source, table)
    if history.kind == "incremental":
        wrong += verdict.mart_is_recomputed(target)
    return wrong


def _faults(noted: Path) -> dict[str, int]:
    return dict(Counter(noted.read_text().split())) if noted.exists() else {}


@cache
def _client(endpoint: str, region: str, access_key: str, secret_key: str) -> Any:
    """An S3 client for the runs, which does not try again by itself. They inherit it before it has connected."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(retries={"max_attempts": 1}),
    )


def _land(lake: Lake, body: bytes) -> None:
    lake.client.put_object(Bucket=lake.location.bucket, Key=f"{lake.location.prefix}/landing/items.csv", Body=body)


def _write(folder: Path, files: dict[str, str]) -> None:
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "etl").symlink_to(_ETL_TABLES)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _names(server: Any, target: LoadTarget, source: Source, lake: Lake, folder: Path, address: str) -> dict[str, str]:
    """Airflow's connections and settings of this history, as environment variables."""
    url = lake.location.url(lake.location.prefix)
    return {
        **warehouse_names(server, target.database, url, f"{url}/landing"),
        "AIRFLOW_CONN_AIRLINE_DB": source.connection,
        "AIRFLOW_CONN_ITEMS_API": json.dumps({"conn_type": "http", "host": address}),
        "AIRFLOW__REDSHIFT_ETL__SQL_DIR": str(folder / "sql"),
    }
