"""Rows that COPY cannot load: their codes, MAXERROR, and the rows of the error tables."""

import pytest
from tests.copy_loader import Loader, fails_with

from local_redshift.testing.pytest_plugin import Connection, RedshiftServer


def test_load_error_names_file_line_column_and_survives_the_rollback(
    empty_redshift: Connection, redshift_server: RedshiftServer
) -> None:
    with empty_redshift.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create table t (id int, day date)")
        connection.commit()
        redshift_server.s3.put_object(
            Bucket="lake", Key=f"{empty_redshift.database}/bad", Body=b"id,day\n1,2020-01-01\n2,2020-13-01\n"
        )
        with fails_with("stl_load_errors"):
            cursor.execute(
                f"copy t from 's3://lake/{empty_redshift.database}/bad' iam_role '{redshift_server.iam_role}' "
                "csv ignoreheader 1"
            )
        with fails_with("25P02"):
            cursor.execute("select 1")
        connection.rollback()
        cursor.execute(
            "select trim(filename), line_number, trim(colname), trim(raw_field_value), err_code, trim(raw_line) "
            "from stl_load_errors"
        )
        expected = [f"s3://lake/{empty_redshift.database}/bad", 3, "day", "2020-13-01", 1205, "2,2020-13-01"]
        assert list(cursor.fetchall()) == [expected]
        cursor.execute("select file_name, line_number, column_name, error_code from sys_load_error_detail")
        assert list(cursor.fetchall()) == [[expected[0], 3, "day", 1205]]
        cursor.execute("select status, loaded_rows, error_count from sys_load_history")
        assert list(cursor.fetchall()) == [["aborted", 0, 1]]


@pytest.mark.parametrize(
    ("body", "code"),
    [("1,abc,x\n", 1202), ("1\n", 1203), ("1,한글\n", 1204), ("x,a\n", 1207), (",a\n", 1213), (b"1,\xff\n", 1220)],
)
@pytest.mark.parametrize("options", ["csv", "csv maxerror 2", "csv blanksasnull"])
def test_each_kind_of_bad_row_has_redshifts_error_code(
    loader: Loader, body: str | bytes, code: int, options: str
) -> None:
    loader.run("create table t (id int not null, name varchar(5))")
    body = body.encode() if isinstance(body, str) else body
    if "maxerror" in options:
        assert loader.copy(b"5,a\n" + body, options) == [(5, "a")]
    else:
        with fails_with("stl_load_errors"):
            loader.copy(b"5,a\n" + body, options)
        assert loader.run("select count(*) from t") == [(0,)]
    assert [row[2] for row in loader.errors()] == [code]
    assert [row[0] for row in loader.errors()] == [2]


def test_maxerror_accepts_fewer_errors_than_its_number_and_zero_is_like_one(loader: Loader) -> None:
    loader.run("create table t (id int)")
    assert loader.copy("1\nx\n2\ny\n3\n", "csv maxerror 3") == [(1,), (2,), (3,)]
    for options in ("csv maxerror 2", "csv maxerror 1", "csv maxerror 0"):
        with fails_with("stl_load_errors"):
            loader.copy("1\nx\n2\ny\n3\n", options)
    assert loader.run("select count(*) from t") == [(3,)]


def test_noload_checks_and_loads_nothing(loader: Loader) -> None:
    loader.run("create table t (id int)")
    assert loader.copy("1\n", "csv noload") == []
    with fails_with("stl_load_errors"):
        loader.copy("x\n", "csv noload")


@pytest.mark.parametrize("options", ["csv", "csv trimblanks", "csv maxerror 2"])
def test_a_bad_row_after_quoted_newlines_is_reported_at_its_line_with_its_text(loader: Loader, options: str) -> None:
    loader.run("create table t (id int, name varchar(10))")
    body = '1,"a\nb"\n2,"c\n\nd"\nx,"e\nf"\n3,g\n'
    if "maxerror" in options:
        assert loader.copy(body, options) == [(1, "a\nb"), (2, "c\n\nd"), (3, "g")]
    else:
        with fails_with("stl_load_errors"):
            loader.copy(body, options)
    assert loader.errors() == [(6, "id", 1207, "x")]
    assert loader.run("select trim(raw_line) from stl_load_errors") == [('x,"e\nf"',)]


@pytest.mark.parametrize("options", ["csv", "csv trimblanks", "csv maxerror 2"])
def test_a_character_of_several_bytes_does_not_fit_char(loader: Loader, options: str) -> None:
    loader.run("create table t (id int, c char(5))")
    if "maxerror" in options:
        assert loader.copy("1,é\n2,e\n", options) == [(2, "e    ")]
    else:
        with fails_with("stl_load_errors"):
            loader.copy("1,é\n2,e\n", options)
    assert loader.errors() == [(1, "c", 1220, "é")]
    assert loader.run("select trim(err_reason) from stl_load_errors") == [
        ("Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: c3 a9",)
    ]


@pytest.mark.parametrize("options", ["csv", "csv maxerror 5", "delimiter ','", "delimiter ',' escape"])
def test_a_nul_character_is_refused_and_not_skipped(loader: Loader, options: str) -> None:
    loader.run("create table t (id int, name varchar(10))")
    with fails_with("NUL character in line 2"):
        loader.copy(b"1,a\n2,b\0c\n", options)
    assert loader.run("select count(*) from t") == [(0,)]


@pytest.mark.parametrize("body", ["1,a\n2,b\r\n", "1,a\r\n2,b\n", '1,"a"\r\n2,b\n'])
@pytest.mark.parametrize("options", ["csv", "csv trimblanks", "delimiter ',' removequotes", "delimiter ','"])
def test_lines_may_end_in_either_way(loader: Loader, options: str, body: str | bytes) -> None:
    loader.run("create table t (id int, name varchar(10))")
    quoted = '"' in body and options == "delimiter ','"
    assert loader.copy(body, options) == [(1, '"a"' if quoted else "a"), (2, "b")]
