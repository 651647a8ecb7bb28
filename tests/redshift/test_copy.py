"""COPY: what it loads, what it refuses, and what it leaves in the system tables."""

import bz2
import gzip
import json
import tempfile
import uuid
from pathlib import Path

import duckdb
import pytest
import redshift_connector
import zstandard

from local.redshift import copy_text


@pytest.fixture
def db(rs, redshift_server):
    """Helpers to put objects and to load them, in the module's database."""
    return Loader(rs.cursor(), redshift_server, f"copy/{uuid.uuid4()}")


class Loader:
    def __init__(self, cursor, server, folder):
        self.cursor, self.server, self.folder = cursor, server, folder

    def put(self, name, body):
        key = f"{self.folder}/{name}"
        self.server.s3.put_object(Bucket="lake", Key=key, Body=body if isinstance(body, bytes) else body.encode())
        return f"s3://lake/{key}"

    def run(self, sql):
        self.cursor.execute(sql)
        return [tuple(row) for row in self.cursor.fetchall()] if self.cursor.description else None

    def copy(self, body, options="csv", table="t", name="data"):
        url = self.put(name, body)
        self.run(f"copy {table} from '{url}' iam_role '{self.server.iam_role}' {options}")
        return self.run(f"select * from {table.split()[0]} order by 1")

    def errors(self):
        return self.run(
            "select line_number, trim(colname), err_code, trim(raw_field_value) from stl_load_errors order by 1"
        )


def failing(code="XX000"):
    return pytest.raises(redshift_connector.ProgrammingError, match=code)


def test_csv_empty_field_is_an_empty_string_for_text_and_null_for_numbers(db):
    db.run("create table t (id int, name varchar(10), amount decimal(5,2))")
    assert [tuple(map(str, row)) for row in db.copy('1,,\n2,"a,""b",1.5\n,"",\n')] == [
        ("1", "", "None"), ("2", 'a,"b', "1.50"), ("None", "", "None")]  # fmt: skip


def test_csv_null_marker_and_empty_fields_can_be_mixed(db):
    db.run("create table t (id int, name varchar(10))")
    assert db.copy("1,\\N\n2,x\n\\N,\n") == [(1, None), (2, "x"), (None, "")]
    db.run("delete from t")
    assert db.copy("1,\\N\n2,x\n,\n", "csv null as '\\\\N'") == [(1, None), (2, "x"), (None, "")]


