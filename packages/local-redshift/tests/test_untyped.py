"""Bare literals and NULLs of subqueries, CTEs and views, which have no type until something gives them one.

The sources are named in query/untyped_literals.py.
"""

from decimal import Decimal
from typing import Any

import psycopg
import psycopg2
import pytest

from local_redshift.query.rewrite import rewrite
from local_redshift.storage.embedded_postgres import dsn
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

SETUP = [
    "create table t (id int, name varchar(10), price numeric(8, 2))",
    "insert into t values (1, 'x', 1.50), (2, 'y', 2.00)",
    "create table target (o varchar(10), id int, n int, d date)",
    "create view v as select 'x' as o, id from t",
    "create view nested_view as select o, id from (select 'x' as o, id from t) as d",
]
REFUSED = [
    "select o, count(*) from (select 'x' as o from t) d group by o",
    "select distinct d.o from (select 'x' as o from t) d",
    "select count(distinct o) from (select 'x' as o from t) d",
    "select id from (select id, 'x' o from t) d where d.o = 'x'",
    "select id from (select id, 'x' as o from t) d where o in ('x', 'y')",
    "select id from (select id, 'x' as o from t) d where o like 'x%'",
    "select id from (select id, 'x' as o from t) d where o between 'a' and 'z'",
    "select t.id from t join (select 'x' as o, id from t) d on t.name = d.o",
    "select t.id from t, (select 'x' as o) d where d.o <> t.name",
    "select id, o from (select id, 'x' as o from t) d order by 2",
    "select row_number() over (partition by o order by id) from (select id, 'x' as o from t) d",
    "select row_number() over (order by o) from (select 'x' as o from t) d",
    "select upper(o) from (select 'x' as o from t) d",
    "select len(o) from (select 'x' as o from t where id > 99) d",
    "select d.o || name from (select 'x' as o, name from t) d",
    "select max(o) from (select null as o from t) d",
    "select case when o = 'x' then 1 end from (select 'x' as o from t) d",
    "select b.o from (select a.o from (select 'x' as o from t) a) b group by b.o",
    "with c as (select 'x' as o from t) select o from c group by o",
    "with c as (select 'x' as o from t), e as (select * from c) select e.o from e where e.o = 'x'",
    "select o, count(*) from v group by o",
    "select id from nested_view where o = 'x'",
    "select id from t where id in (select id from (select id, 'x' as o from t) d where o = 'x')",
    "insert into target (o) select distinct o from (select 'x' as o from t) d",
    "delete from target using (select 'x' as o) d where target.o = d.o",
]
ALLOWED = [
    "select 'x' as o, count(*) from t group by o",
    "select o, id from (select 'x' as o, id from t) d order by id",
    "select * from (select 'x', null, id from t) d",
    "select o::varchar(5) from (select 'x' as o from t) d",
    "select o is null, count(o) from (select null as o, id from t) d group by id, 1",
    "select o, count(*) from (select case when id = 1 then 'x' else 'y' end as o from t) d group by o",
    "select o, count(*) from (select coalesce(null, 'x') as o from t) d group by o",
    "select o, count(*) from (select 'x' || 'y' as o from t) d group by o",
    "select o, count(*) from (select date '2024-01-01' as o from t) d group by o",
    "select o, count(*) from (select 'x' as o from t union all select 'y' from t) d group by o",
    "select id from (select distinct 'x' as o, id from t) d where o = 'x'",
    "select id from (select 'x' as o, id from t group by 1, 2) d where o = 'x'",
    "select id from (select 'x' as o, id from t order by o) d where o = 'x'",
    "select id from t where exists (select 'x' from t where id = 1)",
    "select id from t where name in (select 'x') and name = (select 'x')",
    "select sum(n) from (select 1 as n, 'x' as o from t) d where n = 1",
    (
        "with a as (select 'a' as o, id from t), b as (select null as o, id from t),"
        " c as (select * from a union all select * from b) select o, count(*) from c group by o"
    ),
    "insert into target select 'x', id, null, '2024-01-01' from t",
    "insert into target select o, id, n, d from (select 'x' as o, id, null as n, '2024-01-01' as d from t) q",
    "update target set o = q.o from (select 'x' as o, 1 as id) q where q.id = target.id",
    "create table made as select 'x' as c, o from (select 'y' as o from t) d",
]
REDSHIFTS_OWN: list[tuple[str, list[tuple[object, ...]]]] = [
    ("select p from (select 'x' as o, o || 'y' as p from t) d where p = 'xy'", [("xy",), ("xy",)]),
    (
        "select id from t union all select o from (select null as o from t) d order by 1 limit 3",
        [(1,), (2,), (None,)],
    ),
    ("select extract(year from (select date '2020-01-01'))", [(2020,)]),
    ("select sum(q) from (select price / 3 as q, 'x' as o from t) d", [(Decimal("1.1666666666666"),)]),
]
# In the form of TPC-H's queries 8, 13 and 22.
PUBLIC = [
    (
        "select o_year, sum(case when nation = 'x' then volume else 0 end) / sum(volume) as share from"
        " (select id as o_year, price as volume, name as nation from t) as all_nations group by o_year order by o_year"
    ),
    (
        "select c_count, count(*) as custdist from (select id, count(name) from t left join (select 1 as k) z on k = id"
        " group by id) as c_orders (c_custkey, c_count) group by c_count order by custdist desc, c_count desc"
    ),
    (
        "select cntrycode, count(*) from (select substring(name, 1, 2) as cntrycode from t where substring(name, 1, 2)"
        " in ('x', 'y') and not exists (select * from target where target.id = t.id)) as custsale group by cntrycode"
    ),
]


