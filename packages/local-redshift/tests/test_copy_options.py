"""COPY's options for values and columns, and those that are refused."""

import pytest
from tests.copy_loader import Loader, fails_with


@pytest.mark.parametrize(
    ("options", "body", "expected"),
    [
        ("delimiter '|'", "1|a b|\n2|\\N|2020-01-02\n", [(1, "a b", None), (2, None, "2020-01-02")]),
        ("delimiter ';' null as 'NULL'", "1;NULL;NULL\n", [(1, None, None)]),
        ("delimiter '|' escape", "1|a\\|b\\\\c|2020-01-02\n", [(1, "a|b\\c", "2020-01-02")]),
        ("delimiter '|' removequotes", "1|\"a|b\"|'2020-01-02'\n", [(1, "a|b", "2020-01-02")]),
        (
            "delimiter '|' removequotes escape",
            '1|"a\\"|b"|2020-01-02\n2|c|\n',
            [(1, 'a"|b', "2020-01-02"), (2, "c", None)],
        ),
        ("delimiter '|'", "1|a||\n2|b|2020-01-02|\n", [(1, "a", None), (2, "b", "2020-01-02")]),
        ("delimiter '\\001'", "1\x01a\x012020-01-02\n", [(1, "a", "2020-01-02")]),
        ("csv", '1, "a ""b""" , 2020-01-02\n2,\t"c",\n', [(1, 'a "b"', "2020-01-02"), (2, "c", None)]),
        ("csv ignoreallerrors", "1,a,x\n2,b,y\n3,c,\n", [(3, "c", None)]),
        ("csv quote as ''''", "1,'a,b',2020-01-02\n", [(1, "a,b", "2020-01-02")]),
        ("csv dateformat 'DD.MM.YYYY'", "1,a,02.01.2020\n", [(1, "a", "2020-01-02")]),
        ("csv dateformat 'auto'", "1,a,01/02/2020\n", [(1, "a", "2020-01-02")]),
        ("csv blanksasnull emptyasnull", "1,  ,\n2,,\n", [(1, None, None), (2, None, None)]),
        ("csv truncatecolumns", "1,0123456789abc,\n2,한글한글,\n", [(1, "0123456789", None), (2, "한글한", None)]),
        ("csv acceptinvchars '^'", b"1,a\xffb,\n", [(1, "a^b", None)]),
        ("csv fillrecord", "1\n2,b\n", [(1, "", None), (2, "b", None)]),
        ("csv ignoreblanklines", "1,a,\n\n2,b,\n", [(1, "a", None), (2, "b", None)]),
        ("csv acceptanydate", "1,a,2020-02-31\n2,b,nodate\n", [(1, "a", None), (2, "b", None)]),
        ("csv trimblanks", '1,"a  ",\n', [(1, "a", None)]),
        ("csv ignoreheader 2", "x\ny\n1,a,\n", [(1, "a", None)]),
    ],
)
def test_conversion_options(
    loader: Loader, options: str, body: str | bytes, expected: list[tuple[int, str | None, str | None]]
) -> None:
    loader.run("create table t (id int, name varchar(10), day date)")
    found = loader.copy(body, options)
    assert [(a, b, None if c is None else str(c)) for a, b, c in found] == expected


def test_decimals_are_truncated_to_the_scale_unless_roundec(loader: Loader) -> None:
    loader.run("create table t (id int, amount decimal(8,2), wide decimal(38,2))")
    row, long = "1,20.259,12345678901234567890123456789.999\n", "1234567890123456789012345678"
    for options, cut in (("csv", ("20.25", f"{long}9.99")), ("csv roundec", ("20.26", f"{long[:-1]}90.00"))):
        loader.run("delete from t")
        loader.copy(row, options)
        assert loader.run("select amount::varchar, wide::varchar from t") == [cut]


def test_timeformat_epoch_and_pattern(loader: Loader) -> None:
    loader.run("create table t (id int, at timestamp)")
    loader.copy("1,1577836800\n", "csv timeformat 'epochsecs'")
    loader.copy("2,01.02.2020 03:04:05 PM\n", "csv timeformat 'DD.MM.YYYY HH:MI:SS AM'", name="other")
    assert loader.run("select at::varchar from t order by id") == [("2020-01-01 00:00:00",), ("2020-02-01 15:04:05",)]


def test_column_list_defaults_and_identity(loader: Loader) -> None:
    loader.run("create table t (id int identity(10, 5), name varchar(10) default 'none', n int default 7)")
    assert loader.copy("1\n2\n", "csv", "t (n)") == [(10, "none", 1), (15, "none", 2)]
    loader.run("delete from t")
    with fails_with("EXPLICIT_IDS"):
        loader.copy("1,2\n", "csv", "t (id, n)")
    assert loader.copy("99,2\n", "csv explicit_ids", "t (id, n)") == [(99, "none", 2)]


def test_explicit_ids_needs_the_identity_column(loader: Loader) -> None:
    loader.run("create table t (id int identity(1, 1), name varchar(10))")
    with fails_with("EXPLICIT_IDS"):
        loader.copy("a\n", "csv explicit_ids", "t (name)")
    assert loader.errors() == []  # no row is at fault
    assert loader.run("select count(*) from t") == [(0,)]


@pytest.mark.parametrize(
    "sql",
    [
        "copy t from stdin",
        "copy t to stdout",
        "copy t from 's3://lake/x' iam_role default fixedwidth 'a:1'",
        "copy t from 's3://lake/x' iam_role default null as '\\0'",
        "copy t from 's3://lake/x' iam_role default ignoreallerrors maxerror 3",
        "copy t from 's3://lake/x' iam_role default format parquet ignoreheader 1",
    ],
)
def test_copy_forms_that_are_refused(loader: Loader, sql: str) -> None:
    loader.run("create table t (id int)")
    with fails_with("0A000"):
        loader.run(sql)
    assert loader.run("select count(*) from t") == [(0,)]


def test_removequotes_reports_text_after_a_quote(loader: Loader) -> None:
    loader.run("create table t (id int, name varchar(10))")
    with fails_with("stl_load_errors"):
        loader.copy('1|"a"b\n', "removequotes")
    assert loader.errors() == [(1, "", 1214, "")]


@pytest.mark.parametrize("more", ["", "maxerror 2"])
def test_blanks_beyond_the_size_and_a_quoted_null_string_are_the_same_on_every_path(loader: Loader, more: str) -> None:
    loader.run("create table sized (id int, name varchar(3), code char(2))")
    assert loader.copy("1,abc  ,x   \n", f"csv {more}", "sized") == [(1, "abc", "x ")]
    loader.run("truncate sized")
    assert loader.copy('1,"none",y\n2,none,"z"\n', f"csv null as 'none' {more}", "sized") == [
        (1, None, "y "),
        (2, None, "z "),
    ]
