"""COPY accepts Redshift's default formats of dates, times and numbers, on every path."""

import pytest
from tests.copy_loader import Loader, fails_with

from local_redshift.copy.columns import Column
from local_redshift.copy.value_formats import Layout, ValueFormatCheck
from local_redshift.statements.copy import parse_copy

PATHS = ["csv", "csv trimblanks", "delimiter ','"]


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("date", "01/02/2020", 1205),
        ("date", "20200102", 1205),
        ("date", "2020-1-2", 1205),
        ("date", "today", 1205),
        ("date", "infinity", 1205),
        ("date", "10000-01-01", 1205),
        ("timestamp", "2020-01-02T10:00:00", 1206),
        ("timestamp", "2020-01-02 10:00:00+05", 1206),
        ("timestamp", "01/02/2020 10:00", 1206),
        ("timestamp", "infinity", 1206),
        ("timestamptz", "2020-01-02 10:00:00 Europe/Berlin", 1206),
        ("int", "0x10", 1207),
        ("bigint", "1_000", 1207),
        ("decimal(5,2)", "1_0.5", 1207),
        ("decimal(5,2)", "NaN", 1207),
        ("decimal(5,2)", "0b1", 1207),
        ("bool", "on", 1210),
        ("bool", "tru", 1210),
    ],
)
@pytest.mark.parametrize("options", PATHS)
def test_a_format_that_only_postgresql_accepts_is_an_error(
    loader: Loader, options: str, kind: str, value: str | None, code: int
) -> None:
    loader.run(f"create table t (id int, v {kind}, note varchar(10))")
    with fails_with("stl_load_errors"):
        loader.copy(f"1,,a\n2,{value},b\n", options)
    assert loader.errors() == [(2, "v", code, value)]
    assert loader.run("select count(*) from t") == [(0,)]


@pytest.mark.parametrize("options", PATHS)
def test_the_default_formats_are_accepted(loader: Loader, options: str) -> None:
    loader.run("create table t (d date, s timestamp, z timestamptz, n decimal(5,2), i int)")
    row = "2020-01-02,2020-01-02 03:04:05.678,2020-01-02 03:04:05+02, -1.5e1 ,+7\n"
    loader.copy("2020-01-02 10:00:00,2020-01-02,2020-01-02 03:04:05,.5,7\n" + row + ",,,,\n", options)
    assert loader.run("select d::varchar, s::varchar, z::varchar, n::varchar, i from t where i = 7 order by n") == [
        ("2020-01-02", "2020-01-02 03:04:05.678", "2020-01-02 01:04:05+00", "-15.00", 7),
        ("2020-01-02", "2020-01-02 00:00:00", "2020-01-02 03:04:05+00", "0.50", 7),
    ]


@pytest.mark.parametrize(("options", "value"), [("dateformat 'auto'", "01/02/2020"), ("acceptanydate", None)])
def test_auto_reads_other_dates_and_acceptanydate_makes_them_null(
    loader: Loader, options: str, value: str | None
) -> None:
    loader.run("create table t (d date)")
    loader.copy("01/02/2020\n", f"csv {options}")
    assert loader.run("select d::varchar from t") == [("2020-01-02" if value else None,)]


@pytest.mark.parametrize("more", ["", ', "o": {}'])
def test_json_is_read_by_the_same_formats(loader: Loader, more: str) -> None:
    loader.run("create table t (id int, at timestamp)")
    with fails_with("stl_load_errors"):
        loader.copy(f'{{"id": 1, "at": "2020-01-02T10:00:00Z"{more}}}\n', "json 'auto'")
    assert loader.errors() == [(1, "at", 1206, "2020-01-02T10:00:00Z")]
    loader.copy(f'{{"id": 1, "at": "2020-01-02T10:00:00Z"{more}}}\n', "json 'auto' timeformat 'auto'")
    assert loader.run("select at::varchar from t") == [("2020-01-02 10:00:00",)]


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ('1,"a\nb, ""c""",2020-01-02\n2,"",""\n\\N,x,\\N\r\n', False),
        ('1,"a\nb",2020-01-02\n2,c,01/02/2020\n', True),
        ("1,2020-01-02,01/02/2020\n", True),
        ("0x1,a,\n", True),
    ],
)
def test_odd_values_are_found_wherever_the_text_is_divided(text: str, odd: bool) -> None:
    command = parse_copy("copy t from 's3://b/k' iam_role 'r' csv")
    columns = [Column(kind, kind, kind, False, False) for kind in ("integer", "character varying", "date")]
    for at in range(len(text) + 1):
        shapes = ValueFormatCheck(command, columns, Layout(",", '"', "\\N"))
        found = shapes.rejects(text[:at].encode()) or shapes.rejects(text[at:].encode())
        assert (found or shapes.incomplete) == odd, text[at:]
