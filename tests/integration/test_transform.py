"""Transforming raw CSV: what passes, what is rejected and how it is named, and that every row is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.lake.batch import NOT_COUNTED
from redshift_etl.lake.storage import Lake
from tests.integration.raw_files import SqlDir, raw, rejects, staged, transform, use_sql_dir

COUNTRIES = "/*\ncolumns: [code, name, people]\n*/\nSELECT code, name, nullif(people, 'NA') AS people FROM raw"
COUNTRY_COLUMNS = "code VARCHAR(2) NOT NULL, name VARCHAR(12), people INTEGER"


@pytest.fixture
def sql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlDir:
    return use_sql_dir(tmp_path, monkeypatch)


@pytest.fixture
def countries(sql_dir: SqlDir) -> str:
    return sql_dir.table("countries", COUNTRY_COLUMNS, COUNTRIES)


def test_namibias_code_survives_where_na_means_missing_elsewhere(lake: Lake, countries: str) -> None:
    batch = transform(lake, raw(lake, countries, "code,name,people\nNA,Namibia,NA\nNO,Norway,5400000\n"))
    assert staged(lake, batch) == [["NA", "Namibia", None], ["NO", "Norway", "5400000"]]


def test_null_and_the_empty_string_stay_apart(lake: Lake, countries: str) -> None:
    batch = transform(lake, raw(lake, countries, 'code,name,people\nAA,,1\nBB,"",2\n'))
    assert staged(lake, batch) == [["AA", None, "1"], ["BB", "", "2"]]


def test_quotes_commas_line_breaks_and_backslashes_come_through(lake: Lake, countries: str) -> None:
    text = 'code,name,people\nAA,"a ""b"",\nc",1\nBB,O\\\'Hare \\,2\n'
    batch = transform(lake, raw(lake, countries, text, rows=2))
    assert staged(lake, batch) == [["AA", 'a "b",\nc', "1"], ["BB", "O\\'Hare \\", "2"]]


def test_windows_line_ends_are_read(lake: Lake, countries: str) -> None:
    batch = transform(lake, raw(lake, countries, "code,name,people\r\nAA,a,1\r\nBB,b,2\r\n"))
    assert staged(lake, batch) == [["AA", "a", "1"], ["BB", "b", "2"]]


def test_a_byte_order_mark_is_not_part_of_the_header(lake: Lake, countries: str) -> None:
    batch = transform(lake, raw(lake, countries, b"\xef\xbb\xbfcode,name,people\nAA,a,1\n"))
    assert staged(lake, batch) == [["AA", "a", "1"]]


def test_all_files_of_a_batch_are_read_and_counted(lake: Lake, countries: str) -> None:
    batch = transform(lake, raw(lake, countries, "code,name,people\nAA,a,1\n", "code,name,people\nBB,b,2\nCC,c,3\n"))
    assert (batch.extracted, batch.rows, batch.rejected) == (3, 3, 0)
    assert [row[0] for row in staged(lake, batch)] == ["AA", "BB", "CC"]


def test_a_value_too_long_in_bytes_is_named_with_its_place(lake: Lake, countries: str) -> None:
    text = 'code,name,people\nAA,"two\nlines",1\nKR,대한민국서,51000000\n'
    with pytest.raises(SourceError) as error:
        transform(lake, raw(lake, countries, text, rows=2))
    where = error.value.where
    assert (where["table"], where["column"], where["value"]) == (countries, "name", "대한민국서")
    assert where["key"] == {"code": "KR"}
    assert where["line"] == 4  # a quoted value spans lines 2 and 3
    assert str(where["file"]).endswith("/part-0.csv.zst")
    assert "12 bytes" in str(error.value)


def test_four_hangul_syllables_fit_twelve_bytes(lake: Lake, countries: str) -> None:
    assert transform(lake, raw(lake, countries, "code,name,people\nKR,대한민국,1\n")).rows == 1


def test_a_null_key_is_refused(lake: Lake, countries: str) -> None:
    with pytest.raises(SourceError) as error:
        transform(lake, raw(lake, countries, "code,name,people\nAA,a,1\n,nameless,2\n"))
    assert (error.value.where["column"], error.value.where["line"]) == ("code", 3)
    assert "NOT NULL" in str(error.value)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("code,name", {"missing": "people"}),
        ("code,name,people,area", {"extra": "area"}),
        ("code,people,name", {"order": "code, people, name"}),
        ("code,nom,people", {"missing": "name", "extra": "nom"}),
    ],
)
def test_columns_that_are_not_the_expected_ones_are_named(
    lake: Lake, countries: str, header: str, named: dict[str, str]
) -> None:
    with pytest.raises(SourceError) as error:
        transform(lake, raw(lake, countries, f"{header}\nAA,1,2,3\n"))
    assert {name: error.value.where[name] for name in named} == named
    assert error.value.where["table"] == countries


def test_a_reordered_second_file_is_noticed(lake: Lake, countries: str) -> None:
    with pytest.raises(SourceError, match="code, people, name"):
        transform(lake, raw(lake, countries, "code,name,people\nAA,1,1\n", "code,people,name\nBB,2,2\n"))


def test_a_file_of_a_header_alone_is_refused_for_a_table_replaced_whole(lake: Lake, countries: str) -> None:
    with pytest.raises(SourceError, match="no rows"):
        transform(lake, raw(lake, countries, "code,name,people\n"))


def test_a_file_without_a_byte_is_refused(lake: Lake, countries: str) -> None:
    with pytest.raises(SourceError, match="empty"):
        transform(lake, raw(lake, countries, ""))


def test_an_empty_window_of_an_incremental_table_is_fine(lake: Lake, sql_dir: SqlDir) -> None:
    sql = "/*\ncolumns: [id, seen]\n*/\nSELECT id, seen FROM raw"
    table = sql_dir.table("quiet", "id INTEGER, seen TIMESTAMP NOT NULL", sql, load="incremental", version="seen")
    for batch in (raw(lake, table), raw(lake, table, "id,seen\n")):
        result = transform(lake, batch)
        assert (result.rows, result.files, result.extracted) == (0, 0, 0)
        assert lake.read_manifest(result.manifest) == ()


def test_lines_that_are_not_csv_are_named_by_their_physical_line(lake: Lake, countries: str) -> None:
    text = 'code,name,people\nAA,"two\nlines",1\nBB,b\nCC,c,3,more\n'
    with pytest.raises(SourceError) as error:
        transform(lake, raw(lake, countries, text, rows=3))
    assert (error.value.where["line"], error.value.where["value"]) == (4, "BB,b")
    assert str(error.value).startswith("2 of 3 rows")


def test_a_line_beyond_what_redshift_takes_is_named(lake: Lake, countries: str) -> None:
    with pytest.raises(SourceError) as error:
        transform(lake, raw(lake, countries, f"code,name,people\nAA,a,1\nBB,{'x' * (5 << 20)},2\n"))
    assert error.value.where["line"] == 3


@pytest.mark.slow
def test_a_bad_value_far_into_a_large_file_keeps_its_line(lake: Lake, countries: str) -> None:
    lines = [f'AA,"{n}\n",{n}\n' for n in range(400_000)]
    lines[100_000], lines[390_000] = "BB,b\n", "CC,c,many\n"
    with pytest.raises(SourceError) as error:
        transform(lake, raw(lake, countries, "code,name,people\n" + "".join(lines), rows=400_000))
    assert [(r["line"], r["value"]) for r in rejects(lake, raw(lake, countries, ""))] == [
        (2 + 2 * 100_000, "BB,b"),
        (2 + 2 * 390_000 - 1, "many"),
    ]
    assert error.value.where["line"] == 200_002


def test_text_that_is_not_utf8_is_refused(lake: Lake, countries: str) -> None:
    with pytest.raises(SourceError) as error:
        transform(lake, raw(lake, countries, b"code,name,people\nAA,a,1\nBB,\xff\xfe,2\n"))
    assert error.value.where["line"] == 3


def test_a_nul_byte_is_refused(lake: Lake, countries: str) -> None:
    with pytest.raises(SourceError, match="NUL"):
        transform(lake, raw(lake, countries, b"code,name,people\nAA,a\x00b,1\n"))


def test_text_that_would_read_as_the_null_mark_is_refused(lake: Lake, countries: str) -> None:
    with pytest.raises(SourceError, match="marks NULL"):
        transform(lake, raw(lake, countries, "code,name,people\nAA,\\N,1\n"))


def test_rows_within_max_rejects_are_set_aside_with_their_reasons(lake: Lake, sql_dir: SqlDir) -> None:
    table = sql_dir.table("lenient", COUNTRY_COLUMNS, COUNTRIES, max_rejects=3)
    first = "code,name,people\nAA,a,1\nBB,b\nCC,c,many\n"
    second = 'code,name,people\nDD,"x\ny",4\nEEE,this name is far too long,5\n'
    batch = transform(lake, raw(lake, table, first, second, rows=5))
    assert (batch.extracted, batch.rows, batch.rejected) == (5, 2, 3)
    assert [row[0] for row in staged(lake, batch)] == ["AA", "DD"]
    found = [(r["file"][-14:], r["line"], r["column"], r["value"]) for r in rejects(lake, batch)]
    assert found == [
        ("part-0.csv.zst", 3, "people", "BB,b"),
        ("part-0.csv.zst", 4, "people", "many"),
        ("part-1.csv.zst", 4, "code", "EEE"),
        ("part-1.csv.zst", 4, "name", "this name is far too long"),
    ]
    assert rejects(lake, batch)[1]["key"] == {"code": "CC"}


def test_one_reject_too_many_stops_the_run_and_the_rejects_are_kept(lake: Lake, sql_dir: SqlDir) -> None:
    table = sql_dir.table("strict", COUNTRY_COLUMNS, COUNTRIES, max_rejects=1)
    batch = raw(lake, table, "code,name,people\nAA,a,x\nBB,b,y\nCC,c,3\n")
    with pytest.raises(SourceError, match="2 of 3 rows"):
        transform(lake, batch)
    assert [(r["line"], r["value"]) for r in rejects(lake, batch)] == [(2, "x"), (3, "y")]


def test_a_row_with_two_faults_is_rejected_once(lake: Lake, sql_dir: SqlDir) -> None:
    sql = "/*\ncolumns:\n  a: INTEGER\n  b: DATE\n*/\nSELECT a, b FROM raw"
    table = sql_dir.table("twice", "a INTEGER, b DATE", sql, max_rejects=1)
    batch = transform(lake, raw(lake, table, "a,b\n1,2013-01-01\nx,y\n"))
    assert (batch.rows, batch.rejected) == (1, 1)
    assert [r["column"] for r in rejects(lake, batch)] == ["a", "b"]


def test_raw_files_with_fewer_rows_than_were_extracted_stop_the_run(lake: Lake, countries: str) -> None:
    batch = raw(lake, countries, "code,name,people\nAA,a,1\n", rows=2)
    with pytest.raises(SourceError) as error:
        transform(lake, batch)
    assert (error.value.where["extracted"], error.value.where["staged"]) == (2, 1)


def test_a_transform_that_drops_rows_stops_the_run(lake: Lake, sql_dir: SqlDir) -> None:
    table = sql_dir.table("dropping", COUNTRY_COLUMNS, COUNTRIES + " WHERE code <> 'AA'")
    with pytest.raises(SourceError, match="drops some"):
        transform(lake, raw(lake, table, "code,name,people\nAA,a,1\nBB,b,2\n"))


def test_files_that_nobody_counted_are_counted_here(lake: Lake, countries: str) -> None:
    batch = replace(raw(lake, countries, "code,name,people\nAA,a,1\n"), extracted=NOT_COUNTED)
    assert transform(lake, batch).extracted == 1


def test_an_object_that_is_gone_is_named_with_its_manifest(lake: Lake, countries: str) -> None:
    batch = raw(lake, countries, "code,name,people\nAA,a,1\n")
    [entry] = lake.read_manifest(batch.manifest)
    lake.client.delete_object(Bucket=lake.location.bucket, Key=entry.url.removeprefix(f"s3://{lake.location.bucket}/"))
    with pytest.raises(SourceError, match="missing that the manifest names") as error:
        transform(lake, batch)
    assert error.value.where == {"key": entry.url, "manifest": batch.manifest}


def test_an_object_that_was_written_again_is_refused(lake: Lake, countries: str) -> None:
    batch = raw(lake, countries, "code,name,people\nAA,a,1\n")
    lake.put(f"raw/{countries}/part-0.csv.zst", b"something else")
    with pytest.raises(SourceError, match="written again"):
        transform(lake, batch)


def test_a_transform_whose_columns_are_not_the_contracts_is_named(lake: Lake, sql_dir: SqlDir) -> None:
    table = sql_dir.table("other", COUNTRY_COLUMNS, "/*\ncolumns: [code]\n*/\nSELECT code, 1 AS extra FROM raw")
    with pytest.raises(ConfigError) as error:
        transform(lake, raw(lake, table, "code\nAA\n"))
    assert (error.value.where["missing"], error.value.where["extra"]) == ("name, people", "extra")


def test_a_transform_that_duckdb_refuses_names_the_file(lake: Lake, sql_dir: SqlDir) -> None:
    table = sql_dir.table("wrong", "code VARCHAR(2)", "/*\ncolumns: [code]\n*/\nSELECT upper(cod) AS code FROM raw")
    with pytest.raises(ConfigError, match=r"transform/wrong\.sql"):
        transform(lake, raw(lake, table, "code\nAA\n"))


def test_a_transform_that_fails_on_a_value_says_to_wrap_it(lake: Lake, sql_dir: SqlDir) -> None:
    sql = "/*\ncolumns:\n  y: INTEGER\n*/\nSELECT make_date(y, 2, 30) AS d FROM raw"
    table = sql_dir.table("dated", "d DATE", sql)
    with pytest.raises(ConfigError, match=r"try\("):
        transform(lake, raw(lake, table, "y\n2013\n"))


def test_a_table_without_a_transform_is_named(lake: Lake, sql_dir: SqlDir) -> None:
    table = sql_dir.table("bare", "code VARCHAR(2)", "")
    (sql_dir.folder / "transform" / "bare.sql").unlink()
    with pytest.raises(ConfigError, match=r"transform/bare\.sql"):
        transform(lake, raw(lake, table, "code\nAA\n"))


@pytest.mark.usefixtures("sql_dir")
def test_a_table_without_a_contract_is_named(lake: Lake) -> None:
    with pytest.raises(ConfigError, match="no contract"):
        transform(lake, raw(lake, "core.unknown", "code\nAA\n"))


def test_the_staged_manifest_is_what_copy_takes(lake: Lake, countries: str) -> None:
    batch = transform(lake, raw(lake, countries, "code,name,people\nAA,a,1\n"))
    key = lake.location.key(batch.manifest)
    body = json.loads(lake.client.get_object(Bucket=lake.location.bucket, Key=key)["Body"].read())
    [entry] = body["entries"]
    assert entry["mandatory"] is True
    assert entry["url"].startswith(f"s3://{lake.location.bucket}/lake/staged/{countries}/")
    assert set(entry["meta"]) == {"content_length"}