@pytest.mark.parametrize(
    ("option", "pack"),
    [("gzip", gzip.compress), ("bzip2", bz2.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_compressed_files_are_read_and_a_cut_one_fails_whole(db, option, pack):
    db.run("create table t (id int, name varchar(100))")
    body = pack("".join(f"{n},name {n * 7919 % 1009}\n" for n in range(2000)).encode())
    assert len(db.copy(body, f"csv {option}")) == 2000
    with failing(option):
        db.copy(body[:-20], f"csv {option}")
    assert db.run("select count(*) from t") == [(2000,)]


def test_manifest_loads_exactly_its_list_and_mandatory_decides_about_a_missing_file(db):
    db.run("create table t (id int, name varchar(10))")
    urls = [db.put(f"part-{n}", f"{n},x\n") for n in range(3)]
    optional = {"entries": [{"url": urls[0], "mandatory": True}, {"url": urls[2]}, {"url": urls[2] + "gone"}]}
    assert db.copy(json.dumps(optional), "csv manifest", name="manifest") == [(0, "x"), (2, "x")]
    required = {"entries": [{"url": urls[0]}, {"url": urls[2] + "gone", "mandatory": True}]}
    with failing("404"):
        db.copy(json.dumps(required), "csv manifest", name="manifest")
    assert db.run("select count(*) from t") == [(2,)]


def test_prefix_loads_everything_under_it_and_none_is_an_error(db):
    db.run("create table t (id int)")
    db.put("p/a", "1\n"), db.put("p/b", "2")
    db.run(f"copy t from 's3://lake/{db.folder}/p/' iam_role '{db.server.iam_role}' csv")
    assert db.run("select id from t order by 1") == [(1,), (2,)]
    with failing("does not exist"):
        db.run(f"copy t from 's3://lake/{db.folder}/nothing' iam_role '{db.server.iam_role}' csv")


def test_load_error_names_file_line_column_and_survives_the_rollback(empty, redshift_server):
    redshift = empty
    with redshift.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create table t (id int, day date)")
        connection.commit()
        redshift_server.s3.put_object(
            Bucket="lake", Key=f"{redshift.database}/bad", Body=b"id,day\n1,2020-01-01\n2,2020-13-01\n"
        )
        with failing("stl_load_errors"):
            cursor.execute(
                f"copy t from 's3://lake/{redshift.database}/bad' iam_role '{redshift_server.iam_role}' "
                "csv ignoreheader 1"
            )
        with failing("25P02"):
            cursor.execute("select 1")
        connection.rollback()
        cursor.execute(
            "select trim(filename), line_number, trim(colname), trim(raw_field_value), err_code, trim(raw_line) "
            "from stl_load_errors"
        )
        expected = [f"s3://lake/{redshift.database}/bad", 3, "day", "2020-13-01", 1205, "2,2020-13-01"]
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
def test_each_kind_of_bad_row_has_redshifts_error_code(db, body, code, options):
    db.run("create table t (id int not null, name varchar(5))")
    body = body.encode() if isinstance(body, str) else body
    if "maxerror" in options:
        assert db.copy(b"5,a\n" + body, options) == [(5, "a")]
    else:
        with failing("stl_load_errors"):
            db.copy(b"5,a\n" + body, options)
        assert db.run("select count(*) from t") == [(0,)]
    assert [row[2] for row in db.errors()] == [code]
    assert [row[0] for row in db.errors()] == [2]


def test_maxerror_forgives_fewer_than_its_number_and_zero_and_one_are_alike(db):
    db.run("create table t (id int)")
    assert db.copy("1\nx\n2\ny\n3\n", "csv maxerror 3") == [(1,), (2,), (3,)]
    for options in ("csv maxerror 2", "csv maxerror 1", "csv maxerror 0"):
        with failing("stl_load_errors"):
            db.copy("1\nx\n2\ny\n3\n", options)
    assert db.run("select count(*) from t") == [(3,)]


def test_noload_checks_and_loads_nothing(db):
    db.run("create table t (id int)")
    assert db.copy("1\n", "csv noload") == []
    with failing("stl_load_errors"):
        db.copy("x\n", "csv noload")


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
def test_conversion_options(db, options, body, expected):
    db.run("create table t (id int, name varchar(10), day date)")
    found = db.copy(body, options)
    assert [(a, b, None if c is None else str(c)) for a, b, c in found] == expected


@pytest.mark.parametrize("body", ['1,a"b",\n', '1,"a"b,\n', '1,a"b"c,\n', '1,"a""" b,\n'])
@pytest.mark.parametrize("options", ["csv", "csv truncatecolumns"])
def test_a_quote_inside_a_csv_field_is_an_error_and_not_dropped(db, options, body):
    db.run("create table t (id int, name varchar(10), day date)")
    with failing("stl_load_errors"):
        db.copy(body, options)
    assert db.errors() == [(1, "", 1214, "")]


@pytest.mark.parametrize("options", ["csv", "csv truncatecolumns", "csv maxerror 1"])
def test_a_blank_line_is_an_error_on_every_path(db, options):
    db.run("create table t (id int, name varchar(10), day date)")
    with failing("stl_load_errors"):
        db.copy("1,a,\n\n", options)


def test_the_guard_of_the_fast_path_finds_quotes_inside_fields():
    guard = copy_text.Guard(quote=b'"', delimiter=b",")
    assert [guard.finds(data) for data in (b'1,a"b\n', b'1,"a ""b""",\n2,"",""\n', b'1, "a"\n')] == [True, False, True]


def test_decimals_are_cut_to_the_scale_unless_roundec(db):
    db.run("create table t (id int, amount decimal(8,2), wide decimal(38,2))")
    row, long = "1,20.259,12345678901234567890123456789.999\n", "1234567890123456789012345678"
    for options, cut in (("csv", ("20.25", f"{long}9.99")), ("csv roundec", ("20.26", f"{long[:-1]}90.00"))):
        db.run("delete from t")
        db.copy(row, options)
        assert db.run("select amount::varchar, wide::varchar from t") == [cut]


def test_timeformat_epoch_and_pattern(db):
    db.run("create table t (id int, at timestamp)")
    db.copy("1,1577836800\n", "csv timeformat 'epochsecs'")
    db.copy("2,01.02.2020 03:04:05 PM\n", "csv timeformat 'DD.MM.YYYY HH:MI:SS AM'", name="other")
    assert db.run("select at::varchar from t order by id") == [("2020-01-01 00:00:00",), ("2020-02-01 15:04:05",)]


def test_column_list_defaults_and_identity(db):
    db.run("create table t (id int identity(10, 5), name varchar(10) default 'none', n int default 7)")
    assert db.copy("1\n2\n", "csv", "t (n)") == [(10, "none", 1), (15, "none", 2)]
    db.run("delete from t")
    with failing("EXPLICIT_IDS"):
        db.copy("1,2\n", "csv", "t (id, n)")
    assert db.copy("99,2\n", "csv explicit_ids", "t (id, n)") == [(99, "none", 2)]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ("json 'auto'", '{"id": 1, "name": "a", "tags": [1, {"k": null}]}\n{"name": "b", "id": 2, "more": 3}\n'),
        (
            "format json 'auto'",
            '{"id": 1,\n "name": "a", "tags": [1, {"k":null}]} {"id": 2, "name": "b", "tags": null}',
        ),
        ("json 'auto ignorecase'", '{"ID": 1, "Name": "a", "tags": [1, {"k": null}]}\n{"id": 2, "NAME": "b"}\n'),
    ],
)
def test_json_maps_keys_to_columns(db, options, body):
    db.run("create table t (id int, name varchar(10), tags varchar(50))")
    assert db.copy(body, options) == [(1, "a", '[1,{"k":null}]'), (2, "b", None)]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ("json 'auto'", '{"id": 1, "doc": {"a": [1, "x"]}} {"id": 2, "doc": "s"} {"id": 3}'),
        ("csv", '1,"{""a"": [1, ""x""]}"\n2,"""s"""\n3,\n'),
    ],
)
def test_super_columns_are_read_as_json(db, options, body):
    db.run("create table t (id int, doc super)")
    assert db.copy(body, options) == [(1, '{"a":[1,"x"]}'), (2, '"s"'), (3, None)]
    assert db.run("select json_typeof(doc) from t where id < 3 order by id") == [("object",), ("string",)]


