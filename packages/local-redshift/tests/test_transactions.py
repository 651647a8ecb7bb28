"""Transactions: what commits, what waits, what conflicts, what may not be in a block."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

LEVELS = ("SNAPSHOT", "SERIALIZABLE")
Pair = tuple[psycopg.Connection[Any], psycopg.Connection[Any]]


@pytest.fixture(scope="module", params=LEVELS)
def shared_redshift(request: pytest.FixtureRequest, redshift_server: RedshiftServer) -> Iterator[Connection]:
    """A database at each isolation level, for the tests of this module."""
    name = redshift_server.new_database(isolation=request.param)
    yield redshift_server.connection(name)
    redshift_server.drop_database(name)


@pytest.fixture
def two_connections(empty_redshift: Connection) -> Iterator[Pair]:
    """Two psycopg 3 connections with a statement timeout, in no transaction, and the tables t and u."""
    with empty_redshift.psycopg() as one, empty_redshift.psycopg() as other:
        with empty_redshift.psycopg(autocommit=True) as setup:
            setup.execute("create table t (id int, v int); create table u (id int); insert into t values (1, 1)")
        one.execute("set statement_timeout to 5000")
        other.execute("set statement_timeout to 5000")
        one.commit()
        other.commit()
        yield one, other


def start(connection: psycopg.Connection[Any], sql: str) -> tuple[threading.Thread, list[int | psycopg.Error]]:
    """Run a statement in a thread; return the thread, and a list that receives the row count or the error."""
    outcome: list[int | psycopg.Error] = []

    def run() -> None:
        try:
            outcome.append(connection.execute(sql).rowcount)
        except psycopg.Error as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(0.3)
    return thread, outcome


def test_truncate_commits_what_came_before_and_cannot_be_rolled_back(two_connections: Pair) -> None:
    one, other = two_connections
    one.execute("insert into u values (7)")
    one.execute("truncate table t")
    one.rollback()
    assert other.execute("select (select count(*) from t), (select count(*) from u)").fetchone() == (0, 1)


@pytest.mark.parametrize(
    "sql", ["vacuum t", "alter table t append from t2", "alter table t alter column name type varchar(9)"]
)
def test_statements_refused_in_a_transaction_block(two_connections: Pair, sql: str) -> None:
    one, _ = two_connections
    one.execute("create table t2 (id int, v int)")
    with pytest.raises(psycopg.Error) as error:
        one.execute(sql)
    assert error.value.sqlstate == "25001"
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        one.execute("select 1")
    one.rollback()


@pytest.mark.parametrize(
    ("sql", "count"),
    [("insert into t values (2, 2)", 1), ("delete from t where id = 9", 0), ("update t set v = 2 where id = 9", 0)],
)
def test_a_second_write_to_a_table_waits_for_the_first(two_connections: Pair, sql: str, count: int) -> None:
    one, other = two_connections
    one.execute("insert into t values (3, 3)")
    thread, outcome = start(other, sql)
    assert outcome == []
    assert one.execute("select count(*) from t").fetchone() == (2,)
    one.commit()
    thread.join(5)
    assert outcome == [count]


def test_a_write_by_the_simple_protocol_waits_too_and_readers_do_not(
    two_connections: Pair, empty_redshift: Connection
) -> None:
    one, other = two_connections
    one.execute("insert into t values (3, 3)")
    with empty_redshift.psycopg(autocommit=True, cursor_factory=psycopg.ClientCursor) as third:
        thread, outcome = start(third, "insert into t values (4, 4)")
        assert outcome == []
        assert other.execute("select count(*) from t").fetchone() == (1,)
        one.commit()
        thread.join(5)
        assert outcome == [1]


def test_one_vacuum_runs_at_a_time(two_connections: Pair, empty_redshift: Connection) -> None:
    one, other = two_connections
    one.execute("insert into t values (3, 3)")
    other.autocommit = True
    with empty_redshift.psycopg(autocommit=True) as third:
        thread, outcome = start(other, "vacuum t")
        assert outcome == []
        with pytest.raises(psycopg.Error, match="VACUUM is running"):
            third.execute("vacuum u")
        one.commit()
        thread.join(5)
        assert outcome == [-1]
        third.execute("vacuum u")


def test_lock_blocks_readers_and_works_before_the_snapshot(two_connections: Pair) -> None:
    one, other = two_connections
    one.execute("lock table t")
    thread, outcome = start(other, "lock t")
    assert outcome == []
    one.execute("update t set v = v + 1")
    one.commit()
    thread.join(5)
    other.execute("update t set v = v + 1")
    other.commit()
    assert one.execute("select v from t").fetchone() == (3,)


def test_waiting_single_statements_do_not_conflict(empty_redshift: Connection, two_connections: Pair) -> None:
    one, _ = two_connections
    one.execute("update t set v = v + 1")
    with empty_redshift.psycopg(autocommit=True) as third:
        thread, outcome = start(third, "update t set v = v + 10")
        one.commit()
        thread.join(5)
        assert outcome == [1]
        assert third.execute("select v from t").fetchone() == (12,)


def cross(pair: Pair, reads: str = "select * from {}", writes: str = "insert into {} values (9)") -> None:
    """In two transactions read what the other writes; the first has committed."""
    for connection, read, written in zip(pair, ("t", "u"), ("u", "t"), strict=True):
        connection.execute(reads.format(read)).fetchall()
        connection.execute(writes.format(written))
    pair[0].commit()


@pytest.mark.parametrize("shared_redshift", ["SNAPSHOT"], indirect=True)
def test_crossed_reads_and_writes_commit_under_snapshot_isolation(two_connections: Pair) -> None:
    cross(two_connections)
    two_connections[1].commit()
    query = "select (select count(*) from t), (select count(*) from u)"
    assert two_connections[0].execute(query).fetchone() == (2, 1)


@pytest.mark.parametrize("shared_redshift", ["SERIALIZABLE"], indirect=True)
def test_crossed_reads_and_writes_are_a_serializable_violation_1023(two_connections: Pair) -> None:
    _, other = two_connections
    cross(two_connections)
    with pytest.raises(psycopg.Error, match="1023") as error:
        other.commit()
    assert error.value.sqlstate == "XX000"
    assert "Serializable isolation violation on table" in str(error.value.diag.message_detail)


@pytest.mark.parametrize("shared_redshift", ["SERIALIZABLE"], indirect=True)
def test_a_serializable_violation_is_by_table_and_not_by_row(two_connections: Pair) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html: the error names a table."""
    one, other = two_connections
    one.execute("insert into t values (2, 2), (3, 3)")
    one.execute("insert into u values (1), (2), (3)")
    one.commit()
    cross(two_connections, "select id from {} where id = 1", "delete from {} where id = 3")
    with pytest.raises(psycopg.Error, match="1023"):
        other.commit()


