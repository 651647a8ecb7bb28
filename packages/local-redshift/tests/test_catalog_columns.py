"""What Redshift's PG_CLASS, PG_ATTRIBUTE and PG_ATTRDEF have and PostgreSQL's have not, and late-binding views."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local_redshift.testing.pytest_plugin import Connection

Session = psycopg.Connection[Any]


@pytest.fixture
def session(redshift: Connection) -> Iterator[Session]:
    """A connection in autocommit to a database with tables of each distribution and a late-binding view."""
    with redshift.psycopg(autocommit=True) as connection:
        connection.execute("create table even_one (a int) diststyle even")
        connection.execute(
            "create table key_one (a int distkey sortkey encode raw, b varchar(9) default 'x' encode zstd)"
        )
        connection.execute("create table all_one (a int) diststyle all")
        connection.execute("create table auto_one (a int, b date, c int) interleaved sortkey (b, c)")
        connection.execute("create view bound as select a from key_one")
        connection.execute(
            "create view late as select a, b, 2.5::decimal(8, 2) as c from public.key_one with no schema binding"
        )
        yield connection


@pytest.mark.parametrize(
    "query",
    [
        "select relname, reldiststyle from pg_class",
        'select C.relname, c."reldiststyle" from Pg_Catalog.PG_CLASS as c',
        "select pg_class.relname, pg_catalog.pg_class.reldiststyle from pg_catalog.pg_class",
        (
            "select c.relname, d.reldiststyle from pg_namespace n, pg_class c, "
            "(pg_class d join pg_attribute a on a.attrelid = d.oid) "
            "where c.relnamespace = n.oid and d.oid = c.oid and a.attname = 'a'"
        ),
        "select relname, (select reldiststyle from pg_class c where c.oid = k.oid) from pg_class k",
        "with k as (select relname, reldiststyle from pg_class) select * from k",
        "select relname, reldiststyle from pg_class_info",
    ],
)
def test_the_distribution_style_is_a_number_of_pg_class(session: Session, query: str) -> None:
    """0 EVEN, 1 KEY, 8 ALL, 9 AUTO: https://docs.aws.amazon.com/redshift/latest/dg/r_PG_CLASS_INFO.html."""
    rows = session.execute(f"select * from ({query}) q (relname, style) where relname like '%one' order by 1")
    assert rows.fetchall() == [("all_one", 8), ("auto_one", 9), ("even_one", 0), ("key_one", 1)]


def test_a_query_of_pg_class_compares_oids_as_before(session: Session) -> None:
    session.execute("comment on table key_one is 'of a key'")
    query = (
        "select c.reldiststyle, d.description from pg_class c join pg_description d on d.objoid = c.oid "
        "and d.classoid = 'pg_class'::regclass and d.objsubid = 0 where c.relname = 'key_one'"
    )
    assert session.execute(query).fetchall() == [(1, "of a key")]


def test_a_cte_named_as_a_catalog_is_read_itself(session: Session) -> None:
    query = "with pg_class as (select 5 as reldiststyle) select reldiststyle from pg_class"
    assert session.execute(query).fetchall() == [(5,)]


def test_encodings_distribution_and_sort_keys_are_columns_of_pg_attribute(session: Session) -> None:
    query = (
        "select relname, attname, format_encoding(attencodingtype::integer), attisdistkey, attsortkeyord "
        "from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "where relname in ('key_one', 'auto_one', 'bound') and attnum > 0 order by 1, 2"
    )
    assert session.execute(query).fetchall() == [
        ("auto_one", "a", "az64", False, 0),
        ("auto_one", "b", "none", False, -1),
        ("auto_one", "c", "none", False, 2),
        ("bound", "a", "none", False, 0),
        ("key_one", "a", "none", True, 1),
        ("key_one", "b", "zstd", False, 0),
    ]
    assert session.execute("select attencodingtype from pg_attribute where attname = 'relname'").fetchone() == (0,)
    defaults = "select adsrc from pg_attrdef d join pg_class c on c.oid = d.adrelid where relname = 'key_one'"
    assert session.execute(defaults).fetchall() == [("'x'::character varying",)]


def test_columns_of_late_binding_views_are_listed_by_their_function(session: Session) -> None:
    for kind in ("varchar", "text", "character varying"):
        columns = f"cols(view_schema name, view_name name, col_name name, col_type {kind}, col_num int)"
        assert session.execute(f"select * from pg_get_late_binding_view_cols() {columns}").fetchall() == [
            ("public", "late", "a", "integer", 1),
            ("public", "late", "b", "character varying(9)", 2),
            ("public", "late", "c", "numeric(8,2)", 3),
        ]
    rows = session.execute("select pg_get_late_binding_view_cols()::varchar").fetchall()
    assert rows[1:] == [('(public,late,b,"character varying(9)",2)',), ('(public,late,c,"numeric(8,2)",3)',)]
    of_table = "select * from pg_get_cols('key_one') cols(s name, t name, col_name name, col_type varchar, n int)"
    assert [row[2] for row in session.execute(of_table)] == ["a", "b"]


def test_redshift_connector_lists_each_column_of_tables_and_views_once(redshift: Connection, session: Session) -> None:
    session.execute("comment on column key_one.b is 'a text'")
    with redshift.connect() as connection:
        cursor = connection.cursor()
        listed = [
            (row[2], row[3], row[5], row[16])
            for name in ("key_one", "bound", "late")
            for row in cursor.get_columns(schema_pattern="public", tablename_pattern=name)
        ]
    assert listed == [
        ("key_one", "a", "int4", 1),
        ("key_one", "b", "varchar", 2),
        ("bound", "a", "int4", 1),
        ("late", "a", "int4", 1),
        ("late", "b", "character varying(9)", 2),
        ("late", "c", "numeric(8,2)", 3),
    ]


def test_columns_of_late_binding_views_are_listed_nowhere_else(session: Session) -> None:
    """Clients add the function's rows to these, so that each column would come twice."""
    queries = (
        "select count(*) from pg_attribute where attrelid = 'late'::regclass",
        "select count(*) from information_schema.columns where table_name = 'late'",
    )
    assert [session.execute(query).fetchone() for query in queries] == [(0,), (0,)]
    session.execute("create or replace view late as select a, b, 2.5::decimal(8, 2) as c from public.key_one")
    assert [session.execute(query).fetchone() for query in queries] == [(3,), (3,)]
