"""Who may read the system views, and which of their rows: users, grants, a workgroup.

https://docs.aws.amazon.com/redshift/latest/dg/c_visibility-of-data.html
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

pytestmark = pytest.mark.slow

Session = psycopg.Connection[Any]
LOGGED = ("stl_query", "stl_querytext", "svl_qlog", "svl_statementtext", "sys_query_history", "sys_query_text")


@pytest.fixture
def admin(redshift: Connection) -> Iterator[Session]:
    """The superuser, who has made the table t and run a query."""
    with redshift.psycopg(autocommit=True) as connection:
        connection.execute("create table t (id int)")
        connection.execute("select count(*), 'of the admin' from t")
        yield connection


@pytest.fixture
def reader(redshift: Connection, admin: Session) -> Iterator[Session]:
    """A regular user without grants, who has run a query."""
    admin.execute("create user regular password 'Regular123'")
    try:
        with psycopg.connect(redshift.dsn(), user="regular", password="Regular123", autocommit=True) as connection:
            connection.execute("select 'of the reader'")
            yield connection
    finally:
        admin.execute("revoke all on all tables in schema public from regular")
        admin.execute("revoke all on svv_table_info from regular")
        admin.execute(f"revoke temp on database {redshift.database} from regular")
        admin.execute("drop user regular")


def users(session: Session, view: str) -> set[int]:
    """The users whose rows a session reads in a view."""
    name = "user_id" if view.startswith("sys") else "userid"
    return {row[0] for row in session.execute(f"select distinct {name} from {view}")}


def own_id(session: Session) -> int:
    row = session.execute("select usesysid from pg_user where usename = current_user").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("view", LOGGED)
def test_a_regular_user_sees_his_own_rows_and_a_superuser_all(admin: Session, reader: Session, view: str) -> None:
    assert users(reader, view) == {own_id(reader)}
    assert users(admin, view) == {own_id(reader), own_id(admin)}


def test_scans_of_others_are_not_seen(admin: Session, reader: Session) -> None:
    assert users(admin, "stl_scan") == users(admin, "sys_query_detail") == {own_id(admin)}
    assert users(reader, "stl_scan") == users(reader, "sys_query_detail") == set()


def test_unrestricted_syslog_access_shows_the_rows_of_others_until_it_is_restricted(
    admin: Session, reader: Session
) -> None:
    admin.execute("alter user regular syslog access unrestricted")
    assert users(reader, "stl_query") == {own_id(reader), own_id(admin)}
    admin.execute("alter user regular with syslog access restricted")
    assert users(reader, "stl_query") == {own_id(reader)}


def test_a_user_created_with_createuser_is_a_superuser(redshift: Connection, admin: Session) -> None:
    admin.execute("create user second createuser password 'Second123'")
    try:
        with psycopg.connect(redshift.dsn(), user="second", password="Second123", autocommit=True) as connection:
            assert own_id(admin) in users(connection, "stl_query")
            assert connection.execute("select count(*) from svv_table_info").fetchone() == (0,)
    finally:
        admin.execute("drop user second")


def test_sessions_and_locks_of_others_are_not_seen_but_their_transactions_are(
    redshift: Connection, reader: Session
) -> None:
    with redshift.psycopg() as writer:
        writer.execute("insert into t values (1)")
        pid = writer.info.backend_pid
        assert reader.execute("select count(*) from stv_sessions where process = %s", [pid]).fetchone() == (0,)
        assert reader.execute("select count(*) from stv_locks").fetchone() == (0,)
        for view in ("stv_recents", "stv_sessions"):
            assert reader.execute(f"select distinct trim(user_name) from {view}").fetchall() == [("regular",)]
        transactions = f"select trim(txn_owner) from svv_transactions where pid = {pid}"
        assert ("awsuser",) in reader.execute(transactions).fetchall()


def test_running_statements_of_others_are_seen_with_unrestricted_syslog_access_only(
    redshift: Connection, admin: Session, reader: Session
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_STV_RECENTS.html"""
    with redshift.psycopg(autocommit=True) as other:
        other.execute("select 'idle after it'")
        recent = "select count(*) from stv_recents where query like '%idle after it%' and query not like '%recents%'"
        assert admin.execute(recent).fetchone() == (1,)
        assert reader.execute(recent).fetchone() == (0,)
        activity = (
            "select count(*) from pg_stat_activity where query like '%idle after it%' and query not like '%pg_stat%'"
        )
        assert reader.execute(activity).fetchone() == (0,)
        admin.execute("alter user regular syslog access unrestricted")
        assert reader.execute(recent).fetchone() == (1,)


def test_no_condition_of_a_query_is_tested_before_that_of_the_view(admin: Session) -> None:
    """Its error would show the row of another user: https://www.postgresql.org/docs/18/rules-privileges.html"""
    open_to_all = admin.execute(
        "select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind = 'v' "
        "and (relname ~ '^(stl|stv|svl|svcs|sys)_' or relname = 'svv_table_info') "
        "and coalesce(array_to_string(reloptions, ''), '') not like 'security_barrier%'"
    ).fetchall()
    assert open_to_all == []


def load_errors(redshift_server: RedshiftServer, admin: Session) -> None:
    """A load of the admin with rows that were rejected."""
    redshift_server.s3.put_object(Bucket=redshift_server.bucket, Key="seen/1.csv", Body=b"1\nsecret-of the admin\n")
    source, role = f"s3://{redshift_server.bucket}/seen/1.csv", redshift_server.iam_role
    admin.execute(f"copy t from '{source}' iam_role '{role}' csv maxerror 10")


