"""What follows from a contract as checks, and which files may be checks."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlglot

from redshift_etl.checks import rules
from redshift_etl.contracts import contract
from redshift_etl.contracts.check import ROWS, Check, parse, read_all
from redshift_etl.errors import ConfigError
from redshift_etl.window import Window

DAY = Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 2, tzinfo=UTC))
TRIPS = contract.parse("""/*
description: Trips.
owner: us
load: incremental
version: changed_at
fresh_within: 26 hours
retention: never
accepted:
  origin: [EWR, O'Hare]
*/
CREATE TABLE core.trips (
    trip_id BIGINT NOT NULL, origin VARCHAR(8) REFERENCES core.airports (airport), changed_at TIMESTAMP NOT NULL,
    PRIMARY KEY (trip_id)
)""")
GOOD = "/*\ndescription: d\nseverity: warn\n*/\nSELECT trip_id, 'why' AS reason FROM :rows WHERE origin = 'X'"


def by_name() -> dict[str, Check]:
    return {check.name: check for check in rules.from_contract(TRIPS, DAY)}


def test_a_contract_gives_its_checks_without_a_line_of_sql_written() -> None:
    assert {name: check.severity for name, check in by_name().items()} == {
        "not_null": "fail",
        "byte_length": "fail",
        "accepted_origin": "fail",
        "references_origin": "fail",
        "version_not_ahead": "warn",
        "row_count": "warn",
        "freshness": "warn",
    }


def test_a_key_is_checked_on_the_stage_only_where_a_batch_may_not_repeat_it() -> None:
    assert "key_unique" not in by_name()
    airlines = contract.load("core.airlines")
    assert "key_unique" in {check.name for check in rules.from_contract(airlines)}


def test_every_derived_check_is_one_select_that_reads_the_rows() -> None:
    for check in [check for check in by_name().values() if check.sql]:
        assert ROWS in check.sql, check.name
        assert len(sqlglot.parse(check.sql.replace(ROWS, "stage"), dialect="redshift")) == 1


def test_an_accepted_value_is_quoted() -> None:
    assert "'O''Hare'" in by_name()["accepted_origin"].sql


def test_a_reference_of_the_front_matter_only_warns() -> None:
    columns = tuple(
        replace(column, references=replace(column.references, declared=False)) if column.references else column
        for column in TRIPS.columns
    )
    (check,) = [each for each in rules.from_contract(replace(TRIPS, columns=columns)) if "references" in each.name]
    assert check.severity == "warn"


def test_no_check_rests_on_a_declared_key() -> None:
    assert not any("DISTINCT" in f"{check.sql}{check.join}" for check in by_name().values())


def test_a_text_that_is_a_column_has_a_type() -> None:
    assert "CAST('the newest changed_at of the batch' AS VARCHAR(256)) AS reason" in by_name()["freshness"].sql


def test_a_batch_is_compared_with_loads_of_the_same_length_and_with_the_end_of_its_window() -> None:
    assert by_name()["row_count"].values == ("core.trips", 86400)
    assert by_name()["freshness"].values == ("2012-12-31 22:00:00",)


def test_a_file_is_a_check_by_its_name_severity_and_select() -> None:
    check = parse(GOOD, Path("no_x.sql"))
    assert (check.name, check.severity, check.on) == ("no_x", "warn", "stage")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("SELECT trip_id,", "SELEC trip_id,,"), "not valid SQL"),
        (GOOD.replace("SELECT trip_id, 'why' AS reason FROM :rows", "DELETE FROM :rows"), "one SELECT"),
        (GOOD + "; SELECT 1", "one SELECT"),
        (GOOD.replace(":rows", "core.trips"), "does not read :rows"),
        (GOOD.replace("warn", "maybe"), "severity is fail or warn"),
        (GOOD.replace("severity", "severety"), "severety"),
        (GOOD.replace("description: d\n", ""), "no description"),
        (GOOD.replace("SELECT trip_id,", "SELECT 'trip' AS kind,"), "first column, 'trip' AS kind, is a literal"),
        (GOOD.replace("SELECT trip_id,", "SELECT NULL,"), "first column, NULL, is a literal"),
        ("SELECT 1", "front matter"),
    ],
)
def test_a_file_that_cannot_be_a_check_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        parse(text, Path("include/sql/checks/core/trips/no_x.sql"))
    assert "checks/core/trips/no_x.sql" in str(error.value)


@pytest.mark.parametrize("table", contract.all_tables())
def test_the_checks_of_every_table_can_be_read_and_name_its_columns(table: str) -> None:
    each = contract.load(table)
    for check in read_all(each):
        query = sqlglot.parse_one(check.sql.replace(ROWS, "stage"), dialect="redshift")
        named = {column.name for column in query.find_all(sqlglot.exp.Column)} - {"minute"}
        assert named <= set(each.column_names), check.path
