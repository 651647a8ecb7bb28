"""The Amazon provider's own hooks and operators, unchanged."""

import json
import logging
import os
from typing import Any

import pandas as pd
import pytest
import sqlalchemy
from airflow.models.connection import Connection as AirflowConnection
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from airflow.providers.amazon.aws.transfers.redshift_to_s3 import RedshiftToS3Operator
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.providers.common.sql.operators.sql import (
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLTableCheckOperator,
)

from local_redshift.testing.pytest_plugin import Connection, RedshiftServer


@pytest.fixture
def hook(
    empty_redshift: Connection, redshift_server: RedshiftServer, monkeypatch: pytest.MonkeyPatch
) -> RedshiftSQLHook:
    """A RedshiftSQLHook, with Airflow connections to the local Redshift and S3 in the environment."""
    common: dict[str, Any] = {
        "host": empty_redshift.host,
        "login": empty_redshift.user,
        "password": empty_redshift.password,
        "port": empty_redshift.port,
        "schema": empty_redshift.database,
    }
    s3 = {"endpoint_url": redshift_server.s3_endpoint, "region_name": redshift_server.region}
    connections = {
        "REDSHIFT_DEFAULT": AirflowConnection(conn_id="r", conn_type="redshift", extra={"ssl": False}, **common),
        "AS_POSTGRES": AirflowConnection(conn_id="p", conn_type="postgres", **common),
        "AWS_DEFAULT": AirflowConnection(
            conn_id="a",
            conn_type="aws",
            login=redshift_server.access_key,
            password=redshift_server.secret_key,
            extra=s3,
        ),
    }
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", connection.as_json())
    return RedshiftSQLHook()


def load(key: str, method: str = "APPEND", **more: Any) -> None:
    S3ToRedshiftOperator(
        task_id="load",
        schema="public",
        table="t",
        s3_bucket="lake",
        s3_key=key,
        copy_options=["csv"],
        method=method,
        **more,
    ).execute({})


def rows(hook: RedshiftSQLHook) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in hook.get_records("select * from t order by 1, 2")]


def test_s3_to_redshift_append_replace_and_upsert(
    hook: RedshiftSQLHook, redshift_server: RedshiftServer, caplog: pytest.LogCaptureFixture
) -> None:
    hook.run("create table t (id int primary key, name varchar(10))")
    put = redshift_server.s3.put_object
    put(Bucket="lake", Key="op/a.csv", Body=b"1,a\n2,b\n")
    put(Bucket="lake", Key="op/b.csv", Body=b"2,B\n3,C\n")
    with caplog.at_level(logging.DEBUG):
        load("op/a.csv", redshift_conn_id="redshift_default")
        load("op/b.csv", "UPSERT", upsert_keys=["id"])
        assert rows(hook) == [(1, "a"), (2, "B"), (3, "C")]
        load("op/b.csv", "UPSERT")
        load("op/a.csv", "REPLACE")
    assert rows(hook) == [(1, "a"), (2, "b")]
    load("op/a.csv", redshift_conn_id="redshift_default", column_list=["id", "name"])
    assert len(rows(hook)) == 4


def test_redshift_to_s3_unloads_a_table_and_a_query(hook: RedshiftSQLHook, redshift_server: RedshiftServer) -> None:
    hook.run("create table t (id int, name varchar(10))")
    hook.run("insert into t values (1, 'a'), (2, 'b')")
    options: dict[str, Any] = {"s3_bucket": "lake", "unload_options": ["csv", "allowoverwrite"], "include_header": True}
    RedshiftToS3Operator(task_id="table", schema="public", table="t", s3_key="out", **options).execute({})
    RedshiftToS3Operator(
        task_id="query",
        select_query="select name from t where id = 2",
        s3_key="out/q_",
        table_as_file_name=False,
        **options,
    ).execute({})
    for key, body in (("out/t_0000_part_00", b"id,name\n1,a\n2,b\n"), ("out/q_0000_part_00", b"name\nb\n")):
        assert redshift_server.s3.get_object(Bucket="lake", Key=key)["Body"].read() == body


