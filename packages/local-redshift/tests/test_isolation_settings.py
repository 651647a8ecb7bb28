"""SET TRANSACTION, SET SESSION CHARACTERISTICS and the parameters of isolation, which have no effect on the level."""

from typing import Any

import psycopg
import psycopg2
import pytest

from local_redshift.config import ISOLATION
from local_redshift.testing.pytest_plugin import Connection

WITHOUT_EFFECT = (
    "set transaction isolation level read committed",
    "SET TRANSACTION ISOLATION LEVEL serializable, READ WRITE",
    "set session characteristics as transaction isolation level read uncommitted",
    "set default_transaction_isolation to 'read committed'",
    "set session default_transaction_isolation = serializable",
    "set local transaction_isolation to 'repeatable read'",
    "set default_transaction_isolation to default",
    "reset default_transaction_isolation",
    "reset all",
    "select set_config('DEFAULT_TRANSACTION_ISOLATION', 'read committed', false)",
    "begin isolation level read committed",
)
LEVEL = "select setting from pg_catalog.pg_settings where name = 'transaction_isolation'"  # that of PostgreSQL


@pytest.mark.parametrize("redshift", ["SNAPSHOT", "SERIALIZABLE"], indirect=True)
def test_an_isolation_level_has_no_effect(redshift: Connection, request: pytest.FixtureRequest) -> None:
    level = ISOLATION[request.node.callspec.params["redshift"]]
    with redshift.psycopg(autocommit=True) as session:
        for sql in WITHOUT_EFFECT:
            session.execute(sql)
            assert session.execute(LEVEL).fetchone() == (level,), sql
            session.execute("rollback")
            session.execute("begin")
            session.execute(sql)
            assert session.execute(LEVEL).fetchone() == (level,), sql
            session.execute("rollback")


def test_every_level_is_shown_as_serializable(connection: psycopg.Connection[Any]) -> None:
    connection.execute("set default_transaction_isolation to 'read committed'")
    for query in (
        "show transaction isolation level",
        "show transaction_isolation",
        "show default_transaction_isolation",
        "select current_setting('transaction_isolation')",
    ):
        assert connection.execute(query).fetchall() == [("serializable",)]


def test_read_only_holds_for_the_transaction_or_the_session(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create table t (a int)")
    connection.execute("begin")
    connection.execute("set transaction isolation level serializable read only")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("insert into t values (1)")
    connection.execute("rollback")
    connection.execute("insert into t values (1)")
    connection.execute("set session characteristics as transaction read only")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("insert into t values (1)")
    connection.execute("set session characteristics as transaction read write")
    connection.execute("insert into t values (1)")
    assert connection.execute("select count(*) from t").fetchone() == (2,)


def test_what_is_no_level_is_an_error(connection: psycopg.Connection[Any]) -> None:
    for sql, code in (
        ("set transaction", "42601"),
        ("set transaction isolation level chaos", "42601"),
        ("set transaction snapshot '1'", "42601"),
        ("set session characteristics as transaction", "42601"),
        ("set session characteristics transaction read only", "42601"),
        ("set default_transaction_isolation to chaos", "22023"),
        ("set default_transaction_isolation 'serializable'", "42601"),
        ("set default_transaction_deferrable to on", "42704"),
        ("show transaction isolation", "42601"),
    ):
        with pytest.raises(psycopg.Error) as error:
            connection.execute(sql)
        assert error.value.sqlstate == code, sql


def test_psycopg2_changes_the_session_while_it_commits_by_itself(empty_redshift: Connection) -> None:
    """It sends SET default_transaction_isolation and default_transaction_read_only then; SQLAlchemy's pool does so."""
    connection = psycopg2.connect(empty_redshift.dsn())
    try:
        connection.set_session(isolation_level="SERIALIZABLE", readonly=True, autocommit=True)
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            connection.cursor().execute("create table t (a int)")
        connection.set_session(isolation_level="DEFAULT", readonly="DEFAULT", autocommit=False)
        cursor = connection.cursor()
        cursor.execute("create table t (a int)")
        connection.rollback()
        cursor.execute("show default_transaction_read_only")
        assert cursor.fetchall() == [("off",)]
    finally:
        connection.close()


def test_psycopg2_resets_a_connection(empty_redshift: Connection) -> None:
    """`connection.reset()`, with which each load of dlt begins: ABORT, RESET ALL, SET SESSION AUTHORIZATION DEFAULT."""
    connection = psycopg2.connect(empty_redshift.dsn())
    try:
        cursor = connection.cursor()
        cursor.execute("create table unfinished (a int)")
        cursor.execute("set query_group to 'nightly'")
        connection.reset()
        cursor.execute("select count(*) from pg_table_def where tablename = 'unfinished'")
        assert cursor.fetchall() == [(0,)]
        cursor.execute("show query_group")
        assert cursor.fetchall() == [("unset",)]
    finally:
        connection.close()
