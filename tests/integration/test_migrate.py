"""Making a warehouse match the contracts, when several tasks find it empty at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redshift_etl.warehouse import migrate

TABLES = ("core.airlines", "core.airports", "core.planes", "core.flights")


def test_first_loads_at_the_same_time_each_find_their_tables(redshift: Any) -> None:
    with ThreadPoolExecutor(len(TABLES) * 2) as pool:
        list(pool.map(lambda table: migrate.ensure(redshift.connect, table), TABLES * 2))

    with redshift.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM svv_tables WHERE table_schema = 'core'")
        found = {f"core.{name}" for (name,) in cursor.fetchall()}
    assert found >= set(TABLES)
