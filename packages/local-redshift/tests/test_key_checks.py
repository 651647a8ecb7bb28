"""LOCAL_REDSHIFT_CHECK_KEYS: statements whose result a declared key that is not true may change on a cluster.

Source: https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local_redshift.query.declared_keys import Distinct, Join, candidates
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer, beside

SETUP = [
    "create table airports (airport varchar(3) primary key, city varchar(20))",
    "create table flights (id int primary key, origin varchar(3) references airports (airport))",
    "insert into airports values ('AAA', 'a'), ('BBB', 'b')",
    "insert into flights values (1, 'AAA'), (2, null)",
]
DISTINCT = "select count(*) from (select distinct airport as a from airports) d"
JOIN = "select count(*) from flights f join airports a on f.origin = a.airport"


@pytest.fixture
def databases(redshift: Connection) -> Connection:
    """A database with tables whose keys are true."""
    with redshift.psycopg(autocommit=True) as connection:
        for sql in SETUP:
            connection.execute(sql)
    return redshift


@pytest.fixture
def session(
    request: pytest.FixtureRequest, databases: Connection, redshift_server: RedshiftServer, tmp_path: Path
) -> Iterator[psycopg.Connection[Any]]:
    """A session of a server with check_keys, by default error."""
    setting = getattr(request, "param", "error")
    with (
        beside(redshift_server, tmp_path, check_keys=setting) as server,
        server.connection(databases.database).psycopg(autocommit=True) as connection,
    ):
        yield connection


def test_keys_that_are_true_pass(session: psycopg.Connection[Any]) -> None:
    assert session.execute(DISTINCT).fetchone() == (2,)
    assert session.execute(JOIN).fetchone() == (1,)


def test_a_distinct_over_a_key_with_a_repeated_value_is_refused(session: psycopg.Connection[Any]) -> None:
    session.execute("insert into airports values ('AAA', 'again')")
    with pytest.raises(psycopg.Error, match="SELECT DISTINCT may return duplicates"):
        session.execute(DISTINCT)
    session.execute("select distinct city from airports")


def test_a_join_that_only_filters_is_refused_when_the_reference_is_broken(session: psycopg.Connection[Any]) -> None:
    session.execute("insert into flights values (3, 'ZZZ')")
    with session.transaction(), pytest.raises(psycopg.Error, match="may be left out"):
        session.execute(JOIN)
    assert session.execute("select a.city from flights f join airports a on f.origin = a.airport").fetchall() == [
        ("a",)
    ]
    assert session.execute("select city from flights f join airports a on f.origin = a.airport").fetchall() == [("a",)]
    session.execute(JOIN.replace("join", "left join"))


@pytest.mark.parametrize("session", ["warn"], indirect=True)
def test_a_warning_reaches_the_client_and_the_statement_runs(session: psycopg.Connection[Any]) -> None:
    notices: list[str] = []
    session.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    session.execute("insert into flights values (3, 'ZZZ')")
    with session.transaction():
        assert session.execute(JOIN).fetchone() == (1,)
    assert ["break its key" in notice for notice in notices] == [True]


def test_candidates_are_found_in_the_text() -> None:
    assert candidates("select distinct a, s.t.b as x, c + 1 from s.t") == (Distinct('"s"."t"', frozenset(("a", "b"))),)
    (join,) = candidates("select f.id from s.f as f inner join d on d.x = f.y and f.z = d.w where f.id > 1")
    assert isinstance(join, Join)
    assert (join.table, join.joined, join.pairs) == ('"s"."f"', '"d"', (("y", "x"), ("z", "w")))
    for sql in ("select * from f join d on f.a = d.a", "select d.b from f join d on f.a = d.a", "select 1 from f, d"):
        assert candidates(sql) == ()
