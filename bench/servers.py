"""The local Redshift with S3 and the seeded production database, in a temporary state directory, for the benchmarks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import psycopg

from local.sources import airline, landing
from local.stack import airflow_services, database, state_dir
from local_redshift.storage import embedded_postgres


@dataclass(frozen=True)
class Servers:
    """What a benchmark connects to: ``airflow`` is a task process's environment, ``storage_dsn`` PostgreSQL's own."""

    airflow: Mapping[str, str]
    storage_dsn: str
    redshift_dsn: str

    def warehouse(self, sql: str) -> None:
        """Execute one statement on the local Redshift."""
        with psycopg.connect(self.redshift_dsn, autocommit=True) as connection:
            connection.execute(sql)


@contextmanager
def servers() -> Iterator[Servers]:
    """Start them, seed the flights and the landing files, and stop them."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        env = {**os.environ, "LOCAL_HOME": folder}
        process = subprocess.Popen([sys.executable, "-m", "local.cli", "redshift"], env=env, stdout=subprocess.PIPE)
        try:
            assert process.stdout
            facts = json.loads(process.stdout.readline())
            running = state_dir.create(Path(folder) / "redshift-alone")
            embedded_postgres.init(running.metadata)
            embedded_postgres.start(running.metadata)
            database.prepare(running)
            _seed(running)
            dsn = "postgresql://{user}:{password}@{host}:{port}/{database}?sslmode=disable".format(**facts)
            yield Servers(
                _environment(running, folder), embedded_postgres.dsn(running.postgres, facts["database"]), dsn
            )
        finally:
            embedded_postgres.stop(state_dir.create(Path(folder) / "redshift-alone").metadata)
            process.send_signal(signal.SIGTERM)
            process.wait()


def _environment(running: state_dir.StateDir, folder: str) -> dict[str, str]:
    repository = Path(__file__).resolve().parents[1]
    paths = os.pathsep.join((str(repository), str(repository / "plugins")))
    return {**airflow_services.environment(running), "AIRFLOW_HOME": f"{folder}/airflow", "PYTHONPATH": paths}


def _seed(running: state_dir.StateDir) -> None:
    env = {
        **os.environ,
        "AIRLINE_DSN": embedded_postgres.dsn(running.metadata, airline.DATABASE),
        "AIRLINE_READER_PASSWORD": running.secrets["airline_database"],
    }
    subprocess.run([sys.executable, "-m", "local.sources.airline"], env=env, check=True, stdout=subprocess.DEVNULL)
    landing.drop_files(
        boto3.client(
            "s3",
            endpoint_url=running.url("s3"),
            aws_access_key_id=running.secrets["aws_access_key_id"],
            aws_secret_access_key=running.secrets["aws_secret_access_key"],
            region_name=state_dir.REGION,
        ),
        airflow_services.environment(running)["AIRFLOW__REDSHIFT_ETL__LANDING"],
    )
