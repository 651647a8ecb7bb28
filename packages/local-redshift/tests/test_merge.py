"""MERGE: its changes, and Redshift's limits."""

from typing import Any

import psycopg
import pytest


def test_merge_updates_inserts_and_has_redshifts_limits(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create table t (id int, v varchar(5)); create table s (id int, v varchar(5))")
    connection.execute("insert into t values (1, 'a'), (2, 'b'); insert into s values (2, 'B'), (3, 'C')")
    both = "when matched then update set v = s.v when not matched then insert values (s.id, s.v)"
    connection.execute(f"merge into t using s on t.id = s.id {both}")
    assert connection.execute("select * from t order by id").fetchall() == [(1, "a"), (2, "B"), (3, "C")]
    connection.execute("create view sv as select * from s")
    for sql, code in [
        (f"merge into t x using s on x.id = s.id {both}", "42601"),
        (f"merge into t using (select * from s) s on t.id = s.id {both}", "42601"),
        ("merge into t using s on t.id = s.id when matched then delete", "42601"),
        (f"merge into t using s on t.id > s.id {both}", "42601"),
        (f"merge into t using sv s on t.id = s.id {both}", "42809"),
    ]:
        with pytest.raises(psycopg.Error) as error:
            connection.execute(sql)
        assert error.value.sqlstate == code, sql
    connection.execute("insert into s values (2, 'again')")
    with pytest.raises(psycopg.Error, match="affect row a second time"):
        connection.execute(f"merge into t using s on t.id = s.id {both}")


def test_merge_remove_duplicates_replaces_matching_rows(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "create table t (id int, v varchar(5)); create table s (id int, v varchar(5)); create table n (id int)"
    )
    connection.execute(
        "insert into t values (30, 'Tony'), (23, 'Bill');"
        "insert into s values (23, 'David'), (22, 'Clare'), (22, 'Clare')"
    )
    connection.execute("merge into t using s on t.id = s.id remove duplicates")
    assert connection.execute("select * from t order by id").fetchall() == [(22, "Clare"), (23, "David"), (30, "Tony")]
    with pytest.raises(psycopg.Error, match="REMOVE DUPLICATES"):
        connection.execute("merge into t using n on t.id = n.id remove duplicates")
