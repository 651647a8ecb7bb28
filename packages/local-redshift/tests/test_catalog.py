"""System views, tables and constraints as clients read them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local_redshift.catalog.unsupported_views import NOT_MODELLED
from local_redshift.testing.pytest_plugin import Connection


@pytest.fixture
def session(redshift: Connection) -> Iterator[psycopg.Connection[Any]]:
    """A psycopg 3 connection in autocommit to a database of its own."""
    with redshift.psycopg(autocommit=True) as connection:
        yield connection


def test_views_of_the_catalog_leave_out_the_local_redshifts_own_schema(session: psycopg.Connection[Any]) -> None:
    session.execute("create table seen (a int primary key)")
    for view, column in [
        ("svv_tables", "table_schema"),
        ("svv_all_tables", "schema_name"),
        ("svv_all_schemas", "schema_name"),
        ("information_schema.tables", "table_schema"),
        ("information_schema.schemata", "schema_name"),
    ]:
        query = f"select bool_or({column} = 'public'), bool_or({column} = 'redshift_internal') from {view}"
        assert session.execute(query).fetchone() == (True, False), view


def test_an_attribute_follows_a_renamed_column(session: psycopg.Connection[Any]) -> None:
    session.execute("create table renamed (a int distkey sortkey, b int)")
    session.execute("alter table renamed rename column a to z")
    rows = session.execute(
        'select "column", distkey, sortkey from pg_table_def where tablename = %s order by 1', ["renamed"]
    )
    assert rows.fetchall() == [("b", False, 0), ("z", True, 1)]


def test_a_rolled_back_table_leaves_nothing_in_the_catalog(
    redshift: Connection, session: psycopg.Connection[Any]
) -> None:
    with redshift.psycopg() as other:
        other.execute("create table gone (a int primary key) distkey (a)")
        assert other.execute("select count(*) from pg_table_def where tablename = 'gone'").fetchone() == (1,)
        assert other.execute("select count(*) from information_schema.table_constraints").fetchone() == (1,)
        other.rollback()
    assert session.execute("select count(*) from pg_table_def where tablename = 'gone'").fetchone() == (0,)
    assert session.execute("select count(*) from information_schema.table_constraints").fetchone() == (0,)


def test_a_writer_shows_in_stv_locks_until_it_commits(redshift: Connection, session: psycopg.Connection[Any]) -> None:
    session.execute("create table locked (a int)")
    with redshift.psycopg() as writer:
        writer.execute("insert into locked values (1)")
        query = "select trim(lock_status), lock_owner_pid = %s from stv_locks where table_id = 'locked'::regclass::int"
        pid = writer.info.backend_pid
        assert session.execute(query, [pid]).fetchall() == [("Holding write lock", True)]
        writer.commit()
        assert session.execute(query, [pid]).fetchall() == []


def test_a_table_without_rows_is_left_out_of_svv_table_info(session: psycopg.Connection[Any]) -> None:
    session.execute("create table filling (a int)")
    query = "select tbl_rows from svv_table_info where \"table\" = 'filling'"
    assert session.execute(query).fetchall() == []
    session.execute("insert into filling values (1), (2)")
    assert session.execute(query).fetchall() == [(2,)]


def test_deleted_rows_are_counted_until_a_vacuum(redshift: Connection, session: psycopg.Connection[Any]) -> None:
    session.execute("create table thinned (a int)")
    session.execute("insert into thinned values (1), (2), (3)")
    query = "select tbl_rows, estimated_visible_rows from svv_table_info where \"table\" = 'thinned'"
    with redshift.psycopg() as writer:
        writer.execute("delete from thinned where a = 1")
        writer.execute("update thinned set a = 4 where a = 2")
        writer.commit()
    assert session.execute(query).fetchall() == [(4, 2)]
    session.execute("vacuum sort only thinned")
    assert session.execute(query).fetchall() == [(4, 2)]
    session.execute("vacuum thinned")
    assert session.execute(query).fetchall() == [(2, 2)]


def test_a_user_without_rights_does_not_see_the_table(redshift: Connection, session: psycopg.Connection[Any]) -> None:
    session.execute("create table private (a int)")
    session.execute("create user reader password 'Reader123'")
    query = "select count(*) from svv_tables where table_name = 'private'"
    assert session.execute(query).fetchone() == (1,)
    try:
        with psycopg.connect(redshift.dsn(), user="reader", password="Reader123") as reader:
            assert reader.execute(query).fetchone() == (0,)
    finally:
        session.execute("drop user reader")


def test_reading_a_table_adds_a_scan_of_it_and_of_no_other(session: psycopg.Connection[Any]) -> None:
    session.execute("create table was_read (a int)")
    session.execute("create table never_read (a int)")
    session.execute("insert into never_read values (1)")
    session.execute("select count(*) from was_read")
    query = "select trim(perm_table_name), endtime is not null from stl_scan where perm_table_name like %s"
    assert session.execute(query, ["%_read%"]).fetchall() == [("was_read", True)]


def test_a_failed_statement_has_its_text_and_error_in_the_history(session: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.Error):
        session.execute("select 77 / 0")
    query = "select trim(status), trim(error_message) from sys_query_history where query_text like 'select 77 %%'"
    assert session.execute(query).fetchall() == [("failed", "division by zero")]


def test_statement_texts_are_divided_into_rows_of_200_characters(session: psycopg.Connection[Any]) -> None:
    session.execute(f"select '{'x' * 300}' as long_text")
    long = "text like '%%xxx%%' and text not like '%%svl%%'"
    query = f"select sequence, len(text) from svl_statementtext where {long} order by 1"
    assert session.execute(query).fetchall() == [(0, 200), (1, 122)]


def test_a_view_is_either_modelled_or_refused_by_name(session: psycopg.Connection[Any]) -> None:
    views = {row[0] for row in session.execute("select relname::varchar from pg_class where relkind = 'v'")}
    assert "svv_table_info" in views
    assert not views & NOT_MODELLED
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="does not model STL_ALERT_EVENT_LOG"):
        session.execute("select * from stl_alert_event_log")


def test_the_catalog_leaves_out_the_local_redshifts_own_constraints_and_triggers(
    session: psycopg.Connection[Any],
) -> None:
    session.execute("create table own (a int primary key, b varchar(9)) diststyle all")
    session.execute("create view own_view as select a from own")
    for catalogue, column in [("pg_constraint", "conname"), ("pg_trigger", "tgname")]:
        assert session.execute(f"select count(*) from {catalogue} where {column} like 'redshift%'").fetchone() == (0,)
    assert session.execute("select pg_get_constraintdef(oid) from pg_constraint").fetchall() == [("PRIMARY KEY (a)",)]
