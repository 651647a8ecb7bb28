"""COPY CSV: empty fields, NULL markers, quotes, and the quotes that PostgreSQL's own COPY reads differently."""

import pytest
from tests.copy_loader import Loader, fails_with

from local_redshift.copy import quote_check


def test_csv_empty_field_is_an_empty_string_for_text_and_null_for_numbers(loader: Loader) -> None:
    loader.run("create table t (id int, name varchar(10), amount decimal(5,2))")
    assert [tuple(map(str, row)) for row in loader.copy('1,,\n2,"a,""b",1.5\n,"",\n')] == [
        ("1", "", "None"), ("2", 'a,"b', "1.50"), ("None", "", "None")]  # fmt: skip


def test_csv_null_marker_and_empty_fields_can_be_mixed(loader: Loader) -> None:
    loader.run("create table t (id int, name varchar(10))")
    assert loader.copy("1,\\N\n2,x\n\\N,\n") == [(1, None), (2, "x"), (None, "")]
    loader.run("delete from t")
    assert loader.copy("1,\\N\n2,x\n,\n", "csv null as '\\\\N'") == [(1, None), (2, "x"), (None, "")]


def test_varbyte_is_read_from_its_hexadecimal_digits(loader: Loader) -> None:
    loader.run("create table t (id int, body varbyte(2))")
    loader.copy("1,6162\n2,aF\n3,\n")
    assert loader.run("select id, from_varbyte(body, 'hex'), octet_length(body) from t order by id") == [
        (1, "6162", 2),
        (2, "af", 1),
        (3, None, None),
    ]


@pytest.mark.parametrize(("value", "code"), [("6", 1225), ("6g", 1225), ("\\\\x61", 1225), ("616263", 1204)])
def test_what_is_no_varbyte_of_the_columns_size_is_an_error(loader: Loader, value: str, code: int) -> None:
    loader.run("create table t (id int, body varbyte(2))")
    with fails_with("stl_load_errors"):
        loader.copy(f"1,{value}\n")
    assert [(column, found) for _, column, found, _ in loader.errors()] == [("body", code)]


@pytest.mark.parametrize(
    "body",
    [
        '1,a"b",\n',
        '1,"a"b,\n',
        '1,a"b"c,\n',
        '1,"a""" b,\n',
        '1,a""b,\n',
        '1,""a,\n',
        '1,a"",\n',
        '1,"a,"b,\n',
        '1,a",x"\n',
    ],
)
@pytest.mark.parametrize("options", ["csv", "csv truncatecolumns"])
def test_a_quote_inside_a_csv_field_is_an_error(loader: Loader, options: str, body: str) -> None:
    loader.run("create table t (id int, name varchar(10), day date)")
    with fails_with("stl_load_errors"):
        loader.copy(body, options)
    assert loader.errors() == [(1, "", 1214, "")]


@pytest.mark.parametrize("options", ["csv", "csv truncatecolumns", "csv maxerror 1"])
def test_a_blank_line_is_an_error_on_every_path(loader: Loader, options: str) -> None:
    loader.run("create table t (id int, name varchar(10), day date)")
    with fails_with("stl_load_errors"):
        loader.copy("1,a,\n\n", options)
    found = loader.run(
        "select trim(filename), line_number, trim(colname), err_code, trim(err_reason), trim(raw_line) "
        "from stl_load_errors"
    )
    assert found == [(f"s3://lake/{loader.folder}/data", 2, "", 1203, "Delimiter not found", "")]
    assert loader.run("select count(*) from t") == [(0,)]


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        ('1,"a ""b""",\n2,"",""\n"x",""""\n', False),
        ('"a\r\nb"\r\n"","c,"",d"\r\n', False),
        ('1,a"b\n', True),
        ('1,a""b\n', True),
        ('1,a""\n', True),
        ('1,""a\n', True),
        ('1,"a,"b\n', True),
        ('1,a",x"\n', True),
        ('1, "a"\n', True),
        ('1,"a" \n', True),
        ('1,"a"""b\n', True),
    ],
)
def test_stray_quotes_are_found_wherever_the_text_is_divided(text: str, stray: bool) -> None:
    data = text.encode()
    for at in range(len(data) + 1):
        quotes = quote_check.QuoteCheck('"', ",")
        assert any([quotes.rejects(data[:at]), quotes.rejects(data[at:])]) == stray, data[at:]
    quotes = quote_check.QuoteCheck('"', ",")
    assert any(quotes.rejects(bytes([byte])) for byte in data) == stray


def test_a_quote_left_open_ends_with_its_file_and_not_in_the_next(loader: Loader) -> None:
    loader.run("create table t (id int, name varchar(30))")
    for name, body in (("f/a", '1,"abc\n'), ("f/b", '2,x"\n')):
        loader.put(name, body)
    with fails_with("stl_load_errors"):
        loader.run(f"copy t from 's3://lake/{loader.folder}/f/' iam_role '{loader.server.iam_role}' csv")
    assert loader.errors() == [(1, "", 1214, "")]
    assert loader.run("select count(*) from t") == [(0,)]
