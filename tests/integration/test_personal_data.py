"""Columns marked as `pii`: their values are in no report, reject, alert, check failure or comparison."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from redshift_etl.backfill import comparison, shadow_table
from redshift_etl.checks import run as checks
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import personal
from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import SourceError, TransientError
from redshift_etl.incidents.on_failure import on_failure
from redshift_etl.lake.storage import Lake
from redshift_etl.warehouse import load
from redshift_etl.warehouse.model import Run
from redshift_etl.warehouse.session import open_session
from tests.integration.batches import LoadTarget
from tests.integration.operations import connect_airflow, repository
from tests.integration.raw_files import raw, rejects, transform, use_sql_dir
from tests.integration.test_incidents import context, reports

pytestmark = pytest.mark.slow

PEOPLE = """/*
description: People.
owner: us
load: incremental
version: version
pii: [email, phone, age]
accepted: {phone: ["1"]}
retention: never
*/
CREATE TABLE core.things (
    id BIGINT NOT NULL, email VARCHAR(20) NOT NULL, phone VARCHAR(20), age INTEGER, city VARCHAR(5),
    version TIMESTAMP NOT NULL, PRIMARY KEY (id, email)
)
DISTKEY (id) SORTKEY (version);"""
ADDRESS, PHONE = "ada@example.org", "00491234567"


@pytest.fixture
def people(target: LoadTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Contract]:
    repository(tmp_path / "sql", monkeypatch, {"tables/core/things.sql": PEOPLE})
    connect_airflow(target, monkeypatch)
    contract = contracts.load("core.things")
    target.create(contract)
    yield contract
    contracts.load.cache_clear()


def row(number: int = 1, *, city: str = "Rome", phone: str = "1", age: int = 36) -> tuple[Any, ...]:
    return (number, ADDRESS, phone, age, city, "2013-01-01 00:00:00")


def refused(target: LoadTarget, contract: Contract, *rows: tuple[Any, ...]) -> SourceError:
    audit = checks.of(target.connect, contract, Run("things", "r", "load", 1))
    with pytest.raises(SourceError) as caught:
        load.execute(target.connect, target.batch(contract, rows), [audit.stage], [audit.result])
    return caught.value


def reported(error: BaseException) -> str:
    on_failure(context(error))
    (text,) = reports(Lake.connect())
    return text


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT id, email, 'no such city: ' || city FROM {rows}", True),
        ("SELECT id, email, 'no @: ' || email FROM {rows}", False),
        ("SELECT id, EMAIL, 'no @: ' || Email FROM {rows}", False),
        ("SELECT id, email, 'called ' || PHONE FROM {rows}", False),
        ("SELECT * FROM {rows}", False),
    ],
)
def test_a_reason_is_shown_only_where_its_check_reads_no_personal_data(people: Contract, sql: str, shown: bool) -> None:
    assert (personal.reason(people, sql, "why") == "why") is shown


def test_a_check_s_failures_and_the_report_name_the_row_by_what_is_no_personal_data(
    target: LoadTarget, people: Contract
) -> None:
    text = reported(refused(target, people, row(), row(2, phone=PHONE)))
    failures = target.rows("SELECT row_key, reason FROM etl.check_failures")
    summary = target.rows("SELECT summary FROM etl.incidents")
    assert failures == [(f"id=2, email={personal.HIDDEN}", personal.HIDDEN)]
    assert "accepted_phone" in text
    for hidden in (ADDRESS, PHONE):
        assert hidden not in text
        assert hidden not in str((failures, summary))


@pytest.mark.parametrize(("bad", "value", "shown"), [
    ({"phone": "0" * 17 + PHONE}, PHONE, False),
    ({"city": "Reykjavik"}, "Reykjavik", True),
])  # fmt: skip
def test_a_value_that_copy_refuses_is_hidden_if_it_is_personal_and_shown_if_not(
    target: LoadTarget, people: Contract, bad: dict[str, Any], value: str, shown: bool
) -> None:
    with pytest.raises(SourceError) as caught:
        target.load(people, [row(**bad)])
    assert value in str(caught.value), "who runs the pipelines sees it in the log"
    text = reported(caught.value)
    assert f"| column | {next(iter(bad))} |" in text
    assert (value in text) == shown
    assert ADDRESS not in text


def test_the_message_and_the_traceback_of_a_driver_are_without_values(target: LoadTarget, people: Contract) -> None:
    assert people
    try:
        try:
            with psycopg2.connect(target.database.dsn()) as connection:
                connection.cursor().execute("SELECT CAST(%s AS INTEGER)", (ADDRESS,))
        except psycopg2.Error as error:
            raise TransientError(f"The source failed: {error}", fix="nothing", table="core.things") from error
    except TransientError as error:
        text = reported(error)
    assert ADDRESS not in text
    assert "TransientError" in text
    assert 'File "tests/integration/test_personal_data.py"' in text
    assert str(Path(__file__).parent) not in text


def test_a_comparison_shows_neither_keys_nor_sums_of_personal_data(target: LoadTarget, people: Contract) -> None:
    target.load(people, [row()])
    shadow = shadow_table.create(target.connect, people, "abc")
    load.execute(target.connect, target.batch(shadow, [row(city="Oslo", age=37)]))
    day = date(2013, 1, 1)
    with open_session(target.connect, "compare") as session:
        found = comparison.compare(session, people, "abc", day, day)
    assert found.examples == (f"id=1, email={personal.HIDDEN}",)
    assert found.changed_columns == {"age": 1, "city": 1}
    assert found.sums == {}


def test_a_statement_s_error_hides_what_it_quotes_but_for_names(people: Contract) -> None:
    text = f"""column "city" of relation "things" has '{ADDRESS}', for 'core.things' """
    shown = personal.message(people, text)
    assert ADDRESS not in shown
    assert '"city" of relation "things"' in shown
    assert "'core.things'" in shown
    assert json.dumps(personal.where(people, {"column": "city", "value": "x", "key": "k"})) == json.dumps(
        {"column": "city", "value": "x", "key": personal.HIDDEN}
    )


def test_a_reject_names_the_row_and_what_is_wrong_and_not_what_is_personal(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = use_sql_dir(tmp_path, monkeypatch).table(
        "people",
        "id BIGINT NOT NULL, phone VARCHAR(5), age INTEGER, city VARCHAR(4)",
        "/*\ncolumns: {id: BIGINT, phone: VARCHAR, age: INTEGER, city: VARCHAR}\n*/\n"
        "SELECT id, phone, age, city FROM raw",
        pii="[phone, age]",
        max_rejects=9,
    )
    batch = raw(lake, table, f"id,phone,age,city\n1,{PHONE},36,Rome\n2,1,4711x,Rome\n3,1,36,Stockholm\n")
    transform(lake, batch)
    assert [(it["line"], it["column"], it["value"], it["key"]) for it in rejects(lake, batch)] == [
        (2, "phone", personal.HIDDEN, {"id": "1"}),
        (3, "age", personal.HIDDEN, {"id": "2"}),
        (4, "city", "Stockholm", {"id": "3"}),
    ]
