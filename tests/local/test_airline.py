from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest

from local.sources import airline
from local.stack import state_dir
from local_redshift.storage import embedded_postgres


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded_postgres.Postgres]:
    pg = state_dir.create(tmp_path_factory.mktemp("airline"), new_ports=True).metadata
    embedded_postgres.init(pg)
    embedded_postgres.start(pg)
    with psycopg.connect(embedded_postgres.dsn(pg, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE airline")
        connection.execute("CREATE DATABASE twin")
        # As a local Redshift on the same server does when it starts, which in docker-compose.yaml it is.
        connection.execute("REVOKE CONNECT ON DATABASE twin FROM PUBLIC")
    yield pg
    embedded_postgres.stop(pg)


@pytest.fixture(scope="module")
def seeded(server: embedded_postgres.Postgres) -> Iterator[psycopg.Connection]:
    dsn = embedded_postgres.dsn(server, "airline")
    assert airline.seed(dsn) == 336_776
    with psycopg.connect(dsn) as connection:
        yield connection


def fetch(connection: psycopg.Connection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql.encode()).fetchall()


@pytest.mark.slow
def test_flights_are_the_published_ones(seeded: psycopg.Connection) -> None:
    carriers = dict(fetch(seeded, "SELECT carrier, count(*) FROM flights GROUP BY carrier"))

    assert {code: carriers[code] for code in ("UA", "B6", "EV", "OO")} == {
        "UA": 58_665,
        "B6": 54_635,
        "EV": 54_173,
        "OO": 32,
    }
    assert fetch(seeded, "SELECT min(flight_id), max(flight_id), count(DISTINCT flight_id) FROM flights") == [
        (1, 336_776, 336_776)
    ]


@pytest.mark.slow
def test_a_landing_changes_a_flight(seeded: psycopg.Connection) -> None:
    # Row 1 of flights.csv: UA1545, scheduled 05:15 in New York, 2 minutes late, 227 minutes in the air.
    row = fetch(seeded, "SELECT created_at, modified_at, deleted_at FROM flights WHERE flight_id = 1")

    assert row == [(datetime(2012, 12, 2, 10, 15), datetime(2013, 1, 1, 14, 4), None)]


def test_a_diverted_flight_lands_after_its_scheduled_block_time(seeded: psycopg.Connection) -> None:
    # Row 472: MQ4525, scheduled 15:30 to 18:05, 5 minutes early, no air time.
    assert fetch(seeded, "SELECT modified_at FROM flights WHERE flight_id = 472") == [(datetime(2013, 1, 1, 23, 0),)]


def test_a_cancelled_flight_is_deleted_at_its_scheduled_departure(seeded: psycopg.Connection) -> None:
    as_expected = "modified_at = deleted_at AND deleted_at = created_at + interval '30 days'"
    cancelled = fetch(
        seeded, f"SELECT count(*), count(*) FILTER (WHERE {as_expected}) FROM flights WHERE dep_time IS NULL"
    )

    assert cancelled == [(8_255, 8_255)]
    assert fetch(seeded, "SELECT count(*) FROM flights WHERE dep_time IS NOT NULL AND deleted_at IS NOT NULL") == [(0,)]


def test_the_last_flights_of_the_year_land_after_it(seeded: psycopg.Connection) -> None:
    assert fetch(seeded, "SELECT count(*) FROM flights WHERE modified_at >= '2014-01-01'") == [(232,)]


@pytest.mark.slow
def test_a_second_seed_changes_nothing(server: embedded_postgres.Postgres, seeded: psycopg.Connection) -> None:
    before = fetch(seeded, "SELECT md5(string_agg(f::text, '' ORDER BY flight_id)) FROM flights f")
    seeded.commit()

    assert airline.seed(embedded_postgres.dsn(server, "airline")) == 336_776
    assert fetch(seeded, "SELECT md5(string_agg(f::text, '' ORDER BY flight_id)) FROM flights f") == before


def test_the_pipelines_login_may_read_and_nothing_else(server: embedded_postgres.Postgres) -> None:
    dsn = embedded_postgres.dsn(server, "twin")
    airline.seed(dsn, days=2)
    airline.allow_reading(dsn, "first")
    airline.allow_reading(dsn, "second")

    with psycopg.connect(
        host="127.0.0.1", port=server.port, user=airline.READER, password="second", dbname="twin"
    ) as reader:
        [(rows, newest)] = fetch(reader, "SELECT count(*), max(created_at) FROM flights")
        assert rows > 1000
        assert newest < datetime(2012, 12, 4)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("DELETE FROM flights")
