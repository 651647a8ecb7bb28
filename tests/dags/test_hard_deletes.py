"""The DAG of hard deletes as Airflow runs it, on the real flights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local_redshift.storage import embedded_postgres
from tests.dags.world import World, events, run

pytestmark = pytest.mark.slow


@pytest.fixture
def booking(world: World, redshift_server: Any) -> Iterator[Any]:
    """The production database, as its owner."""
    assert world
    database = os.environ["AIRFLOW_CONN_AIRLINE_DB"].rsplit("/", 1)[1]
    with psycopg.connect(embedded_postgres.dsn(redshift_server.pg, database), autocommit=True) as connection:
        yield connection


def test_a_flight_that_is_deleted_is_marked_and_its_day_is_stale(dag_bag: Any, world: World, booking: Any) -> None:
    marked = "SELECT flight_id FROM core.flights WHERE deleted_at = _extracted_at"
    run(dag_bag, "hard_deletes")
    assert world.rows(marked) == []
    assert events("hard_deletes") == []
    (before,) = world.rows("SELECT flight_id, _extracted_at FROM core.flights WHERE deleted_at IS NULL LIMIT 1")
    booking.execute("CREATE TABLE kept AS SELECT * FROM flights WHERE flight_id = %s", before[:1])
    booking.execute("DELETE FROM flights WHERE flight_id = %s", before[:1])
    try:
        run(dag_bag, "hard_deletes")
        assert world.rows(marked) == [before[:1]]
        assert events("hard_deletes") == ["core.flights"]
        days = "SELECT COUNT(*) FROM etl.touched_days t JOIN etl.load_history h ON h.load_id = t.load_id"
        assert world.rows(f"{days} WHERE h.load_kind = 'hard_deletes'") == [(1,)]
    finally:  # the other tests have the same world
        booking.execute("INSERT INTO flights SELECT * FROM kept")
        booking.execute("DROP TABLE kept")
        with world.warehouse.connect() as connection:
            undo = "UPDATE core.flights SET deleted_at = NULL, _extracted_at = %s WHERE flight_id = %s"
            connection.cursor().execute(undo, before[::-1])
            connection.commit()
