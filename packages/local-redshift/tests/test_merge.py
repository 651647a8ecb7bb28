"""MERGE: what it changes, and the limits that Redshift sets it."""

from typing import Any

import psycopg
import pytest


def test_merge_updates_inserts_and_keeps_redshifts_limits(pg: psycopg.Connection[Any]) -> None:
    pg.execute("create table t (id int, v varchar(5)); create table s (id int, v varchar(5))")
    pg.execute("insert into t values (1, 'a'), (2, 'b'); insert into s values (2, 'B'), (3, 'C')")
    both = "when matched then update set v = s.v when not matched then insert values (s.id, s.v)"
    pg.execute(f"merge into t using s on t.id = s.id {both}")
    assert pg.execute("select * from t order by id").fetchall() == [(1, "a"), (2, "B"), (3, "C")]
    pg.execute("create view sv as select * from s")
    for sql, code in [
        (f"merge into t x using s on x.id = s.id {both}", "42601"),
        (f"merge into t using (select * from s) s on t.id = s.id {both}", "42601"),
        ("merge into t using s on t.id = s.id when matched then delete", "42601"),
        (f"merge into t using s on t.id > s.id {both}", "42601"),
        (f"merge into t using sv s on t.id = s.id {both}", "42809"),
    ]:
        with pytest.raises(psycopg.Error) as error:
            pg.execute(sql)
        assert error.value.sqlstate == code, sql
    pg.execute("insert into s values (2, 'again')")
    with pytest.raises(psycopg.Error):
        pg.execute(f"merge into t using s on t.id = s.id {both}")


def test_merge_remove_duplicates_replaces_matching_rows(pg: psycopg.Connection[Any]) -> None:
    pg.execute("create table t (id int, v varchar(5)); create table s (id int, v varchar(5)); create table n (id int)")
    pg.execute(
        "insert into t values (30, 'Tony'), (23, 'Bill');"
        "insert into s values (23, 'David'), (22, 'Clare'), (22, 'Clare')"
    )
    pg.execute("merge into t using s on t.id = s.id remove duplicates")
    assert pg.execute("select * from t order by id").fetchall() == [(22, "Clare"), (23, "David"), (30, "Tony")]
    with pytest.raises(psycopg.Error, match="REMOVE DUPLICATES"):
        pg.execute("merge into t using n on t.id = n.id remove duplicates")
