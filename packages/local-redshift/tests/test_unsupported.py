"""Statements that Redshift does not have, and wrong DDL: their messages and SQLSTATEs."""

from typing import Any

import psycopg
import pytest


@pytest.mark.parametrize(
    "sql",
    [
        "create index i on t (a)",
        "create unique index i on t (a)",
        "create sequence s",
        "create trigger x before insert on t execute function f()",
        "create type x as (a int)",
        "create extension hstore",
        "create table x (a serial)",
        "create table x (a jsonb)",
        "create table x (a int[])",
        "create table x (a uuid)",
        "create table x (a timestamp(3))",
        "create table x (a int check (a > 0))",
        "create table x (a int) inherits (t)",
        "create table x (a int) with (fillfactor = 50)",
        "create unlogged table x (a int)",
        "create external table s.x (a int)",
        "create external schema s from data catalog database 'x'",
        "create function f() returns int as $$ select 1 $$ language sql",
        "insert into t values (1) on conflict do nothing",
        "insert into t values (1) returning a",
        "with x as (insert into t values (1) returning a) select * from x",
        "savepoint a",
        "listen x",
        "do $$ begin end $$",
        "copy t from stdin",
        "set enable_case_sensitive_identifier to true",
        "analyze compression t",
        "table t",
    ],
)
def test_what_redshift_does_not_have_is_refused_with_a_sentence(connection: psycopg.Connection[Any], sql: str) -> None:
    connection.execute("create table t (a int)")
    with pytest.raises(psycopg.errors.FeatureNotSupported) as error:
        connection.execute(sql)
    assert len(str(error.value).splitlines()[0]) > 20


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("create table x (a varchar(65536))", "22023"),
        ("create table x (a char(4097))", "22023"),
        ("create table x (a decimal(39, 2))", "22023"),
        ("create table x (a int encode nope)", "42601"),
        ("create table x (a int) distkey(b)", "42703"),
        ("create table x (a int) diststyle key", "42601"),
        ("create table x (a int distkey, b int distkey)", "42601"),
        ("create table x (a int primary key, b int primary key)", "42P16"),
        ("set work_mem to '1GB'", "42704"),
        ("selec 1", "42601"),
        ("select 'abc", "42601"),
        ("select * from missing", "42P01"),
    ],
)
def test_wrong_ddl_has_redshifts_sqlstate(connection: psycopg.Connection[Any], sql: str, code: str) -> None:
    with pytest.raises(psycopg.Error) as error:
        connection.execute(sql)
    assert error.value.sqlstate == code
