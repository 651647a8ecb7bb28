"""The corpus against the local Redshift, through both drivers, and the corpus's own rules."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg2
import pytest

from local_redshift.corpus import cases, runner
from local_redshift.testing.pytest_plugin import Connection, RedshiftServer

HEADINGS = cases.read()
MIN_CASES = 400


def _connectors(redshift: Connection) -> dict[str, Callable[[], Any]]:
    return {"psycopg2": partial(psycopg2.connect, redshift.dsn()), "redshift_connector": redshift.connect}


@pytest.mark.parametrize("driver", ["redshift_connector", pytest.param("psycopg2", marks=pytest.mark.slow)])
@pytest.mark.parametrize("heading", HEADINGS, ids=lambda heading: heading.name)
def test_statements_return_what_the_documentation_states(
    heading: cases.Heading, driver: str, redshift: Connection, redshift_server: RedshiftServer
) -> None:
    lake = runner.Lake(
        redshift_server.s3, redshift_server.bucket, redshift_server.iam_role, f"corpus/{heading.name}/{driver}"
    )
    differences = runner.run(heading, _connectors(redshift)[driver], lake)
    assert not differences, "\n".join(map(str, differences))


def test_corpus_is_large_and_covers_every_heading() -> None:
    assert sum(len(group.cases) for heading in HEADINGS for group in heading.groups) >= MIN_CASES
    assert {heading.name[0] for heading in HEADINGS} == set("12345678")


def test_no_statement_is_listed_twice_under_a_topic() -> None:
    seen = Counter(
        (heading.name, group.topic, case.sql)
        for heading in HEADINGS
        for group in heading.groups
        for case in group.cases
    )
    assert [key for key, count in seen.items() if count > 1] == []


def test_a_wrong_value_is_reported_with_the_actual_one(redshift: Connection) -> None:
    case = cases.Case(("select 1 + 1",), "is", "3")
    heading = cases.Heading("0_probe", "probe", (cases.Group("Sum", "r_SUM", (), {}, (case,)),))
    (difference,) = runner.run(heading, redshift.connect)
    assert "expected is 3" in str(difference)
    assert "got      rows [['2']]" in str(difference)


def test_the_command_runs_headings_and_leaves_no_schema(
    redshift: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDSHIFT_PASSWORD", redshift.password)
    server = ["--host", redshift.host, "--port", str(redshift.port), "--database", redshift.database, "--no-ssl"]
    assert runner.main([*server, "--only", "7_strings"]) == 0
    assert "7_strings: " in capsys.readouterr().out
    with redshift.psycopg() as session:
        query = "select count(*) from svv_all_schemas where schema_name like 'corpus%%'"
        assert session.execute(query).fetchone() == (0,)
