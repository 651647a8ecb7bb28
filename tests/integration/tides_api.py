"""Somebody else's API in the form of the archive, a table that is filled from it, and another API beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from redshift_etl.extract.retry import Retry
from tests.integration.http_service import Answer, Service, serving
from tests.integration.raw_files import SqlDir, use_sql_dir

COLUMNS = "tide_at TIMESTAMP NOT NULL, level DOUBLE PRECISION, port VARCHAR(10)"
TIDES = """/*
format: columnar_json
about: [place]
columns:
  time: VARCHAR
  level: DOUBLE PRECISION
  place: VARCHAR
*/
SELECT time::TIMESTAMP AS tide_at, level, place AS port FROM raw"""
PORTS = {"Busan": {"id": "1"}, "Incheon": {"id": "2"}}
QUICK = Retry(attempts=2, first_wait=0.01)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with serving() as service:
        connection = {
            "conn_type": "http",
            "host": service.url,
            "login": "reader",
            "password": "api-password",
            "extra": {"X-Api-Key": "very-secret", "Cookie": "session=very-secret"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_TIDES_API", json.dumps(connection))
        yield service


@pytest.fixture
def other() -> Iterator[Service]:
    """A service on another port, which has an answer of its own."""
    with serving() as service:
        service.answers = [hours("2013-01-01T00:00")]
        yield service


@pytest.fixture
def sql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlDir:
    return use_sql_dir(tmp_path, monkeypatch)


@pytest.fixture
def tides(sql_dir: SqlDir) -> str:
    return sql_dir.table("tides", COLUMNS, TIDES, load="incremental", version="tide_at")


def hours(*times: object, **headers: str) -> Answer:
    body = {"hourly": {"time": list(times), "level": [1.5] * len(times)}}
    return Answer(json.dumps(body).encode(), headers=headers)