def test_a_reader_waits_from_the_lock_of_its_table_to_the_commit(
    two_connections: Pair, empty_redshift: Connection
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html: ACCESS EXCLUSIVE, which blocks reads."""
    one, other = two_connections
    one.execute("lock table t")
    thread, outcome = start(other, "select count(*) from t")
    with empty_redshift.psycopg(autocommit=True) as third:
        assert third.execute("select count(*) from u").fetchone() == (0,)
    one.execute("insert into t values (2, 2)")
    thread.join(0.5)
    assert outcome == []
    started = time.monotonic()
    one.commit()
    thread.join(5)
    assert outcome == [1]
    assert time.monotonic() - started < 1


def test_temporary_tables_of_concurrent_loads_do_not_conflict(two_connections: Pair) -> None:
    for connection in two_connections:
        connection.execute("create temp table stage (like t including defaults)")
        connection.execute("insert into stage select * from t")
    for connection in two_connections:
        connection.commit()
    assert [connection.execute("select * from stage").fetchall() for connection in two_connections] == [
        [(1, 1)],
        [(1, 1)],
    ]


def test_begin_accepts_isolation_levels_and_a_failed_statement_fails_the_block(two_connections: Pair) -> None:
    one, _ = two_connections
    one.autocommit = True
    one.execute("begin isolation level read committed read write")
    with pytest.raises(psycopg.Error):
        one.execute("create index i on t (id)")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        one.execute("select 1")
    one.execute("rollback")
    assert one.execute("select 1").fetchone() == (1,)


@pytest.mark.usefixtures("two_connections")
def test_several_statements_in_one_message_are_one_transaction(empty_redshift: Connection) -> None:
    with empty_redshift.psycopg(autocommit=True, cursor_factory=psycopg.ClientCursor) as third:
        with pytest.raises(psycopg.Error):
            third.execute("insert into t values (5, 5); create table x (a int distkey); select 1/0")
        assert third.execute("select count(*) from t").fetchone() == (1,)
        third.execute("insert into t values (5, 5); create table x (a int distkey); insert into x values (1)")
        assert third.execute("select (select count(*) from t), (select count(*) from x)").fetchone() == (2, 1)


def test_the_log_has_statements_with_secrets_masked_and_survives_a_rollback(two_connections: Pair) -> None:
    one, other = two_connections
    one.execute("select 12345 as logged")
    with pytest.raises(psycopg.Error):
        one.execute(
            "copy t from 's3://lake/none' credentials 'aws_access_key_id=AKIASECRET;aws_secret_access_key=SECRET' csv"
        )
    one.rollback()
    rows = other.execute(
        "select trim(query_text), trim(status), trim(query_type) from sys_query_history "
        "where query_text like '%logged%' or query_text like 'copy%'"
    )
    found = {row[0][:6]: row for row in rows.fetchall() if "sys_query" not in row[0]}
    assert found["select"][1:] == ("success", "SELECT")
    assert found["copy t"][1:] == ("failed", "COPY")
    assert "SECRET" not in found["copy t"][0]


@pytest.mark.parametrize("sql", ["create table made (id int)", "create table if not exists made (id int)"])
def test_two_creations_of_one_table_at_once_conflict(two_connections: Pair, sql: str) -> None:
    """The text is of aws/amazon-redshift-jdbc-driver#147."""
    one, other = two_connections
    one.execute(sql)
    thread, outcome = start(other, sql)
    one.commit()
    thread.join()
    (error,) = outcome
    assert isinstance(error, psycopg.Error)
    assert error.sqlstate == "XX000"
    assert str(error) == "could not complete because of conflict with concurrent transaction"
