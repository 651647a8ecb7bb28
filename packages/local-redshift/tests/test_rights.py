"""No statement of a database user runs with more rights than the user's own.

Each test is an attempt: it fails where the attempt succeeds.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

Session = psycopg.Connection[Any]
DEFINERS = {  # each SECURITY DEFINER function, and who may execute it besides the superuser
    "redshift_internal.all_table_info(uuid)": {"PUBLIC"},
    "redshift_internal.create_stage(integer)": {"PUBLIC"},
    "redshift_internal.refuse_others(text)": {"PUBLIC"},
    "redshift_internal.transactions()": {"PUBLIC"},
}


@dataclass(frozen=True)
class World:
    """A database, its admin, and a user without grants who may create databases."""

    server: RedshiftServer
    database: Connection
    user: str

    def connect(self, database: str | None = None) -> Session:
        """A session of the plain user, through the proxy."""
        dsn = self.server.connection(database or self.database.database).dsn()
        return psycopg.connect(dsn, user=self.user, password="Plain12345", autocommit=True)

    def superuser(self, database: str | None = None) -> Session:
        """A session of PostgreSQL's superuser."""
        return psycopg.connect(self.server.config.admin(database or self.database.database), autocommit=True)


@pytest.fixture(scope="module")
def world(redshift_server: RedshiftServer) -> Iterator[World]:
    name, user = redshift_server.new_database(), f"plain_{uuid.uuid4().hex[:8]}"
    database = redshift_server.connection(name)
    with database.psycopg(autocommit=True) as admin:
        admin.execute(f"create user {user} createdb password 'Plain12345'")
        admin.execute("create table private (id int, secret varchar(40))")
        admin.execute("insert into private values (1, 'of the admin')")
    world = World(redshift_server, database, user)
    yield world
    with world.superuser("postgres") as superuser:
        for (own,) in superuser.execute(
            "select datname from pg_database where pg_get_userbyid(datdba) = %s", [user]
        ).fetchall():
            redshift_server.drop_database(own)
    redshift_server.drop_database(name)
    with world.superuser("postgres") as superuser:
        superuser.execute(f"drop user {user}")


@pytest.fixture
def plain(world: World) -> Iterator[Session]:
    with world.connect() as session:
        yield session


def refused(session: Session, sql: str) -> psycopg.Error:
    """The error of a statement that must fail."""
    with pytest.raises(psycopg.Error) as error:
        session.execute(sql)
    return error.value


