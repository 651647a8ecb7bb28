"""Long statements: their meaning is preserved, and other sessions do not wait for them."""

import os
import select
import struct
import threading
import time
from typing import Any

import psycopg
import pytest

from local_redshift.sql.long_literals import shorten
from local_redshift.sql.refusal import Refusal
from local_redshift.sql.windows import LARGE
from local_redshift.statements.dispatch import plan
from local_redshift.statements.plan import Forward, Script, restored
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

pytestmark = pytest.mark.slow

LONG = "it''s a \\\\ back\\nslash; -- /* \" $$ top getdate() " * 1000


def test_long_literals_preserve_their_values_through_rewrites(connection: psycopg.Connection[Any]) -> None:
    value = LONG.replace("''", "'").replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
    row = connection.execute(f"select nvl('{LONG}', 'x'), '{LONG}' || '!', len('{LONG}'), 'short'").fetchone()
    assert row == (value, value + "!", len(value), "short")
    connection.execute("create table t (a varchar(65535) distkey, b int)")
    connection.execute(f"insert into t values ('{LONG}', 1)")
    connection.execute(f"update t set a = nvl2(b, '{LONG}', '') where a = '{LONG}' -- the end")
    assert connection.execute("select a from t").fetchone() == (value,)


def test_a_statement_whose_long_literal_is_parsed_is_planned_whole(
    connection: psycopg.Connection[Any], redshift_server: RedshiftServer
) -> None:
    condition = " or ".join(f"a = {n}" for n in range(12_000))
    query = f"select nvl(a, 0) from t where {condition}"
    assert len(query) > LARGE
    connection.execute("create table t (a int); insert into t values (1), (2), (12001)")
    connection.execute(
        f"unload ('{query}') to 's3://lake/large/' iam_role '{redshift_server.iam_role}' csv allowoverwrite"
    )
    (file,) = redshift_server.s3.list_objects_v2(Bucket="lake", Prefix="large/")["Contents"]
    assert redshift_server.s3.get_object(Bucket="lake", Key=file["Key"])["Body"].read() == b"1\n2\n"
    connection.execute(f"comment on table t is '{'x' * 140_000}'")
    assert connection.execute("select len(obj_description('t'::regclass))").fetchone() == (140_000,)


def test_many_rows_are_inserted_whether_constant_or_not(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create table t (a int, b varchar(20), c timestamp)")
    connection.execute("insert into t values " + ",".join(f"({n}, 'n ''{n}''', null)" for n in range(5000)))
    connection.execute("insert into t values " + ",".join(f"({n}, 'name {n}', getdate())" for n in range(5000, 8000)))
    assert connection.execute("select count(*), max(a), count(c), min(b) from t").fetchone() == (
        8000,
        7999,
        3000,
        "n '0'",
    )


@pytest.mark.parametrize("word", ["gen_random_uuid()", "a[1]", "t.c.attribute.deeper"])
def test_what_is_refused_is_refused_at_the_end_of_a_long_statement_too(
    connection: psycopg.Connection[Any], word: str
) -> None:
    connection.execute("create table t (a int)")
    numbers = ", ".join(map(str, range(20_000)))
    with pytest.raises(psycopg.Error, match="Redshift"):
        connection.execute(f"select a from t where a in ({numbers}) and {word} is null")


def test_a_plan_that_lost_a_literal_is_not_restored() -> None:
    text = f"select '{'x' * 5000}', 'y'"
    short = shorten(text)
    assert len(short.sql) < 100
    assert restored(plan(short.sql), short) == Forward(text)
    inside = short.sql.replace("'", "''")
    for wrong in (Forward("select 1"), Forward(f"select '{inside}'"), Script((short.sql,), "X"), Refusal(short.sql)):
        assert restored(wrong, short) is None
    assert restored(Refusal("no"), short) == Refusal("no")


def test_another_session_is_served_while_a_long_statement_is_prepared(
    empty_redshift: Connection, connection: psycopg.Connection[Any]
) -> None:
    rows = ",".join(f"({n}, 'name {n}', getdate())" for n in range(15_000))
    query = f"insert into t values {rows}, (gen_random_uuid())".encode() + b"\0"
    with empty_redshift.psycopg(autocommit=True) as large:
        socket = large.pgconn.socket
        sender = threading.Thread(target=_send_all, args=(socket, b"Q" + struct.pack("!I", 4 + len(query)) + query))
        sender.start()
        sender.join(30)
        time.sleep(0.1)
        assert connection.execute("select 1").fetchone() == (1,)
        assert select.select([socket], [], [], 0)[0] == []  # its refusal is still to come
        assert select.select([socket], [], [], 60)[0] == [socket]


def _send_all(number: int, data: bytes) -> None:
    os.set_blocking(number, True)
    while data:
        data = data[os.write(number, data) :]
