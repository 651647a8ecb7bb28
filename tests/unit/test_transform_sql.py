"""The checks, against DuckDB itself and against Python's idea of each type, on text that nobody would think of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshift_etl.contracts import column_type
from redshift_etl.contracts.ddl import Type
from redshift_etl.transform import sql, value_checks

INTEGERS = {"SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.text("0123456789+-._eExX :T", max_size=30),
        st.from_regex(r"[+-]?[0-9]{1,20}([.][0-9]{0,5})?", fullmatch=True),
        st.datetimes().map(str),
        st.dates().map(str),
        st.sampled_from(
            ["NA", "inf", "nan", "2013-01-01 24:00:00", "2013-01-01 00:00:00+09", "0044-03-15 (BC)", "1_0"]
        ),
    ),
    min_size=30,
    max_size=60,
)


@pytest.fixture(scope="module")
def duck() -> Iterator[Any]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def accepted(duck: Any, kind: Type, values: list[str]) -> list[tuple[str, Any]]:
    """The texts that pass, each with the value that it becomes."""
    bad = " OR ".join(f"({check.bad})" for check in value_checks.value_checks("v", kind))
    duck.execute("CREATE OR REPLACE TEMP TABLE given AS SELECT unnest(?::VARCHAR[]) AS v", [values])
    cast = f"CASE WHEN NOT coalesce({bad}, false) THEN try_cast(v AS {value_checks.duck_type(kind)}) END"
    rows: list[tuple[str, Any]] = duck.execute(f"SELECT v, {cast} FROM given").fetchall()
    return [(text, value) for text, value in rows if value is not None]


def integer(text: str, bits: int) -> int | None:
    if not re.fullmatch("[+-]?[0-9]+", text, re.ASCII):
        return None
    return int(text) if -(2**bits) <= int(text) < 2**bits else None


@pytest.mark.parametrize("name", INTEGERS)
@settings(max_examples=25)
@given(values=TEXTS)
def test_integers_are_those_that_a_person_would_call_so(duck: Any, name: str, values: list[str]) -> None:
    expected = [(text, n) for text in values if (n := integer(text, INTEGERS[name])) is not None]
    assert accepted(duck, Type(name), values) == expected


@settings(max_examples=25)
@given(values=TEXTS)
def test_decimals_are_never_rounded(duck: Any, values: list[str]) -> None:
    for text, value in accepted(duck, Type("DECIMAL", precision=6, scale=2), values):
        assert Decimal(text) == value


@settings(max_examples=25)
@given(values=TEXTS)
def test_moments_and_days_are_exactly_what_is_written(duck: Any, values: list[str]) -> None:
    for text, moment in accepted(duck, Type("TIMESTAMP"), values):
        assert datetime.fromisoformat(text) == moment
    for text, day in accepted(duck, Type("DATE"), values):
        assert date.fromisoformat(text) == day


@settings(max_examples=25)
@given(values=st.lists(st.text(max_size=8), min_size=20, max_size=40), length=st.integers(1, 12))
def test_text_is_measured_in_bytes(duck: Any, values: list[str], length: int) -> None:
    expected = [text for text in values if len(text.encode()) <= length and "\0" not in text and text != "\\N"]
    assert [text for text, _ in accepted(duck, Type("VARCHAR", length=length), values)] == expected


def test_names_and_literals_cannot_break_out() -> None:
    assert value_checks.quoted('a"b') == '"a""b"'
    assert value_checks.literal("a'b") == "'a''b'"


def test_a_file_name_with_a_quote_is_still_a_file_name(duck: Any, tmp_path: Path) -> None:
    path = tmp_path / "it's.csv"
    path.write_text("a\n1\n")
    assert duck.execute(f"SELECT * FROM {sql.csv_relation([str(path)], ['a'], 10)}").fetchall() == [("1",)]


def test_every_type_of_a_contract_has_a_duckdb_type_and_a_check(duck: Any) -> None:
    sized = {
        "VARCHAR": Type("VARCHAR", length=5),
        "CHAR": Type("CHAR", length=5),
        "DECIMAL": Type("DECIMAL", precision=9, scale=0),
    }
    for name in column_type.TYPES:
        kind = sized.get(name, Type(name))
        assert value_checks.value_checks("v", kind)
        [[printed]] = duck.execute(f"SELECT typeof(NULL::{value_checks.duck_type(kind)})").fetchall()
        assert printed == value_checks.duck_type(kind)
