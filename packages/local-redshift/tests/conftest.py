"""One database for all tests, emptied before each: quicker than a fresh one each time."""

import importlib.util
import uuid
from typing import Any

import psycopg
import pytest
from loading import Loader

from local_redshift.testing.pytest_plugin import RedshiftServer

# They run the Amazon provider's hooks and operators, which the package does not depend on.
collect_ignore = [] if importlib.util.find_spec("airflow") else ["test_operators.py"]


@pytest.fixture(scope="session")
def database(redshift_server: RedshiftServer):
    """A Connection to the database that the tests share."""
    name = redshift_server.new_database()
    yield redshift_server.connection(name)
    redshift_server.drop_database(name)


@pytest.fixture
def empty(database, redshift_server: RedshiftServer):
    """The shared database without tables, views and log."""
    with psycopg.connect(redshift_server.config.admin(database.database), autocommit=True) as admin:
        admin.execute(
            "drop schema public cascade; create schema public; grant all on schema public to public;"
            "truncate redshift_internal.load_errors, redshift_internal.loads, redshift_internal.load_files"
        )
    return database


@pytest.fixture
def pg(empty):
    """A psycopg 3 connection in autocommit."""
    with empty.psycopg(autocommit=True) as connection:
        yield connection


@pytest.fixture
def rs(empty):
    """A redshift_connector connection in autocommit."""
    with empty.connect() as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def loader(rs: Any, redshift_server: RedshiftServer):
    """A Loader over the shared database, with a folder of its own."""
    return Loader(rs.cursor(), redshift_server, f"copy/{uuid.uuid4()}")
