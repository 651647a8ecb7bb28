"""Statements made at random from attempts: none is executed with more rights than the user's."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

Session = psycopg.Connection[Any]
CANARY = "canary-of-the-admin"
CALLS = [
    *("pg_read_file('/etc/passwd')", "lo_import('/etc/passwd')", "pg_ls_dir('/')", "query_to_xml($q$select 1$q$)"),
    *("set_config('role', 'postgres', false)", "set_config('session_authorization', 'postgres', false)"),
    *(
        "set_config('standard_conforming_strings', 'on', false)",
        "set_config('search_path', 'redshift_internal', false)",
    ),
    *("redshift_internal.count_rows('private'::regclass)", "redshift_internal.create_stage(1)", "current_user"),
    *("redshift_internal.all_table_info(null)", "redshift_internal.transactions()", "current_setting('is_superuser')"),
    *("(select max(secret) from private)", "(select max(rolpassword) from pg_authid)", "lo_from_bytea(0, 'x')"),
    *("redshift_internal.settable('x', 'y')", "pg_catalog.current_database()", "(select max(querytxt) from stl_query)"),
    *("redshift_internal.stored_set_config('role', 'postgres', false)", "has_table_privilege('private', 'select')"),
]
FRAMES = [
    *("select {}", "select * from {} as x", "explain analyze select {}", "create view {new} as select {} as x"),
    *("create table {new} as select {} as x", "prepare {new} as select {}", "declare {new} cursor for select {}"),
    *("with x as (select {} as y) select * from x", "select 1 where cast({} as varchar) <> ''", "drop view {new}"),
    *("create temporary view {new} as select 1 as one where cast({} as varchar) <> ''", "insert into own select {}"),
    *(
        "select * from {new}",
        "execute {new}",
        "fetch all from {new}",
        "select * from svv_transactions where {} is null",
    ),
    *("set role postgres", "set session authorization postgres", "reset all", "begin", "commit", "rollback"),
    *("alter user {user} createuser", "alter user {user} set role to postgres", "grant postgres to {user}"),
    *("create role {new} superuser", "alter table {new} rename to pg_class", "alter table {new} rename to pg_locks"),
    *("select * from stv_recents", "select * from svv_table_info", "select * from sys_query_history"),
    *("alter database {database} set search_path to evil", "set search_path to pg_temp, public, pg_catalog"),
    *(
        "copy own from 's3://lake/none/' iam_role default csv maxerror 2",
        "unload ('select {}') to 's3://lake/f/' iam_role default",
    ),
]
NOISE = [
    "",
    "/* ' */",
    "-- '\n",
    '/* /* */ " */',
    "$$;$$",
    "'\\'' ,",
    "e'\\'' ,",
    "x'\\' ,",
    "a$$ ,",
    ";",
    "\r",
    '"a;" ,',
    "\u00a0",
]


@dataclass(frozen=True)
class World:
    """A database with a table that the user may not read."""

    server: RedshiftServer
    database: Connection
    user: str

    def invariants(self) -> tuple[Any, ...]:
        """What no statement of the user changes: roles, memberships, owners of functions, large objects, settings."""
        with psycopg.connect(self.server.config.admin(self.database.database), autocommit=True) as superuser:
            return tuple(
                superuser.execute(query).fetchall()
                for query in (
                    "select rolname, rolsuper, rolcreaterole, rolbypassrls, rolreplication from pg_roles order by 1",
                    "select roleid, member from pg_auth_members order by 1, 2",
                    "select count(*) from pg_proc",
                    "select count(*) from pg_largeobject_metadata",
                    "select count(*) from pg_event_trigger",
                    "select relacl::text from pg_class where relname = 'private'",
                    "select relname, relacl::text from pg_class where relowner = 10 and relnamespace = 11 order by 1",
                )
            )


@pytest.fixture(scope="module")
def world(redshift_server: RedshiftServer) -> Iterator[World]:
    name, user = redshift_server.new_database(), f"random_{uuid.uuid4().hex[:8]}"
    database = redshift_server.connection(name)
    with database.psycopg(autocommit=True) as admin:
        admin.execute(f"create user {user} password 'Random12345'")
        admin.execute("create table private (secret varchar(40))")
        admin.execute(f"insert into private values ('{CANARY}')")
        admin.execute("create table own (x varchar(200))")
        admin.execute(f"grant all on own to {user}")
    yield World(redshift_server, database, user)
    redshift_server.drop_database(name)
    with psycopg.connect(redshift_server.config.admin(), autocommit=True) as superuser:
        superuser.execute(f"drop user {user}")


statements = st.tuples(
    st.sampled_from(FRAMES), st.sampled_from(CALLS), st.sampled_from(NOISE), st.sampled_from(NOISE), st.integers(0, 3)
)


def attempt(world: World, made: list[tuple[str, str, str, str, int]]) -> None:
    """Run the statements in one session; look at what they return and leave behind."""
    before = world.invariants()
    with psycopg.connect(
        world.database.dsn(),
        user=world.user,
        password="Random12345",
        autocommit=True,
        cursor_factory=psycopg.ClientCursor,
    ) as session:
        session.execute("set statement_timeout to 5000")
        for frame, call, left, right, number in made:
            names = {"new": f"made_{number}", "user": world.user, "database": world.database.database}
            sql = frame.replace("{}", f"{left} {call} {right}")
            for name, value in names.items():
                sql = sql.replace("{" + name + "}", value)
            assert CANARY not in str(returned(session, sql)), sql
            assert "root:" not in str(returned(session, sql)), sql
        session.execute("rollback")
        row = session.execute("select session_user, current_user").fetchone()
        assert row == (world.user, world.user), made
    assert world.invariants() == before, made


def returned(session: Session, sql: str) -> list[Any]:
    """The rows of all results, or none after an error. Raises AssertionError for an error of the server's own."""
    rows: list[Any] = []
    try:
        cursor = session.execute(sql.encode())
        while True:
            rows += cursor.fetchall() if cursor.description else []
            if not cursor.nextset():
                return rows
    except psycopg.Error as error:
        if not error.sqlstate or "internal error" in str(error):  # without a SQLSTATE the connection was lost
            raise AssertionError(sql) from error
        return [str(error)]


QUICK = settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(made=st.lists(statements, min_size=1, max_size=8))
@QUICK
def test_statements_at_random(world: World, made: list[tuple[str, str, str, str, int]]) -> None:
    attempt(world, made)


@pytest.mark.slow
@given(made=st.lists(statements, min_size=1, max_size=20))
@settings(QUICK, max_examples=300, derandomize=False)
def test_more_statements_at_random(world: World, made: list[tuple[str, str, str, str, int]]) -> None:
    attempt(world, made)
