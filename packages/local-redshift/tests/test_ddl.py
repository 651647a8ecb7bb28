"""DDL: what is accepted, and the attributes in the registry."""

from typing import Any

import psycopg
import pytest

from local_redshift.testing.pytest_plugin import Connection

Session = psycopg.Connection[Any]


def attributes(superuser: Session, table: str) -> tuple[Any, ...] | None:
    row = superuser.execute(
        "select diststyle, distkey, sortstyle, sortkey from redshift_internal.table_attributes "
        "where relid = (select oid from pg_class where relname = %s)",
        (table,),
    )
    return row.fetchone()


def keys(superuser: Session, table: str) -> list[tuple[Any, ...]]:
    found = superuser.execute(
        "select conname, contype, conkey from redshift_internal.declared_keys "
        "where relid = (select oid from pg_class where relname = %s) order by 1",
        (table,),
    )
    return [tuple(row) for row in found.fetchall()]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("create table t (a int, b int)", ("AUTO", None, None, None)),
        ("create table t (a int distkey sortkey, b int encode az64)", ("KEY", 1, "COMPOUND", [1])),
        ("create table t (a int, b int) diststyle key distkey(b) sortkey(b, a)", ("KEY", 2, "COMPOUND", [2, 1])),
        (
            "create table t (a int, b int) backup no diststyle even interleaved sortkey (a, b)",
            ("EVEN", None, "INTERLEAVED", [1, 2]),
        ),
        ("create table t (a int, b int) diststyle all sortkey auto encode auto", ("ALL", None, "AUTO", None)),
        (
            "create table t diststyle key distkey(a) compound sortkey(a) as select 1 as a, 2 as b",
            ("KEY", 1, "COMPOUND", [1]),
        ),
        ("create table t (a, b) diststyle all as select 1, 2", ("ALL", None, None, None)),
    ],
)
def test_distribution_and_sort_order_are_registered(
    connection: Session, superuser: Session, sql: str, expected: tuple[object, ...]
) -> None:
    connection.execute(sql)
    assert attributes(superuser, "t") == expected


def test_keys_are_declared_and_not_enforced_while_not_null_is(connection: Session, superuser: Session) -> None:
    connection.execute("create table p (id int primary key, name varchar(5) unique)")
    connection.execute(
        "create table c (id int references p (id), name varchar(5), constraint ck unique (id, name), "
        "foreign key (name) references p(name))"
    )
    connection.execute("insert into p values (1, 'a'), (1, 'a')")
    connection.execute("insert into c values (7, 'zz')")
    assert keys(superuser, "p") == [("p_name_key", "u", [2]), ("p_pkey", "p", [1])]
    assert keys(superuser, "c") == [("c_id_fkey", "f", [1]), ("c_name_fkey", "f", [2]), ("ck", "u", [1, 2])]
    with pytest.raises(psycopg.errors.NotNullViolation, match="Cannot insert a NULL value into column id"):
        connection.execute("insert into p values (null, 'a')")
    with pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("create table d (id int references missing (id))")


def test_like_inherits_distribution_and_not_null_but_no_keys(connection: Session, superuser: Session) -> None:
    connection.execute(
        "create table p (id int primary key, name varchar(3) default 'x' encode lzo) distkey(id) sortkey(name)"
    )
    connection.execute("create temp table s (like p including defaults)")
    connection.execute("create table bare (like p)")
    assert attributes(superuser, "s") == ("KEY", 1, "COMPOUND", [2])
    assert keys(superuser, "s") == []
    connection.execute("insert into s (id) values (1)")
    connection.execute("insert into bare (id) values (1)")
    assert connection.execute("select s.name, b.name from s, bare b").fetchone() == ("x", None)
    with pytest.raises(psycopg.errors.NotNullViolation):
        connection.execute("insert into s (id) values (null)")
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        connection.execute("insert into s values (1, '한글')")


@pytest.mark.parametrize(
    ("kind", "fits", "too_long"),
    [
        ("varchar(6)", "한글", "한글a"),
        ("varchar", "x" * 256, "x" * 257),
        ("char(3)", "abc", "abcd"),
        ("text", "x" * 256, "x" * 257),
        ("char(3)", "abc", "é  "),
        ("varchar(max)", "x" * 65535, "x" * 65536),
    ],
)
def test_lengths_count_bytes_and_fail_with_22001(connection: Session, kind: str, fits: str, too_long: str) -> None:
    connection.execute(f"create table t (a {kind})")
    connection.execute("insert into t values (%s)", (fits,))
    for sql in ("insert into t values (%s)", "update t set a = %s"):
        with pytest.raises(psycopg.errors.StringDataRightTruncation, match="value too long for type"):
            connection.execute(sql, (too_long,))


