"""Making a warehouse match the contracts, when several tasks find it empty at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redshift_connector

from redshift_etl.warehouse import migrate
from tests.integration.batches import LoadTarget

TABLES = ("core.airlines", "core.airports", "core.planes", "core.flights")


def test_first_loads_at_the_same_time_each_find_their_tables(redshift: Any) -> None:
    with ThreadPoolExecutor(len(TABLES) * 2) as pool:
        list(pool.map(lambda table: migrate.ensure(redshift.connect, table), TABLES * 2))

    with redshift.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM svv_tables WHERE table_schema = 'core'")
        found = {f"core.{name}" for (name,) in cursor.fetchall()}
    assert found >= set(TABLES)


class Refusing:
    """A connection to which the first CREATE is refused, as a cluster refuses one of two at once."""

    def __init__(self, connection: Any, refused: list[str]) -> None:
        self.connection, self.refused = connection, refused

    def cursor(self) -> Any:
        return self

    def execute(self, sql: str, values: Any = None) -> None:
        if sql.startswith("CREATE") and not self.refused:
            self.refused.append(sql)
            text = "could not complete because of conflict with concurrent transaction"
            raise redshift_connector.ProgrammingError({"S": "ERROR", "C": "XX000", "M": text})
        self.current = self.connection.cursor()
        self.current.execute(sql, values)

    def fetchall(self) -> Any:
        return self.current.fetchall()

    @property
    def description(self) -> Any:
        return self.current.description

    def close(self) -> None:
        """The connection is closed by the test."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


def test_a_create_that_a_concurrent_one_refuses_is_tried_again(target: LoadTarget) -> None:
    refused: list[str] = []
    connection = target.connect()
    migrate.ensure(lambda: Refusing(connection, refused), "core.airlines")
    connection.close()
    assert refused
    assert target.rows("SELECT COUNT(*) FROM core.airlines") == [(0,)]
    assert target.rows("SELECT COUNT(*) FROM etl_lock.core__airlines") == [(0,)]
