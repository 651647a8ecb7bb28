"""COPY CSV: empty fields, NULL markers, quotes, and the fast path's guard against what PostgreSQL reads otherwise."""

import pytest

from local.redshift import copy_text
from tests.redshift.loading import failing


def test_csv_empty_field_is_an_empty_string_for_text_and_null_for_numbers(loader):
    loader.run("create table t (id int, name varchar(10), amount decimal(5,2))")
    assert [tuple(map(str, row)) for row in loader.copy('1,,\n2,"a,""b",1.5\n,"",\n')] == [
        ("1", "", "None"), ("2", 'a,"b', "1.50"), ("None", "", "None")]  # fmt: skip


def test_csv_null_marker_and_empty_fields_can_be_mixed(loader):
    loader.run("create table t (id int, name varchar(10))")
    assert loader.copy("1,\\N\n2,x\n\\N,\n") == [(1, None), (2, "x"), (None, "")]
    loader.run("delete from t")
    assert loader.copy("1,\\N\n2,x\n,\n", "csv null as '\\\\N'") == [(1, None), (2, "x"), (None, "")]


@pytest.mark.parametrize("body", ['1,a"b",\n', '1,"a"b,\n', '1,a"b"c,\n', '1,"a""" b,\n'])
@pytest.mark.parametrize("options", ["csv", "csv truncatecolumns"])
def test_a_quote_inside_a_csv_field_is_an_error_and_not_dropped(loader, options, body):
    loader.run("create table t (id int, name varchar(10), day date)")
    with failing("stl_load_errors"):
        loader.copy(body, options)
    assert loader.errors() == [(1, "", 1214, "")]


@pytest.mark.parametrize("options", ["csv", "csv truncatecolumns", "csv maxerror 1"])
def test_a_blank_line_is_an_error_on_every_path(loader, options):
    loader.run("create table t (id int, name varchar(10), day date)")
    with failing("stl_load_errors"):
        loader.copy("1,a,\n\n", options)


def test_the_guard_of_the_fast_path_finds_quotes_inside_fields():
    guard = copy_text.Guard(quote=b'"', delimiter=b",")
    assert [guard.finds(data) for data in (b'1,a"b\n', b'1,"a ""b""",\n2,"",""\n', b'1, "a"\n')] == [True, False, True]
