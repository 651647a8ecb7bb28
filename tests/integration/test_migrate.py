"""Making a warehouse match the contracts, when several tasks find it empty at the same time."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError
from redshift_etl.warehouse import catalog_query, migrate
from redshift_etl.warehouse.session import open_session
from tests.integration.batches import LoadTarget

TABLES = ("core.airlines", "core.airports", "core.planes", "core.flights")


def test_first_loads_at_the_same_time_each_find_their_tables(redshift: Any) -> None:
    with ThreadPoolExecutor(len(TABLES) * 2) as pool:
        list(pool.map(lambda table: migrate.ensure(redshift.connect, table), TABLES * 2))

    with redshift.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM svv_tables WHERE table_schema = 'core'")
        found = {f"core.{name}" for (name,) in cursor.fetchall()}
    assert found >= set(TABLES)


@pytest.fixture(autouse=True)
def _fresh_process() -> None:
    """Each test as a process of its own, which has seen no table yet."""
    catalog_query.forget_matches()


def catalogue_queries(caplog: pytest.LogCaptureFixture) -> int:
    return sum("columns" in record.getMessage() for record in caplog.records)


def test_all_tables_of_a_load_are_described_by_one_query_and_not_again_by_the_same_process(
    target: LoadTarget, caplog: pytest.LogCaptureFixture
) -> None:
    migrate.ensure(target.connect, "core.flights")
    with caplog.at_level(logging.INFO):
        caplog.clear()
        catalog_query.forget_matches()
        migrate.ensure(target.connect, "core.flights")
        assert catalogue_queries(caplog) == 1
        migrate.ensure(target.connect, "core.flights")
        migrate.ensure(target.connect, "core.airlines")
        assert catalogue_queries(caplog) == 1


def test_a_contract_whose_text_has_changed_is_compared_again(target: LoadTarget) -> None:
    one, two = contract_with(""), contract_with(", extra VARCHAR(5)")
    target.create(one)
    with open_session(target.connect, "a session") as session:
        catalog_query.remember_match(session, one)
        assert catalog_query.has_matched(session, one)
        assert not catalog_query.has_matched(session, two)


def contract_with(columns: str) -> Contract:
    front = "/*\ndescription: d\nowner: us\nload: append\nretention: never\n*/\n"
    return contracts.parse(f"{front}CREATE TABLE core.t (id INTEGER NOT NULL{columns}) DISTSTYLE EVEN;")


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
    assert migrate.changes(contract, found.columns) == ()


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
