"""Views: bound, late-binding and materialized ones, and the changes that a late-binding view prevents."""

from typing import Any

import psycopg
import pytest


def test_views_are_read_only_and_materialized_views_refresh(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create table t (a int)")
    connection.execute("create view v as select a from public.t with no schema binding")
    connection.execute(
        "create materialized view m backup no diststyle all auto refresh no as select count(*) as n from t"
    )
    connection.execute("insert into t values (1)")
    assert connection.execute("select (select count(*) from v), (select n from m)").fetchone() == (1, 0)
    connection.execute("refresh materialized view m")
    assert connection.execute("select n from m").fetchone() == (1,)
    with pytest.raises(psycopg.Error, match="cannot insert a view"):
        connection.execute("insert into v values (2)")


@pytest.mark.parametrize(("columns", "row"), [("*", (1, 2)), ("a, b", (1, 2)), ("t.*", (1, 2)), ("count(*)", (1,))])
def test_a_late_binding_view_prevents_renaming_its_table(
    connection: psycopg.Connection[Any], columns: str, row: tuple[int, ...]
) -> None:
    """The swap by renaming: on Redshift such a view reads the new table; a bound one would go on reading the old."""
    connection.execute(
        "create table t (a int, b int); create table t_new (a int, b int); insert into t_new values (1, 2)"
    )
    connection.execute(f"create or replace view v as select {columns} from public.t with no schema binding")
    with pytest.raises(psycopg.Error, match="binds the late-binding view v") as error:
        connection.execute("alter table t rename to t_old")
    assert error.value.sqlstate == "0A000"
    with pytest.raises(psycopg.Error, match="depend"):
        connection.execute("drop table t")
    connection.execute("drop view v")
    connection.execute("alter table t rename to t_old; alter table t_new rename to t")
    connection.execute(f"create view v as select {columns} from public.t with no schema binding")
    assert connection.execute("select * from v").fetchone() == row


def test_a_late_binding_view_prevents_changes_of_the_columns_it_reads(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create table t (a int, b int); create table u (a int, b int)")
    connection.execute("create schema late; create table late.w (a int)")
    connection.execute("create view elsewhere as select a from late.w with no schema binding")
    connection.execute("create view star as select u.*, 2 * 3 as six from public.u with no schema binding")
    connection.execute("create view named as select a, count(*) as n from public.t group by a with no schema binding")
    for change in (
        "alter table u add column c int",
        "alter table u rename column b to c",
        "alter table t rename column a to c",
        "alter schema late rename to elsewhere",
    ):
        with pytest.raises(psycopg.Error, match="late-binding view"):
            connection.execute(change)
    connection.execute(
        "alter table t add column c int; alter table t rename column b to d; alter table t alter distkey a"
    )
    connection.execute("create or replace view named as select a, count(*) as n from public.t group by a")
    connection.execute("alter table t rename column a to e")  # a bound view follows, on Redshift too
    assert connection.execute("select a from named").fetchall() == []
    connection.execute("drop schema late cascade")


def test_a_late_binding_view_needs_schemas_in_its_names(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create table t (a int)")
    for source in ("t", "public.t x join t y on x.a = y.a"):
        with pytest.raises(psycopg.Error, match="should be qualified"):
            connection.execute(f"create view v as select 1 as one from {source} with no schema binding")
    connection.execute(
        "create view v as with c as (select a from public.t) select nvl(a, 0) as a from c with no schema binding"
    )
    assert connection.execute("select * from v").fetchall() == []