def test_ctas_and_added_columns_count_bytes_too(connection: Session) -> None:
    connection.execute("create table t (a varchar(3))")
    connection.execute("create table u as select a, 1 as n from t")
    connection.execute("alter table u add column b varchar(3) encode zstd")
    for column in "ab":
        with pytest.raises(psycopg.errors.StringDataRightTruncation):
            connection.execute(f"insert into u ({column}) values ('한글')")


def test_identity_values_and_explicit_ones_refused(connection: Session) -> None:
    connection.execute(
        "create table t (id bigint identity(0, 10), g int generated by default as identity(1, 1), a int)"
    )
    connection.execute("insert into t (a) values (1), (2)")
    connection.execute("insert into t (a, g) values (3, 77)")
    assert connection.execute("select id, g from t order by id").fetchall() == [(0, 1), (10, 2), (20, 77)]
    with pytest.raises(psycopg.Error, match="id"):
        connection.execute("insert into t (id) values (5)")


def test_identifiers_fold_even_when_quoted_and_hash_names_are_temporary(connection: Session) -> None:
    connection.execute('create table "Mixed" ("Col" int)')
    connection.execute('insert into MIXED ("COL") values (1)')
    cursor = connection.execute('select "COL" as "Total" from "mixed"')
    assert [column.name for column in cursor.description or ()] == ["total"]
    connection.execute("create table #tmp (a int)")
    connection.execute("insert into #tmp select 1")
    assert connection.execute("select count(*) from #tmp").fetchone() == (1,)


def test_alter_table_forms(connection: Session, superuser: Session) -> None:
    connection.execute("create table t (a int not null, b varchar(5), c int) distkey(a)")
    connection.execute("alter table t add column d decimal(5,2) default 1.5")
    connection.execute("alter table t drop column c")
    connection.execute("alter table t rename column b to name")
    connection.execute("alter table t alter column name type varchar(8)")
    connection.execute("alter table t alter distkey d")
    connection.execute("alter table t alter compound sortkey (name, a)")
    connection.execute("alter table t alter column a encode zstd")
    connection.execute("alter table t add constraint k primary key (a)")
    connection.execute("insert into t (a, name) values (1, '한글12'), (1, 'x')")
    assert attributes(superuser, "t") == ("KEY", 4, "COMPOUND", [2, 1])
    assert keys(superuser, "t") == [("k", "p", [1])]
    connection.execute("alter table t drop constraint k")
    connection.execute("alter table t rename to u")
    assert keys(superuser, "u") == []
    assert attributes(superuser, "u") == ("KEY", 4, "COMPOUND", [2, 1])
    for sql, code in [
        ("alter table u alter column name type varchar(7)", "22001"),
        ("alter table u alter column a type bigint", "0A000"),
        ("alter table u drop column d", "0A000"),
        ("alter table u alter column a set not null", "0A000"),
        ("alter table u add column x int, add column y int", "42601"),
        ("alter table u add column x int identity(1,1)", "0A000"),
        ("alter table u drop constraint nope", "42704"),
    ]:
        with pytest.raises(psycopg.Error) as error:
            connection.execute(sql)
        assert error.value.sqlstate == code, sql


def test_append_moves_rows_and_checks_columns(connection: Session) -> None:
    connection.execute(
        "create table t (a int, b varchar(5)); create table s (a int, b varchar(5)); create table x (a int)"
    )
    connection.execute("insert into s values (1, 'x'); insert into x values (2)")
    connection.execute("alter table t append from s")
    assert connection.execute("select (select count(*) from t), (select count(*) from s)").fetchone() == (1, 0)
    with pytest.raises(psycopg.Error, match="do not match"):
        connection.execute("alter table t append from x")
    connection.execute("alter table t append from x filltarget")
    assert connection.execute("select a, b from t order by a").fetchall() == [(1, "x"), (2, None)]


def test_users_groups_roles_and_grants(connection: Session, empty_redshift: Connection) -> None:
    try:
        connection.execute("create user reader with password 'Readerpass1' nocreatedb session timeout 60")
        connection.execute("create group analysts with user reader")
        connection.execute("create role loader")
        connection.execute("grant role loader to reader")
        connection.execute("create table t (a int)")
        connection.execute("grant select on t to group analysts")
        connection.execute("grant insert on t to role loader")
        login: dict[str, Any] = {"user": "reader", "password": "Readerpass1"}
        with psycopg.connect(empty_redshift.dsn(), autocommit=True, **login) as reader:
            reader.execute("insert into t values (1)")
            assert reader.execute("select a from t").fetchall() == [(1,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("delete from t")
        connection.execute("revoke select on t from group analysts")
    finally:
        connection.execute("drop table if exists t")
        for sql in ("drop user if exists reader", "drop group if exists analysts", "drop role if exists loader"):
            connection.execute(sql)
