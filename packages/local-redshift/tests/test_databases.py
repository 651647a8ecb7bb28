"""Users see and enter the databases of the cluster, not the others of its PostgreSQL server."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local_redshift.catalog.template_database import template_name
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

Session = psycopg.Connection[Any]
NAMES = {
    "pg_database": "datname",
    "svv_redshift_databases": "database_name",
    "pg_stat_database": "datname",
    "pg_stat_database_conflicts": "datname",
    "pg_stat_activity": "datname",
}


@pytest.fixture
def other(redshift_server: RedshiftServer) -> Iterator[str]:
    """A database of another program on the server, in which somebody is working."""
    config = redshift_server.config
    with psycopg.connect(config.admin(), autocommit=True) as superuser:
        superuser.execute("create database of_another_program")
        superuser.execute("revoke all on database of_another_program from public")
        with psycopg.connect(config.admin("of_another_program")):
            yield "of_another_program"
        superuser.execute("drop database of_another_program with (force)")


@pytest.fixture
def plain(redshift: Connection) -> Iterator[Session]:
    """A session of a user without grants."""
    with redshift.psycopg(autocommit=True) as admin:
        admin.execute("create user visitor password 'Visitor123'")
        try:
            with psycopg.connect(redshift.dsn(), user="visitor", password="Visitor123", autocommit=True) as connection:
                yield connection
        finally:
            admin.execute("drop user visitor")


def names(session: Session, view: str) -> set[str]:
    rows = session.execute(f"select distinct {NAMES[view]} from {view} where {NAMES[view]} is not null")
    return {str(row[0]) for row in rows}


@pytest.mark.parametrize("view", NAMES)
def test_only_databases_of_the_cluster_are_listed(
    redshift_server: RedshiftServer, redshift: Connection, other: str, plain: Session, view: str
) -> None:
    hidden = {other, "postgres", "template0", "template1", template_name()}
    second = redshift_server.new_database()
    with redshift.psycopg(autocommit=True) as admin, redshift_server.connection(second).psycopg():
        for session in (plain, admin):
            found = names(session, view)
            assert redshift.database in found
            assert not found & hidden
            assert second in found  # as on a cluster, where everybody may enter every database
    redshift_server.drop_database(second)


def test_show_databases_lists_the_same(other: str, plain: Session, redshift: Connection) -> None:
    found = {row[0] for row in plain.execute("show databases")}
    assert redshift.database in found
    assert not found & {other, "postgres", template_name()}


def test_the_catalog_behind_the_view_is_denied(plain: Session) -> None:
    for name in ("stored_database", "stored_namespace"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            plain.execute(f"select * from pg_catalog.{name}")


@pytest.mark.parametrize("database", ["of_another_program", "postgres", "template1", "template0", "TEMPLATE"])
@pytest.mark.usefixtures("other")
def test_other_databases_cannot_be_entered(redshift_server: RedshiftServer, database: str) -> None:
    name = template_name() if database == "TEMPLATE" else database
    with pytest.raises(psycopg.OperationalError, match=r"permission denied|not currently accepting"):
        redshift_server.connection(name).psycopg()


def test_schemas_and_databases_keep_their_comments(redshift: Connection) -> None:
    with redshift.psycopg(autocommit=True) as admin:
        admin.execute("create schema described")
        admin.execute("comment on schema described is 'of a schema'")
        admin.execute(f"comment on database {redshift.database} is 'of a database'")
        query = "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = 'described'"
        assert admin.execute(query).fetchone() == ("of a schema",)
        query = "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
        assert admin.execute(query).fetchone() == ("of a database",)


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) from pg_namespace where nspname like 'redshift%'",
        "select count(*) from pg_catalog.pg_namespace where nspname like 'redshift%'",
        "select count(*) from svv_all_schemas where schema_name like 'redshift%'",
        "select count(*) from svv_redshift_schemas where schema_name like 'redshift%'",
        "select count(*) from pg_tables where schemaname like 'redshift%'",
        "select count(*) from pg_views where schemaname like 'redshift%'",
        "select count(*) from pg_stat_user_tables where schemaname like 'redshift%'",
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname like 'redshift%'",
        "select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where nspname like 'redshift%'",
        "select count(*) from information_schema.tables where table_schema like 'redshift%'",
        "select count(*) from information_schema.columns where table_schema like 'redshift%'",
        "select count(*) from information_schema.routines where routine_schema like 'redshift%'",
    ],
)
def test_the_schema_of_the_local_redshift_is_not_listed(redshift: Connection, plain: Session, query: str) -> None:
    assert plain.execute(query).fetchone() == (0,)
    with redshift.psycopg(autocommit=True) as admin:
        assert admin.execute(query).fetchone() == (0,)


@pytest.mark.parametrize("name", ["queries", "loads", "load_errors", "load_files", "finished", "pieces", "activity"])
@pytest.mark.usefixtures("plain")
def test_the_tables_of_the_log_are_denied_past_the_proxy_too(
    redshift_server: RedshiftServer, redshift: Connection, name: str
) -> None:
    config = redshift_server.config
    with (
        psycopg.connect(config.admin(redshift.database), user="visitor", password="Visitor123") as direct,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        direct.execute(f"select * from redshift_internal.{name}")


@pytest.mark.parametrize(
    "sql",
    [
        "select set_config('search_path', 'redshift_internal', false)",
        "select set_config('search_path', 'redshift' || '_internal', false)",
        "alter user visitor set search_path to redshift_internal",
        "alter user visitor set search_path to 'redshift_internal, public'",
        "set search_path to public, 'redshift_internal'",
        "update pg_settings set setting = 'redshift_internal' where name = 'search_path'",
    ],
)
def test_the_search_path_cannot_name_it(plain: Session, sql: str) -> None:
    with pytest.raises(psycopg.Error):
        plain.execute(sql)
    path = plain.execute("show search_path").fetchone() or ("",)
    assert "redshift_internal" not in path[0]


def test_the_options_of_a_login_cannot_name_it(redshift: Connection) -> None:
    with pytest.raises(psycopg.OperationalError):
        redshift.psycopg(options="-c search_path=redshift_internal")
