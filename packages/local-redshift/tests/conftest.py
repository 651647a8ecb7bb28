"""One database for all tests, emptied before each: faster than creating one for each."""

import importlib.util
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.copy_loader import Loader

from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

# They run the Amazon provider's hooks and operators, and clients that the repository pins; the package needs neither.
collect_ignore = [] if importlib.util.find_spec("airflow") else ["test_operators.py", "clients"]


@pytest.fixture(scope="session")
def shared_redshift(redshift_server: RedshiftServer) -> Iterator[Connection]:
    """How to connect to the database that the tests share."""
    name = redshift_server.new_database()
    yield redshift_server.connection(name)
    redshift_server.drop_database(name)


@pytest.fixture
def empty_redshift(shared_redshift: Connection, redshift_server: RedshiftServer) -> Connection:
    """How to connect to the shared database, without tables, views and load log."""
    with psycopg.connect(redshift_server.config.admin(shared_redshift.database), autocommit=True) as admin:
        admin.execute(
            "drop schema public cascade; create schema public; grant all on schema public to public;"
            "truncate redshift_internal.load_errors, redshift_internal.loads, redshift_internal.load_files"
        )
    return shared_redshift


@pytest.fixture
def connection(empty_redshift: Connection) -> Iterator[psycopg.Connection[Any]]:
    """A psycopg 3 connection in autocommit."""
    with empty_redshift.psycopg(autocommit=True) as connection:
        yield connection


@pytest.fixture
def superuser(empty_redshift: Connection, redshift_server: RedshiftServer) -> Iterator[psycopg.Connection[Any]]:
    """PostgreSQL's superuser in the same database: what users cannot see."""
    with psycopg.connect(redshift_server.config.admin(empty_redshift.database), autocommit=True) as connection:
        yield connection


@pytest.fixture
def driver_connection(empty_redshift: Connection) -> Iterator[Any]:
    """A redshift_connector connection in autocommit."""
    with empty_redshift.connect() as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def loader(driver_connection: Any, redshift_server: RedshiftServer) -> Loader:
    """A Loader into the shared database, with a key prefix of its own."""
    return Loader(driver_connection.cursor(), redshift_server, f"copy/{uuid.uuid4()}")
