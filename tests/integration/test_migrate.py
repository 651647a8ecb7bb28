"""Making a warehouse match the contracts, when several tasks find it empty at the same time."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redshift_connector

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError
from redshift_etl.warehouse import catalog_query, migrate, table_changes
from redshift_etl.warehouse.session import open_session
from tests.integration.batches import LoadTarget

TABLES = ("core.airlines", "core.airports", "core.planes", "core.flights")


@pytest.mark.slow
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


def test_all_tables_of_a_load_are_described_by_one_query(target: LoadTarget, caplog: pytest.LogCaptureFixture) -> None:
    migrate.ensure(target.connect, "core.flights")
    caplog.clear()
    with caplog.at_level(logging.INFO):
        migrate.ensure(target.connect, "core.flights")
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "core.flights: read the tables' columns"
    ]


def contract_with(columns: str) -> Contract:
    front = "/*\ndescription: d\nowner: us\nload: full_refresh\nretention: never\n*/\n"
    return contracts.parse(f"{front}CREATE TABLE core.t (id INTEGER NOT NULL PRIMARY KEY{columns}) DISTSTYLE EVEN;")


def test_every_type_that_a_contract_may_have_is_described_as_the_contract_writes_it(target: LoadTarget) -> None:
    types = (
        "SMALLINT", "INTEGER", "BIGINT", "DECIMAL(9,2)", "DECIMAL(18,0)", "REAL", "DOUBLE PRECISION", "BOOLEAN",
        "CHAR(3)", "VARCHAR(10)", "VARCHAR(65535)", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "SUPER",
    )  # fmt: skip
    contract = contract_with("".join(f", c{n} {name}" for n, name in enumerate(types)))
    target.create(contract)
    with open_session(target.connect, "a session") as session:
        found = catalog_query.read_tables(session, [contract.table])[contract.table]
    assert [column.type for column in found.columns] == ["INTEGER", *types]
    assert [column.nullable for column in found.columns] == [False] + [True] * len(types)
    assert (found.own, found.is_view) == (True, False)
    assert table_changes.changes(contract, found.columns) == ()


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("carrier INTEGER", "1"),
        ("carrier VARCHAR(2) NOT NULL", "'UA'"),
        ("carrier VARCHAR(2) NOT NULL, name VARCHAR(64) NOT NULL, code INTEGER", "'UA', 'United', 1"),
    ],
    ids=["another type", "a new column is NOT NULL", "a column too many"],
)
def test_dropping_a_table_that_differs_is_proposed_while_it_is_empty_and_only_then(
    target: LoadTarget, columns: str, row: str
) -> None:
    target.run("CREATE SCHEMA IF NOT EXISTS core")
    target.run(f"CREATE TABLE core.airlines ({columns})")
    with pytest.raises(ConfigError, match=r"as the table is empty, run: DROP TABLE core\.airlines; the next run"):
        migrate.ensure(target.connect, "core.airlines")
    target.run(f"INSERT INTO core.airlines VALUES ({row})")
    with pytest.raises(ConfigError) as error:
        migrate.ensure(target.connect, "core.airlines")
    assert "DROP TABLE" not in str(error.value)


@pytest.fixture
def stranger(target: LoadTarget) -> LoadTarget:
    """The same database as another user sees it, who may create tables in `core`."""
    target.run("CREATE SCHEMA IF NOT EXISTS core")
    name = f"stranger_{uuid4().hex[:8]}"
    target.run(f"CREATE USER {name} PASSWORD 'Str4nger-here'")
    for schema in ("core", "etl"):
        target.run(f"GRANT ALL ON SCHEMA {schema} TO {name}")
        target.run(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {name}")
    database = replace(target.database, user=name, password="Str4nger-here")
    return LoadTarget(target.server, database, target.s3)


def test_somebody_elses_table_of_the_name_is_reported_with_its_owner(target: LoadTarget, stranger: LoadTarget) -> None:
    target.run("CREATE TABLE core.airlines (code INTEGER)")
    with pytest.raises(ConfigError, match="belongs to") as error:
        migrate.ensure(stranger.connect, "core.airlines")
    assert error.value.where["owner"] == target.database.user


def test_somebody_elses_table_that_lacks_a_column_only_is_reported_with_its_owner(
    target: LoadTarget, stranger: LoadTarget
) -> None:
    target.create(contracts.load("core.planes"))
    target.run("ALTER TABLE core.planes DROP COLUMN speed_mph")
    with pytest.raises(ConfigError, match="belongs to") as error:
        migrate.ensure(stranger.connect, "core.planes")
    assert error.value.where["owner"] == target.database.user


def test_a_view_of_the_name_is_reported_as_that(target: LoadTarget) -> None:
    target.run("CREATE SCHEMA IF NOT EXISTS core")
    target.run("CREATE VIEW core.airlines AS SELECT 1 AS carrier")
    with pytest.raises(ConfigError, match="another view of this name"):
        migrate.ensure(target.connect, "core.airlines")


def test_a_name_that_is_taken_by_what_the_catalogue_does_not_show_is_an_error_at_once(target: LoadTarget) -> None:
    target.run("CREATE SCHEMA IF NOT EXISTS core")
    with psycopg.connect(target.server.config.admin(target.database.database)) as admin:
        admin.execute("CREATE SEQUENCE core.airlines")
    with pytest.raises(ConfigError, match="cannot see"):
        migrate.ensure(target.connect, "core.airlines")
