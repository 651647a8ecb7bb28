"""Parameters without a type in the list of a SELECT over tables (aws/amazon-redshift-python-driver#59)."""

from typing import Any

import psycopg
import pytest
import redshift_connector

SETUP = ("create table t (id int, name varchar(10))", "insert into t values (1, 'x')")


@pytest.fixture
def cursor(driver_connection: Any) -> Any:
    """A cursor of redshift_connector, which binds a str and None as unknown, and the table t."""
    cursor = driver_connection.cursor()
    for sql in SETUP:
        cursor.execute(sql)
    return cursor


@pytest.mark.parametrize("value", ["a", None])
@pytest.mark.parametrize(
    "sql",
    [
        "select %s from t",
        "select id, %s as a from t where id = 1",
        "select a, count(*) from (select %s as a from t) d group by id",
        "with c as (select %s a, id from t) select id from c",
        "select %s from stv_recents limit 10",
    ],
)
def test_an_untyped_parameter_in_a_list_over_tables_is_an_assertion(cursor: Any, sql: str, value: str | None) -> None:
    with pytest.raises(redshift_connector.Error) as error:
        cursor.execute(sql, (value,))
    fields = error.value.args[0]
    assert (fields["C"], fields["M"]) == ("XX000", "Assert")
    assert "Invalid type: 705" in fields["D"]


@pytest.mark.parametrize(
    ("sql", "value", "rows"),
    [
        ("select %s from t", 1, [(1,)]),
        ("select cast(%s as varchar(10)), id from t", "a", [("a", 1)]),
        ("select coalesce(%s, name) from t", "a", [("a",)]),
        ("select id from t where name = %s", "x", [(1,)]),
        ("select %s", "a", [("a",)]),
        ("select %s from pg_catalog.pg_class limit 1", "a", [("a",)]),
        ("select name from t union all select %s from t", "a", [("x",), ("a",)]),
    ],
)
def test_a_parameter_with_a_type_of_its_own_or_of_a_column_is_read(
    cursor: Any, sql: str, value: object, rows: list[tuple[object, ...]]
) -> None:
    cursor.execute(sql, (value,))
    assert [tuple(row) for row in cursor.fetchall()] == rows


@pytest.mark.parametrize(
    ("sql", "value", "rows"),
    [
        ("insert into t (id, name) select id, %s from t", "a", [(1, "x"), (1, "a")]),
        ("insert into t (id, name) values (2, %s)", None, [(1, "x"), (2, None)]),
        ("update t set name = %s where id = 1", None, [(1, None)]),
    ],
)
def test_a_parameter_that_is_written_has_the_type_of_its_column(
    cursor: Any, sql: str, value: object, rows: list[tuple[object, ...]]
) -> None:
    cursor.execute(sql, (value,))
    cursor.execute("select id, name from t")
    assert [tuple(row) for row in cursor.fetchall()] == rows


def test_a_parameter_of_no_declared_type_is_as_unknown(connection: psycopg.Connection[Any]) -> None:
    for sql in SETUP:
        connection.execute(sql)
    with pytest.raises(psycopg.Error, match=r"^Assert"):
        connection.execute("select %s from t", ["a"])
    assert connection.execute("select %s::varchar from t", ["a"]).fetchall() == [("a",)]
