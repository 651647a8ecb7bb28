"""Views: bound, late-binding and materialized ones, and what a late-binding view keeps from changing."""

from typing import Any

import psycopg
import pytest


def test_views_are_read_only_and_materialized_views_refresh(pg: psycopg.Connection[Any]) -> None:
    pg.execute("create table t (a int)")
    pg.execute("create view v as select a from public.t with no schema binding")
    pg.execute("create materialized view m backup no diststyle all auto refresh no as select count(*) as n from t")
    pg.execute("insert into t values (1)")
    assert pg.execute("select (select count(*) from v), (select n from m)").fetchone() == (1, 0)
    pg.execute("refresh materialized view m")
    assert pg.execute("select n from m").fetchone() == (1,)
    with pytest.raises(psycopg.Error, match="cannot insert a view"):
        pg.execute("insert into v values (2)")


@pytest.mark.parametrize("listed", ["*", "a, b", "t.*", "count(*)"])
def test_a_late_binding_view_never_answers_for_a_table_that_has_changed_its_name(
    pg: psycopg.Connection[Any], listed
) -> None:
    """The swap by renaming: on Redshift such a view reads the new table; a bound one would go on reading the old."""
    pg.execute("create table t (a int, b int); create table t_new (a int, b int); insert into t_new values (1, 2)")
    pg.execute(f"create or replace view v as select {listed} from public.t with no schema binding")
    with pytest.raises(psycopg.Error, match="binds the late-binding view v") as error:
        pg.execute("alter table t rename to t_old")
    assert error.value.sqlstate == "0A000"
    with pytest.raises(psycopg.Error, match="depend"):
        pg.execute("drop table t")
    pg.execute("drop view v")
    pg.execute("alter table t rename to t_old; alter table t_new rename to t")
    pg.execute(f"create view v as select {listed} from public.t with no schema binding")
    assert pg.execute("select * from v").fetchone() in [(1, 2), (1,)]


def test_a_late_binding_view_refuses_the_changes_of_columns_that_it_would_show(pg: psycopg.Connection[Any]) -> None:
    pg.execute("create table t (a int, b int); create table u (a int, b int)")
    pg.execute("create schema late; create table late.w (a int)")
    pg.execute("create view elsewhere as select a from late.w with no schema binding")
    pg.execute("create view star as select u.*, 2 * 3 as six from public.u with no schema binding")
    pg.execute("create view named as select a, count(*) as n from public.t group by a with no schema binding")
    for change in (
        "alter table u add column c int",
        "alter table u rename column b to c",
        "alter table t rename column a to c",
        "alter schema late rename to elsewhere",
    ):
        with pytest.raises(psycopg.Error, match="late-binding view"):
            pg.execute(change)
    pg.execute("alter table t add column c int; alter table t rename column b to d; alter table t alter distkey a")
    pg.execute("create or replace view named as select a, count(*) as n from public.t group by a")
    pg.execute("alter table t rename column a to e")  # a bound view follows, on Redshift too
    assert pg.execute("select a from named").fetchall() == []
    pg.execute("drop schema late cascade")


def test_a_late_binding_view_needs_schemas_in_its_names(pg: psycopg.Connection[Any]) -> None:
    pg.execute("create table t (a int)")
    for source in ("t", "public.t x join t y on x.a = y.a"):
        with pytest.raises(psycopg.Error, match="should be qualified"):
            pg.execute(f"create view v as select 1 as one from {source} with no schema binding")
    pg.execute(
        "create view v as with c as (select a from public.t) select nvl(a, 0) as a from c with no schema binding"
    )
    assert pg.execute("select * from v").fetchall() == []
