"""CSV as others write it: other marks, encodings and line ends, broken files, and rejects that span lines."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest
import zstandard

from redshift_etl.errors import SourceError
from redshift_etl.extract import s3_files
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from tests.integration.raw_files import SqlDir, raw, rejects, staged, transform, use_sql_dir

pytestmark = pytest.mark.slow

COLUMNS = "id INTEGER NOT NULL, name VARCHAR(40), n INTEGER"
A_LINES = [["1", "a", "1"], ["2", "b", "2"]]
A_FILE = b"id,name,n\n1,a,1\n2,b,2\n"


@pytest.fixture
def sql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlDir:
    return use_sql_dir(tmp_path, monkeypatch)


def table(sql_dir: SqlDir, *front: str, **matter: object) -> str:
    lines = "\n".join(("columns: [id, name, n]", *front))
    return sql_dir.table("things", COLUMNS, f"/*\n{lines}\n*/\nSELECT id, name, n FROM raw", **matter)


def dropped(lake: Lake, name: str, *files: tuple[str, bytes]) -> Batch:
    """A batch of files of the landing zone, by key."""
    for key, body in files:
        lake.client.put_object(Bucket=lake.location.bucket, Key=f"landing/{key}", Body=body)
    return s3_files.extract([key for key, _ in files], table=name, run="run-try1", lake=lake)


def rows(lake: Lake, name: str, *bodies: bytes) -> list[list[str | None]]:
    files = ((f"{number}.csv", body) for number, body in enumerate(bodies))
    return staged(lake, transform(lake, dropped(lake, name, *files)))


@pytest.mark.parametrize(
    "body",
    [
        b"id,name,n\r1,a,1\r2,b,2\r",
        b"id,name,n\r1,a,1\r2,b,2",
        b"id,name,n\n1,a,1\r\n2,b,2\n",
        b"id,name,n\r\n1,a,1\n2,b,2\r\n",
        b"id,name,n\r\n1,a,1\r2,b,2\n",
        b"\xef\xbb\xbfid,name,n\r1,a,1\n2,b,2",
    ],
    ids=["CR", "CR without the last", "LF and CRLF", "CRLF and LF", "all three", "with a mark"],
)
def test_line_ends_of_any_kind_are_read_also_mixed(lake: Lake, sql_dir: SqlDir, body: bytes) -> None:
    assert rows(lake, table(sql_dir), body) == A_LINES


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_within_a_value_stay(lake: Lake, sql_dir: SqlDir, end: bytes) -> None:
    body = end.join([b"id,name,n", b'1,"x\ry\r\nz\n""q"",",1', b"2,5\" pipe',2", b""])
    assert rows(lake, table(sql_dir), body) == [["1", 'x\ry\r\nz\n"q",', "1"], ["2", "5\" pipe'", "2"]]


def test_a_pair_across_two_reads_is_one_line_end(lake: Lake, sql_dir: SqlDir) -> None:
    lines = [b"id,name,n", *(b"%d,%s,1" % (number, b"x" * (number % 40)) for number in range(20_000))]
    batch = transform(lake, dropped(lake, table(sql_dir), ("a.csv", b"\r\n".join([*lines, b'1,"a\nb",1', b""]))))
    assert batch.rows == 20_001


def test_a_fault_in_a_file_of_mixed_line_ends_keeps_its_line(lake: Lake, sql_dir: SqlDir) -> None:
    with pytest.raises(SourceError) as error:
        rows(lake, table(sql_dir), b'id,name,n\r\n1,"a\nb",1\r2,b,2\n3,c,many\r\n')
    assert (error.value.where["line"], error.value.where["value"]) == (5, "many")


def test_blanks_around_quotes_do_not_move_the_lines_after_them(lake: Lake, sql_dir: SqlDir) -> None:
    with pytest.raises(SourceError) as error:
        rows(lake, table(sql_dir), b'id,name,n\r1, "a\nb" ,1\n3,5" c,3\n4,"d\n",4\n5,e,many\n')
    assert (error.value.where["line"], error.value.where["value"]) == (7, "many")


def test_a_line_that_is_too_long_is_never_within_max_rejects(lake: Lake, sql_dir: SqlDir) -> None:
    body = A_FILE + b"3," + b"x" * (9 << 20) + b",2\n4,d,many\n5,e,5\n"
    with pytest.raises(SourceError, match="characters") as error:
        rows(lake, table(sql_dir, max_rejects=9), body)
    assert error.value.where["line"] == 4


def test_a_row_of_long_lines_takes_no_other_with_it(lake: Lake, sql_dir: SqlDir) -> None:
    body = A_FILE + b'3,"' + (b"x" * (3 << 20) + b"\n") * 3 + b'",2\n4,d,many\n5,e,5\n'
    assert [row[0] for row in rows(lake, table(sql_dir, max_rejects=9), body)] == ["1", "2", "5"]


def test_an_empty_line_does_not_move_the_lines_after_it(lake: Lake, sql_dir: SqlDir) -> None:
    with pytest.raises(SourceError) as error:
        rows(lake, table(sql_dir), b"id,name,n\n\n1,a,1\n\n2,b,many\n")
    assert (error.value.where["line"], error.value.where["value"]) == (5, "many")


@pytest.mark.parametrize(
    ("front", "body"),
    [
        (('delimiter: ";"',), b"id;name;n\n1;a;1\n2;b;2\n"),
        (('delimiter: "\\t"', 'quote: ""'), b'id\tname\tn\n1\t"a\t1\n2\tb\t2\n'),
        (("delimiter: '|'", 'quote: "\'"'), b"id|name|n\n1|'a|''\r\nx'|1\n2|b|2\n"),
        (("delimiter: '\u00a7'",), "id§name§n\n1§é§1\n2§b§2\n".encode()),
        (("encoding: latin-1",), "id,name,n\n1,é,1\n2,b,2\n".encode("latin-1")),
        (("encoding: cp1252",), "id,name,n\r\n1,€ “é”,1\r\n2,b,2\r\n".encode("cp1252")),
        (("encoding: utf-16",), "id,name,n\n1,é한,1\n2,b,2\n".encode("utf-16")),
        (("encoding: utf-16", 'delimiter: "\\t"'), "id\tname\tn\r\n1\té\t1\r\n2\tb\t2\r\n".encode("utf-16")),
        (("encoding: utf-16-be",), "\ufeffid,name,n\n1,é,1\n2,b,2\n".encode("utf-16-be")),
        (("encoding: utf-8-sig",), "\ufeffid,name,n\n1,é,1\n2,b,2\n".encode()),
        (("header: by_name",), b"n,note,id,note,,name\n1,x,1,y,,a\n2,x,2,y,,b\n"),
        (("header: none",), b"1,a,1\n2,b,2\n"),
        (("header: none",), b"\xef\xbb\xbf1,a,1\r2,b,2\n"),
    ],
)
def test_the_transform_says_how_the_file_is_written(
    lake: Lake, sql_dir: SqlDir, front: tuple[str, ...], body: bytes
) -> None:
    shown = {"\t": '"a', "'": "a|'\r\nx", "cp1252": "€ “é”"}
    first, second = rows(lake, table(sql_dir, *front), body)
    assert (first[0], first[2], second) == ("1", "1", ["2", "b", "2"])
    assert first[1] in ("a", "é", "é한", *shown.values())


def test_files_may_have_their_columns_in_different_orders_when_read_by_name(lake: Lake, sql_dir: SqlDir) -> None:
    name = table(sql_dir, "header: by_name", max_rejects=3)
    files = [("1.csv", A_FILE), ("2.csv", b"n,name,id\nx,c,3\n4,d,4\n"), ("3.csv", b"name,id,n,more\ne,5,5,z\nf,6,6\n")]
    batch = transform(lake, dropped(lake, name, *files))
    assert staged(lake, batch) == [*A_LINES, ["4", "d", "4"], ["5", "e", "5"]]
    key = lake.location.key(f"rejects/{name}/full/run-try1/rejects.jsonl")
    report = lake.client.get_object(Bucket=lake.location.bucket, Key=key)["Body"].read().decode()
    assert '2.csv", "line": 2' in report
    assert '3.csv", "line": 3' in report


@pytest.mark.parametrize(("header", "named"), [(b"id,n", "missing"), (b"id,name,n,id", "twice")])
def test_by_name_needs_each_column_once(lake: Lake, sql_dir: SqlDir, header: bytes, named: str) -> None:
    with pytest.raises(SourceError) as error:
        rows(lake, table(sql_dir, "header: by_name"), header + b"\n1,a,1,1\n")
    assert named in error.value.where


def test_rejects_of_a_file_without_a_header_have_their_line(lake: Lake, sql_dir: SqlDir) -> None:
    with pytest.raises(SourceError) as error:
        rows(lake, table(sql_dir, "header: none"), b"1,a,1\n2,b,many\n3,c\n")
    assert (error.value.where["line"], error.value.where["value"]) == (2, "many")


def test_a_file_in_another_encoding_names_the_file_and_line(lake: Lake, sql_dir: SqlDir) -> None:
    with pytest.raises(SourceError, match="encoding") as error:
        rows(lake, table(sql_dir, "encoding: cp1252"), A_FILE + b"3,\x81,3\n")
    assert (error.value.where["line"], str(error.value.where["file"])[-5:]) == (4, "0.csv")
    with pytest.raises(SourceError, match="utf-16") as error:
        rows(lake, table(sql_dir), A_FILE.decode().encode("utf-16"))


def test_a_byte_that_is_not_utf8_is_a_reject_also_in_a_file_of_mixed_line_ends(lake: Lake, sql_dir: SqlDir) -> None:
    with pytest.raises(SourceError, match="1 of 3 rows") as error:
        rows(lake, table(sql_dir), A_FILE + b"3,\xe9,3\r\n")
    assert error.value.where["line"] == 4


BIG = b"id,name,n\n" + b"".join(b"%d,%d,1\n" % (n, n * 7919 % 99991) for n in range(50_000))
ZSTD = zstandard.ZstdCompressor().compress(BIG)


@pytest.mark.parametrize(
    ("key", "body", "named"),
    [
        ("a.csv.gz", gzip.compress(BIG, mtime=0)[:-9], "cut"),
        ("a.csv.gz", gzip.compress(BIG, mtime=0)[:50_000], "cut"),
        ("a.csv.gz", gzip.compress(A_FILE, mtime=0)[:-1], "cut"),
        ("a.csv.gz", gzip.compress(BIG, mtime=0)[:-8] + b"\0" * 8, "damaged"),
        ("a.csv.gz", A_FILE, "not compressed"),
        ("a.csv.gz", ZSTD, "zstd"),
        ("a.csv", gzip.compress(A_FILE, mtime=0), "gzip"),
        ("a.csv.GZ", gzip.compress(A_FILE, mtime=0), "gzip"),
        ("a.csv.zst", ZSTD[:-20], "cut"),
        ("a.csv.zst", A_FILE, "not compressed"),
        ("a.csv", ZSTD, "zstd"),
        ("a.csv", b"PK\x03\x04" + A_FILE, "zip"),
    ],
)
def test_broken_compression_is_named_with_its_file(
    lake: Lake, sql_dir: SqlDir, key: str, body: bytes, named: str
) -> None:
    with pytest.raises(SourceError, match=named) as error:
        transform(lake, dropped(lake, table(sql_dir, max_rejects=100_000), (key, body)))
    assert error.value.where["file"] == f"s3://{lake.location.bucket}/landing/{key}"
    assert error.value.where["line"]


def test_files_of_several_members_are_read_to_the_last(lake: Lake, sql_dir: SqlDir) -> None:
    name = table(sql_dir)
    parts = A_FILE[:17], A_FILE[17:]
    for key, compress in (("a.csv.gz", gzip.compress), ("a.csv.zst", zstandard.ZstdCompressor().compress)):
        batch = dropped(lake, name, (key, b"".join(map(compress, parts))))
        assert staged(lake, transform(lake, batch)) == A_LINES


UNCLOSED = b'id,name,n\n1,a,1\n2,"b,2\n3,c,3\n4,d,4\n5,e,5\n'


@pytest.mark.parametrize("allowed", [0, 3, 4, 1000])
def test_a_quote_that_is_never_closed_is_never_within_max_rejects(lake: Lake, sql_dir: SqlDir, allowed: int) -> None:
    with pytest.raises(SourceError, match="4 lines") as error:
        transform(lake, raw(lake, table(sql_dir, max_rejects=allowed), UNCLOSED, rows=2))
    assert error.value.where["line"] == 3


def test_nor_in_a_file_that_is_larger_than_what_is_read_at_once(lake: Lake, sql_dir: SqlDir) -> None:
    body = A_FILE + b'3,"c,3\n' + b"4,dddddddddddddddddddddddddddd,4\n" * 300_000
    with pytest.raises(SourceError, match="300001 lines"):
        transform(lake, dropped(lake, table(sql_dir, max_rejects=1000), ("a.csv", body)))


CLOSED_LATER = [
    b'id,name,n\n1,a,1\n2,"b,2\n3,c,3\n4,"d",4\n5,e,5\n',  # a value goes on after its quote
    b'id,name,n\n1,a,1\n2,"b,2\n3,c\n4,d"\n5,e,5\n',  # a column is missing
    b'id,name,n\n1,a,1\n2,"b\n\n",many\n5,e,5\n',  # a value is not a number
]


@pytest.mark.parametrize("body", CLOSED_LATER, ids=["more", "less", "value"])
def test_a_reject_counts_the_lines_that_it_spans(lake: Lake, sql_dir: SqlDir, body: bytes) -> None:
    with pytest.raises(SourceError, match="3 lines") as error:
        transform(lake, raw(lake, table(sql_dir, max_rejects=2), body, rows=3))
    assert error.value.where["line"] == 3
    batch = raw(lake, table(sql_dir, max_rejects=3), body, rows=3)
    from redshift_etl.contracts import contract

    contract.load.cache_clear()
    assert (transform(lake, batch).rows, transform(lake, batch).rejected) == (2, 1)
    assert [(reject["line"], reject["lines"]) for reject in rejects(lake, batch)] == [(3, 3)]


def archive(*members: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in members:
            file.writestr(name, body)
    return packed.getvalue()


def test_each_file_of_an_archive_is_read_and_nothing_else_that_is_in_it(lake: Lake, sql_dir: SqlDir) -> None:
    body = archive(
        ("months/", b""),
        ("months/jan.csv", b"id,name,n\n1,a,1\n"),
        ("months/feb é 2.csv.gz", gzip.compress(b"id,name,n\n2,b,2\n")),
        ("__MACOSX/months/._jan.csv", b"\0\5\26\7"),
        (".DS_Store", b"\0\0"),
    )
    batch = transform(lake, dropped(lake, table(sql_dir), ("all of it.zip", body)))
    assert staged(lake, batch) == A_LINES
    assert (batch.rows, batch.extracted) == (2, 2)


def test_a_fault_in_an_archive_names_the_file_in_it(lake: Lake, sql_dir: SqlDir) -> None:
    body = archive(("a.csv", A_FILE), ("b.csv", b"id,name,n\n3,c,many\n"))
    with pytest.raises(SourceError) as error:
        transform(lake, dropped(lake, table(sql_dir), ("x.zip", body)))
    assert str(error.value.where["file"]).endswith("landing/x.zip: b.csv")
    assert error.value.where["line"] == 2


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (archive(("a.csv", A_FILE))[:-30], "damaged"),
        (archive(("a.csv", A_FILE * 99)).replace(b"a.csv", b"a.csv", 1)[:40] + b"x" * 40, "damaged"),
        (archive(("x/", b""), (".hidden", b"x")), "has no file"),
        (A_FILE, "damaged"),
    ],
    ids=["cut", "overwritten", "empty", "no archive"],
)
def test_an_archive_that_cannot_be_read_is_refused(lake: Lake, sql_dir: SqlDir, body: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=f"zip archive.*{says}") as error:
        transform(lake, dropped(lake, table(sql_dir), ("x.zip", body)))
    assert str(error.value.where["file"]).endswith("landing/x.zip")


def test_an_archive_that_unpacks_to_more_than_a_run_may_have_is_refused(
    lake: Lake, sql_dir: SqlDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__MAX_BATCH_GB", "0.001")
    body = archive(("a.csv", b"id,name,n\n" + b"1,a,1\n" * 200_000))
    with pytest.raises(SourceError, match="MAX_BATCH_GB"):
        transform(lake, dropped(lake, table(sql_dir), ("x.zip", body)))


def test_gzip_of_several_members_is_read_to_its_end(lake: Lake, sql_dir: SqlDir) -> None:
    body = gzip.compress(b"id,name,n\n1,a,1\n") + gzip.compress(b"2,b,2\n")
    assert staged(lake, transform(lake, dropped(lake, table(sql_dir), ("a.csv.gz", body)))) == A_LINES