@pytest.fixture
def cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    cursor = connection.cursor()
    for sql in SETUP:
        cursor.execute(sql)
    return cursor


@pytest.mark.parametrize("sql", REFUSED)
def test_an_untyped_column_has_no_conversion_to_text(sql: str, cursor: psycopg.Cursor[Any]) -> None:
    with pytest.raises(psycopg.Error, match=r'^failed to find conversion function from "unknown" to text$') as error:
        cursor.execute(sql)
    assert error.value.sqlstate == "XX000"


@pytest.mark.parametrize("sql", [*ALLOWED, *PUBLIC])
def test_a_column_with_a_type_and_a_bare_copy_are_accepted(
    sql: str, cursor: psycopg.Cursor[Any], redshift_server: RedshiftServer
) -> None:
    """With the rows of PostgreSQL itself; but for quotients, whose scale is another."""
    cursor.execute(sql)
    if cursor.description and "/" not in sql:
        with psycopg.connect(dsn(redshift_server.pg, "postgres")) as plain:
            for statement in SETUP:
                plain.execute(statement)
            expected = plain.execute(sql).fetchall()
            plain.rollback()
        assert sorted(map(repr, cursor.fetchall())) == sorted(map(repr, expected))


@pytest.mark.parametrize(("sql", "rows"), REDSHIFTS_OWN)
def test_what_postgresql_refuses_or_types_in_another_way_has_redshifts_rows(
    sql: str, rows: list[tuple[object, ...]], cursor: psycopg.Cursor[Any]
) -> None:
    cursor.execute(sql)
    assert cursor.fetchall() == rows


@pytest.mark.parametrize(
    ("sql", "target"),
    [
        ("select o + 1 from (select null as o from t) d", "integer"),
        ("select coalesce(o, 0) from (select null as o from t) d", "integer"),
        ("select t.id from t join (select null as o) d on d.o = t.id", "integer"),
    ],
)
def test_the_error_names_the_type_that_is_needed(sql: str, target: str, cursor: psycopg.Cursor[Any]) -> None:
    with pytest.raises(psycopg.Error, match=rf'from "unknown" to {target}$'):
        cursor.execute(sql)


def test_every_driver_reads_an_untyped_column_as_text(
    connection: psycopg.Connection[Any], redshift: Connection
) -> None:
    sql = "select o, n, id from (select 'x' as o, null as n, 1 as id) d"
    assert connection.execute(sql).fetchall() == [("x", None, 1)]
    assert connection.execute(sql, binary=True).fetchall() == [("x", None, 1)]
    with psycopg2.connect(redshift.dsn()) as other, other.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.fetchall() == [("x", None, 1)]
    with redshift.connect() as driver, driver.cursor() as cursor:
        cursor.execute(sql)
        assert list(cursor.fetchone()) == ["x", None, 1]


def test_a_table_of_an_untyped_column_has_text(cursor: psycopg.Cursor[Any]) -> None:
    cursor.execute("create table made as select o from (select 'y' as o from t) d")
    cursor.execute("select o, count(*) from made group by o")
    assert cursor.fetchall() == [("y", 2)]


def test_only_lists_that_can_be_referred_to_are_rewritten() -> None:
    for sql in ("select 'x' as o from t", "select 1 where exists (select 'x')", "select (select 'x') as o"):
        assert rewrite(sql) == sql