def test_hook_records_frames_engine_and_keys(hook: RedshiftSQLHook) -> None:
    hook.run(["create table t (id int, name varchar(10), primary key (id, name))", "insert into t values (1, 'a')"])
    assert hook.get_first("select * from t") == [1, "a"]
    assert hook.get_table_primary_key("t", "public") == ["id", "name"]
    frame = hook.get_df("select * from t", df_type="pandas")
    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("records") == [{"id": 1, "name": "a"}]
    hook.insert_rows("t", [(2, "b"), (3, "c")], target_fields=["id", "name"])
    assert len(rows(hook)) == 3
    connection = hook.get_connection("redshift_default")
    assert hook.get_openlineage_database_dialect(connection) == "redshift"


def test_hook_engine_needs_an_extra_without_ssl_and_no_native_hstore(
    hook: RedshiftSQLHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.run(["create table t (id int, name varchar(10))", "insert into t values (1, 'a')"])
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match='invalid connection option "ssl"'):
        hook.get_sqlalchemy_engine().connect()  # the hook gives the extra to libpq
    plain = {**json.loads(os.environ["AIRFLOW_CONN_REDSHIFT_DEFAULT"]), "extra": "{}"}
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps(plain))
    with pytest.raises(sqlalchemy.exc.NotSupportedError, match="Savepoints"):
        RedshiftSQLHook().get_sqlalchemy_engine().connect()  # psycopg looks hstore up under a savepoint
    engine = RedshiftSQLHook().get_sqlalchemy_engine({"use_native_hstore": False})
    with engine.begin() as connection:
        name = connection.execute(sqlalchemy.text("select nvl(name, '-') from t where id = :id"), {"id": 1})
        assert name.scalar_one() == "a"
        connection.execute(sqlalchemy.text("insert into t values (:id, :name)"), [{"id": 2, "name": "b"}])
    frame = pd.read_sql("select * from t order by id", engine)
    assert frame.to_dict("records") == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert engine.dialect.server_version_info == (8, 0, 2)
    engine.dispose()


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize("conn_id", ["redshift_default", "as_postgres"])
def test_sql_operators_over_redshift_and_postgres_connections(conn_id: str) -> None:
    def execute(sql: str | list[str], **more: Any) -> Any:
        return SQLExecuteQueryOperator(task_id="x", conn_id=conn_id, sql=sql, **more).execute({})

    execute("create table t (id int, name varchar(10)) distkey(id)")
    execute(["insert into t values (1, 'a')", "insert into t values (2, null)"])
    assert [tuple(row) for row in execute("select count(*) from t where id >= %s", parameters=[1])] == [(2,)]
    SQLColumnCheckOperator(
        task_id="c",
        conn_id=conn_id,
        table="t",
        column_mapping={"id": {"null_check": {"equal_to": 0}, "max": {"leq_to": 2}}},
    ).execute({})
    SQLTableCheckOperator(
        task_id="t", conn_id=conn_id, table="t", checks={"rows": {"check_statement": "count(*) = 2"}}
    ).execute({})


def test_openlineage_facets_of_a_query_name_tables_and_columns(hook: RedshiftSQLHook) -> None:
    operator = SQLExecuteQueryOperator(task_id="x", conn_id="redshift_default", sql="insert into u select id from t")
    hook.run(["create table t (id int)", "create table u (id int)"])
    operator.execute({})
    lineage = operator.get_openlineage_facets_on_complete(None)
    assert lineage is not None
    assert [dataset.name.split(".")[-1] for dataset in lineage.inputs] == ["t"]
    schema: Any = (lineage.outputs[0].facets or {})["schema"]
    assert [field.name for field in schema.fields] == ["id"]