def attempt(session: Session, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements of which any may be refused; return the last one's rows."""
    rows: list[tuple[Any, ...]] = []
    for sql in statements:
        try:
            cursor = session.execute(sql)
            rows = cursor.fetchall() if cursor.description else []
        except psycopg.Error:
            rows = []
    return rows


LEAK = "cast(set_config('leak.user', current_user, false) as varchar) <> ''"
LEAKED = "select current_setting('leak.user', true)"


@pytest.mark.parametrize(
    "trigger",
    [
        "select redshift_internal.count_rows('public.trap'::regclass)",
        "select * from redshift_internal.row_counts('public.trap'::regclass)",
        "select * from svv_table_info",
        "select * from stv_tbl_perm",
    ],
)
def test_no_view_of_a_user_is_evaluated_by_the_superuser(world: World, plain: Session, trigger: str) -> None:
    attempt(plain, "drop view if exists public.trap", f"create view public.trap as select 1 as one where {LEAK}")
    attempt(plain, "create table public.filled (id int)", "insert into public.filled values (1)")
    attempt(plain, trigger)
    assert attempt(plain, LEAKED)[0][0] in (None, "", world.user)
    with world.database.psycopg(autocommit=True) as admin:
        assert admin.execute("select count(*) > 1 from svv_table_info").fetchone() == (True,)
        assert admin.execute(LEAKED).fetchone() != ("postgres",)
    with world.superuser() as superuser:
        error = refused(superuser, "select redshift_internal.count_rows('public.trap'::regclass)")
        assert 'access to non-system view "trap" is restricted' in str(error)


@pytest.mark.parametrize("relation", ["pg_stat_activity", "pg_locks", "pg_class"])
def test_a_temporary_view_named_as_a_system_table_is_not_read_by_the_superuser(world: World, relation: str) -> None:
    """PostgreSQL searches the temporary schema first unless the search path names it."""
    world.server.s3.put_object(Bucket=world.server.bucket, Key="rights/1.csv", Body=b"1\nx\n")
    copy = f"copy loaded from 's3://{world.server.bucket}/rights/1.csv' iam_role default csv maxerror 10"
    views = [f"select * from {view}" for view in ("stv_recents", "stv_sessions", "stv_locks", "svv_transactions")]
    with world.connect() as session:
        attempt(session, "drop table if exists loaded", "create table loaded (id int)")
        session.execute(f"create temporary view shadow as select * from pg_catalog.{relation} where {LEAK}")
        session.execute(f"alter table shadow rename to {relation}")
        attempt(session, copy, *views)
        assert attempt(session, LEAKED)[0][0] in (None, "", world.user)


def test_the_log_is_written_with_a_search_path_that_no_owner_of_a_database_sets(world: World, plain: Session) -> None:
    name = f"evil_{uuid.uuid4().hex[:8]}"
    plain.execute(f"create database {name}")
    with world.superuser(name) as superuser:  # as the user, but past the proxy, which refuses the function
        superuser.execute(f"set session authorization {world.user}")
        superuser.execute("create schema evil")
        superuser.execute(
            "create view evil.pg_user as select * from pg_catalog.pg_user "
            "where pg_catalog.lo_from_bytea(0, convert_to(current_user, 'UTF8')) <> 0"
        )
    plain.execute(f"alter database {name} set search_path to evil, pg_catalog, public")
    with world.connect(name) as owner:
        assert owner.execute("show search_path").fetchone() == ("evil, pg_catalog, public",)
        owner.execute("select 1 as logged")
        history = owner.execute("select username from sys_query_history where query_text like '%as logged%'").fetchall()
    assert (world.user,) in history
    with world.superuser(name) as superuser:
        assert superuser.execute("select count(*) from pg_largeobject_metadata").fetchone() == (0,)


def test_superuser_connections_have_a_fixed_search_path(world: World, plain: Session) -> None:
    name = f"path_{uuid.uuid4().hex[:8]}"
    plain.execute(f"create database {name}")
    plain.execute(f"alter database {name} set search_path to public, pg_catalog")
    with world.superuser(name) as superuser:
        assert superuser.execute("show search_path").fetchone() == ("pg_catalog,pg_temp",)


def test_the_functions_that_run_with_the_owners_rights_are_these(world: World) -> None:
    with world.superuser() as superuser:
        rows = superuser.execute(
            """SELECT p.oid::regprocedure::text, coalesce(array_agg(CASE a.grantee WHEN 0 THEN 'PUBLIC'
                   ELSE pg_get_userbyid(a.grantee) END) FILTER (WHERE a.privilege_type = 'EXECUTE'
                   AND a.grantee <> p.proowner), '{}'), p.proconfig
               FROM pg_proc p LEFT JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a ON true
               WHERE p.prosecdef GROUP BY p.oid"""
        ).fetchall()
    assert {name: set(grantees) for name, grantees, _ in rows} == DEFINERS
    for name, _, settings in rows:
        assert "search_path=pg_catalog, pg_temp" in (settings or []), name


def test_the_rows_of_all_tables_are_counted_for_those_who_may_read_svv_table_info_only(world: World) -> None:
    with world.connect() as session:
        refused(session, "select * from svv_table_info")
        refused(session, "select * from stv_tbl_perm")
        assert not attempt(session, "select * from redshift_internal.all_table_info()")
    with psycopg.connect(  # as PostgreSQL's own login, where no proxy refuses the name
        world.server.config.admin(world.database.database), user=world.user, password="Plain12345", autocommit=True
    ) as direct:
        assert "permission denied" in str(
            refused(direct, "select * from redshift_internal.all_table_info(gen_random_uuid())")
        )


FILES = [
    "pg_read_file('/etc/passwd')",
    "pg_catalog.pg_read_file('/etc/passwd', 0, 60)",
    "\"pg_read_file\"('/etc/passwd')",
    "\"PG_READ_FILE\"('/etc/passwd')",
    "pg_catalog . \"pg_read_binary_file\" /* c */ ('/etc/passwd')",
    "pg_ls_dir('/')",
    "pg_stat_file('/etc/passwd')",
    "lo_import('/etc/passwd')",
    "lo_export(1, '/tmp/x')",
    "lo_creat(-1)",
    "lo_create(0)",
    "lo_from_bytea(0, 'x')",
    "lo_put(1, 0, 'x')",
    "lo_get(1)",
    "lo_unlink(1)",
    "lo_open(1, 1)",
    "loread(1, 1)",
    "lowrite(1, 'x')",
    "pg_current_logfile()",
    "pg_ls_logdir()",
    "pg_ls_waldir()",
    "pg_ls_tmpdir()",
    "query_to_xml('select 1', true, true, '')",
    "ts_stat('select 1')",
]
WRAPPINGS = [
    "select {}",
    "select * from {} as x",
    "select 1 from pg_class where {} is not null",
    "create view wrapped as select {} as x",
    "create materialized view wrapped as select {} as x",
    "create table wrapped as select {} as x",
    "explain select {}",
    "declare c cursor for select {}",
    "prepare p as select {}",
    "with x as (select {} as y) select * from x",
    "insert into filled select {}",
]


@pytest.mark.parametrize("call", FILES)
def test_functions_of_files_and_large_objects_are_refused_by_the_proxy(world: World, plain: Session, call: str) -> None:
    for wrapping in WRAPPINGS:
        error = refused(plain, wrapping.format(call))
        assert "Redshift has no function" in str(error), wrapping
        assert error.sqlstate == "42883", wrapping
    quoted = call.replace("'", "''")
    unload = f"unload ('select {quoted}') to 's3://{world.server.bucket}/files/' iam_role default"
    assert "Redshift has no function" in str(refused(plain, unload))
    with world.database.psycopg(autocommit=True) as admin:
        assert "Redshift has no function" in str(refused(admin, f"select {call}"))


def test_a_column_may_be_named_as_such_a_function(plain: Session) -> None:
    attempt(plain, "drop table if exists lineorder")
    plain.execute("create table lineorder (lo_get int, lo_custkey int)")
    plain.execute("insert into lineorder (lo_get) select 1")
    assert plain.execute("select sum(lo_get) from lineorder where (lo_get) = 1").fetchone() == (1,)
    assert plain.execute("select 'lo_import(1)' as text").fetchone() == ("lo_import(1)",)


def test_postgresql_does_not_let_anybody_execute_them_either(world: World) -> None:
    with world.superuser() as superuser:
        rows = superuser.execute(
            """SELECT DISTINCT p.oid::regprocedure::text
               FROM pg_proc p LEFT JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a ON true
               WHERE p.pronamespace = 'pg_catalog'::regnamespace AND a.grantee <> p.proowner
               AND (p.proname ~ '^(lo_|loread$|lowrite$|pg_read_|pg_ls_|pg_stat_file|pg_current_logfile|ts_stat$)'
               OR p.proname ~ '(query|table|cursor|schema|database)_to_xml')"""
        ).fetchall()
    assert [row[0] for row in rows] == []


def test_every_function_of_these_families_is_on_the_list(world: World) -> None:
    from local_redshift.query.unsupported.unsafe_functions import UNSAFE

    with world.superuser() as superuser:
        rows = superuser.execute(
            """SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
               AND (proname ~ '^(lo_|loread$|lowrite$|pg_read_(binary_)?file|pg_ls_|pg_stat_file|pg_file_)'
               OR proname ~ '(query|table|cursor|schema|database)_to_xml')"""
        ).fetchall()
    assert {row[0] for row in rows} <= UNSAFE


DENIED = [
    ("set role postgres", "42501"),
    ("set session authorization postgres", "42501"),
    ("set session authorization default; set role postgres", "42501"),
    ("grant pg_execute_server_program to {user}", "42501"),
    ("grant pg_read_server_files to {user}", "42501"),
    ("grant pg_monitor to {user}", "42501"),
    ("grant postgres to {user}", "42501"),
    ("create user mallory superuser", None),
    ("create role mallory superuser", "42501"),
    ("create user mallory createuser password 'Mallory12'", "42501"),
    ("alter user {user} superuser", None),
    ("alter user {user} createuser", "42501"),
    ("alter user postgres password 'Mallory12'", "42501"),
    ("alter user {user} bypassrls replication", None),
    ("select * from pg_authid", "42501"),
    ("select * from pg_catalog.pg_authid", "42501"),
    ("select * from pg_shadow", "42501"),
    ("select current_setting('data_directory')", "42501"),
    ("show data_directory", None),
    ("show hba_file", None),
    ("copy private to program 'id'", None),
    ("copy private from program 'id'", None),
    ("copy (select 1) to program 'id'", None),
    ("copy private from '/etc/passwd'", None),
    ("create extension file_fdw", "0A000"),
    ("alter system set archive_command to 'id'", "0A000"),
    ("do 'begin end'", "0A000"),
    ("create function f() returns int language sql as 'select 1'", "0A000"),
    ("create or replace function f() returns int language sql as 'select 1'", "0A000"),
    ("create procedure p() language plpgsql as 'begin end'", "0A000"),
    ("create language plperlu", "0A000"),
    ("load 'auto_explain'", "0A000"),
    ("savepoint s", "0A000"),
    ("release s", "0A000"),
    ("rollback to s", "0A000"),
    ("create trigger t before insert on filled execute procedure f()", "0A000"),
    ("create event trigger t on login execute function f()", "0A000"),
    ("create rule r as on select to filled do instead select 1", "0A000"),
    ("create policy p on filled using (true)", "0A000"),
    ("set session_preload_libraries to 'x'", "42704"),
    ("set log_statement to 'all'", "42704"),
    ("set standard_conforming_strings to on", "42704"),
    ("select * from private", "42501"),
    ("select * from redshift_internal.queries", None),
    ("set search_path to redshift_internal", None),
    ('set search_path to "redshift_internal"', None),
    ('select * from "Redshift_Internal".queries', None),
]


@pytest.mark.parametrize(("sql", "code"), DENIED)
def test_what_only_a_superuser_may_do_is_denied(world: World, plain: Session, sql: str, code: str | None) -> None:
    error = refused(plain, sql.format(user=world.user))
    assert code is None or error.sqlstate == code, error
    with world.superuser() as superuser:
        assert superuser.execute(
            "select rolsuper, rolcreaterole, rolbypassrls from pg_roles where rolname = %s", [world.user]
        ).fetchone() == (False, False, False)


def test_a_session_is_its_users_own_login_at_postgresql(world: World, plain: Session) -> None:
    assert plain.execute("select session_user, current_user").fetchone() == (world.user, world.user)
    with world.superuser() as superuser:
        query = "select usename from pg_stat_activity where pid = %s"
        assert superuser.execute(query, [plain.info.backend_pid]).fetchone() == (world.user,)


def test_replication_is_not_passed_on(world: World) -> None:
    dsn = world.database.dsn()
    with psycopg.connect(f"{dsn} replication=database", autocommit=True) as session:
        with pytest.raises(psycopg.Error):
            session.execute("IDENTIFY_SYSTEM")
        assert session.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("option", ["session_authorization=postgres", "role=postgres", "session_preload_libraries=x"])
def test_options_of_the_start_up_packet_give_no_rights(world: World, option: str) -> None:
    dsn = world.server.connection(world.database.database).dsn()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn, user=world.user, password="Plain12345", options=f"-c {option}")


def test_the_log_has_what_a_session_of_another_user_ran(world: World, plain: Session) -> None:
    marker = uuid.uuid4().hex
    plain.execute(f"select '{marker}' as x")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        rows = plain.execute(f"select trim(username) from sys_query_history where query_text like '%{marker}%'")
        if rows.fetchone() == (world.user,):
            return
    raise AssertionError("the statement is not in SYS_QUERY_HISTORY")