def test_noshred_puts_each_document_into_one_super(db):
    db.run("create table t (doc super)")
    url = db.put("data", '{"id": 1} [2]')
    db.run(f"copy t from '{url}' iam_role '{db.server.iam_role}' json 'noshred'")
    assert sorted(db.run("select json_serialize(doc) from t")) == [("[2]",), ('{"id":1}',)]


def test_auto_takes_objects_alone_and_an_array_does_not_become_a_row_of_nulls(db):
    db.run("create table t (id int)")
    with failing("stl_load_errors"):
        db.copy('[{"id": 1}]', "json 'auto'")
    assert db.errors() == [(1, "", 1216, "")]


def test_explicit_ids_needs_the_identity_column(db):
    db.run("create table t (id int identity(1, 1), name varchar(10))")
    with failing("EXPLICIT_IDS"):
        db.copy("a\n", "csv explicit_ids", "t (name)")


def test_jsonpaths_and_a_bad_json_row(db):
    db.run("create table t (id int, name varchar(10))")
    paths = db.put("paths.json", json.dumps({"jsonpaths": ["$.a[1]", "$['b']['c']"]}))
    assert db.copy('{"a": [0, 5], "b": {"c": "x"}}\n{"a": []}\n', f"json '{paths}'") == [(5, "x"), (None, None)]
    with failing("stl_load_errors"):
        db.copy('{"a": [0, 5]}\n{"a": ["x", "y"]}\n', f"json '{paths}'")
    assert db.errors() == [(2, "id", 1207, "y")]


def test_wrong_role_and_missing_authorization_are_refused_and_keys_are_accepted(db):
    db.run("create table t (id int)")
    url = db.put("data", "1\n")
    with failing("not authorized to assume"):
        db.run(f"copy t from '{url}' iam_role 'arn:aws:iam::1:role/other' csv")
    with failing("authorization"):
        db.run(f"copy t from '{url}' csv")
    db.run(
        f"copy t from '{url}' credentials "
        f"'aws_access_key_id={db.server.access_key};aws_secret_access_key={db.server.secret_key}' csv"
    )
    assert db.run("select pg_last_copy_count()") == [(1,)]


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
def test_copy_forms_that_are_refused(db, sql):
    db.run("create table t (id int)")
    with failing("0A000"):
        db.run(sql)
    assert db.run("select count(*) from t") == [(0,)]


def parquet(sql):
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        duckdb.sql(f"copy ({sql}) to '{file.name}' (format parquet)")
        return Path(file.name).read_bytes()


def test_parquet_maps_by_position_and_tells_null_from_the_text_that_looks_like_it(db):
    db.run("create table t (a int, b varchar(20), c decimal(8,2), d timestamp, e bool, f float8, g date)")
    rows = (
        r"(1, 'x,\"y\"', 1.25, '2020-01-02 03:04:05', true, 0.1, '2020-01-02'), "
        r"(2, '\N', null, null, null, null, null), "
        r"(3, '', 0, null, false, 1e300, null), (4, null, 0, null, false, 1, null)"
    )
    query = (
        f"select a::int, b, c::decimal(8,2), d::timestamp, e, f::double, g::date from (values {rows}) t(a,b,c,d,e,f,g)"
    )
    found = db.copy(parquet(query), "format as parquet")
    assert [row[1] for row in found] == [r"x,\"y\"", r"\N", "", None]
    assert [str(value) for value in found[0][2:]] == ["1.25", "2020-01-02 03:04:05", "True", "0.1", "2020-01-02"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select 1::int a", "Unmatched number of columns"),
        ("select 1::bigint a, 'x' b", "incompatible Parquet schema for column 'a'"),
    ],
)
def test_parquet_whose_columns_do_not_match_is_refused(db, query, message):
    db.run("create table t (a int, b varchar(3))")
    with failing(message):
        db.copy(parquet(query), "parquet")
    with failing("invalid Parquet"):
        db.copy("not parquet", "parquet")
    assert db.run("select count(*) from t") == [(0,)]