@pytest.mark.parametrize(
    "view", ["stl_load_errors", "stl_loaderror_detail", "sys_load_error_detail", "sys_load_history", "stl_load_commits"]
)
def test_loads_and_rejected_rows_of_others_are_not_seen(
    redshift_server: RedshiftServer, admin: Session, reader: Session, view: str
) -> None:
    load_errors(redshift_server, admin)
    assert users(admin, view) == {own_id(admin)}
    assert users(reader, view) == set()
    admin.execute("alter user regular syslog access unrestricted")
    assert users(reader, view) == {own_id(admin)}


def test_a_view_over_svv_table_info_shows_what_its_owner_may_read(admin: Session, reader: Session) -> None:
    admin.execute("insert into t values (1)")
    admin.execute('create view sizes as select "table" as name, tbl_rows from svv_table_info')
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select * from sizes")
    admin.execute("grant select on sizes to regular")
    assert reader.execute("select name, tbl_rows from sizes").fetchall() == [("t", 1)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select * from svv_table_info")


def test_tables_of_all_users_are_counted_and_empty_ones_are_left_out(admin: Session, reader: Session) -> None:
    reader.execute("create table of_the_reader (id int)")
    reader.execute("create temporary table passing (id int)")
    reader.execute("insert into of_the_reader values (1), (2)")
    rows = admin.execute('select "table", tbl_rows, size from svv_table_info order by 1').fetchall()
    assert rows == [("of_the_reader", 2, 1)]
    rows = admin.execute("select trim(name), rows, temp from stv_tbl_perm where slice = 0 order by 1").fetchall()
    assert rows == [("of_the_reader", 2, 0), ("t", 0, 0)]
    reader.execute("drop table of_the_reader")


def test_svv_table_info_needs_a_grant_and_then_lists_the_tables_of_all_users(admin: Session, reader: Session) -> None:
    admin.execute("insert into t values (1)")
    with pytest.raises(psycopg.Error, match="permission denied for relation svv_table_info") as error:
        reader.execute("select * from svv_table_info")
    assert error.value.sqlstate == "42501"
    admin.execute("grant select on svv_table_info to regular")
    assert reader.execute('select "table" from svv_table_info').fetchall() == [("t",)]
    admin.execute("revoke select on svv_table_info from regular")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select * from svv_table_info")


@pytest.mark.parametrize("sql", ["create temp table x (a int)", "create table #x (a int)", "select 1 as a into temp x"])
def test_a_temporary_table_needs_temp_where_it_was_revoked_from_public(
    redshift: Connection, admin: Session, reader: Session, sql: str
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html"""
    admin.execute(f"revoke temporary on database {redshift.database} from public")
    with pytest.raises(psycopg.Error, match="permission denied to create temporary tables") as error:
        reader.execute(sql)
    assert error.value.sqlstate == "42501"
    admin.execute("create temp table of_the_owner (a int)")
    admin.execute(f"grant temp on database {redshift.database} to regular")
    reader.execute(sql)


def test_copy_needs_no_temp(
    redshift: Connection, redshift_server: RedshiftServer, admin: Session, reader: Session
) -> None:
    redshift_server.s3.put_object(Bucket=redshift_server.bucket, Key="temp/1.csv", Body=b"1\nx\n")
    admin.execute(f"revoke temp on database {redshift.database} from public")
    admin.execute("grant insert, select on t to regular")
    source, role = f"s3://{redshift_server.bucket}/temp/1.csv", redshift_server.iam_role
    reader.execute(f"copy t from '{source}' iam_role '{role}' csv maxerror 10")
    assert reader.execute("select id from t").fetchall() == [(1,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("create temp table x (a int)")


PROVISIONED_ONLY = (
    "stl_query",
    "stl_scan",
    "stl_load_errors",
    "stv_recents",
    "svl_qlog",
    "stl_wlm_query",
    "svcs_explain",
)


@pytest.mark.parametrize("view", PROVISIONED_ONLY)
def test_a_workgroup_denies_views_of_provisioned_clusters(
    redshift: Connection, redshift_serverless: RedshiftServer, view: str
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/c_intro_system_views.html, also for superusers."""
    with redshift_serverless.connection(redshift.database).psycopg(autocommit=True) as session:
        for sql in (f"select * from {view}", f"create table copied as select * from pg_catalog.{view}"):
            with pytest.raises(psycopg.Error, match=f"permission denied for relation {view}") as error:
                session.execute(sql)
            assert error.value.sqlstate == "42501"


def test_a_workgroup_has_sys_and_svv_views(redshift: Connection, redshift_serverless: RedshiftServer) -> None:
    with redshift_serverless.connection(redshift.database).psycopg(autocommit=True) as session:
        session.execute("create table t (id int)")
        session.execute("insert into t values (1)")
        session.execute("select id from t")
        assert session.execute("select tbl_rows from svv_table_info").fetchall() == [(1,)]
        scans = session.execute("select trim(table_name), step_name from sys_query_detail").fetchall()
        assert scans == [("t", "scan")]
        assert session.execute("select count(*) > 2 from sys_query_history").fetchone() == (True,)


def test_a_load_error_of_an_earlier_session_with_the_same_process_id(
    redshift_server: RedshiftServer, redshift: Connection, admin: Session
) -> None:
    error = {"file": "s3://lake/old.csv", "column": "id", "value": "x", "reason": "Invalid digit"}
    redshift_server.add_load_error(redshift.database, admin.info.backend_pid, age=timedelta(days=2), **error)
    mine = "where session = pg_backend_pid() and starttime < getdate() - interval '1 day'"
    query = f"select trim(filename), trim(colname), trim(raw_field_value), trim(err_reason) from stl_load_errors {mine}"
    assert admin.execute(query).fetchall() == [("s3://lake/old.csv", "id", "x", "Invalid digit")]
    query = "select count(*) from sys_load_error_detail where session_id = pg_backend_pid()"
    assert admin.execute(query).fetchone() == (1,)
