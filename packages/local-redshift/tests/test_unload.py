"""UNLOAD: files in S3, their names, contents and manifest."""

import gzip
import json
import tempfile
import uuid
from pathlib import Path
from typing import Any

import duckdb
import pytest
from redshift_connector.error import ProgrammingError

from local_redshift.testing.pytest_plugin import RedshiftServer


@pytest.fixture
def unloader(driver_connection: Any, redshift_server: RedshiftServer) -> "Unloader":
    """An Unloader of the shared database, which has a table t of three rows."""
    cursor = driver_connection.cursor()
    cursor.execute("create table t (id int, name varchar(20), amount decimal(8,2), day date)")
    cursor.execute(
        "insert into t values (1, 'a|\"b', 1.5, '2020-01-02'), (2, null, null, null), (3, '', 0, '2020-01-02')"
    )
    return Unloader(cursor, redshift_server, f"unload/{uuid.uuid4()}")


class Unloader:
    """Unloads queries to a key prefix of its own."""

    def __init__(self, cursor: Any, server: RedshiftServer, folder: str) -> None:
        self.cursor, self.s3, self.role, self.folder = cursor, server.s3, server.iam_role, folder

    def unload(self, options: str, query: str = "select * from t order by id") -> dict[str, bytes]:
        """Unload a query and return the files."""
        self.cursor.execute(f"unload ('{query}') to 's3://lake/{self.folder}/out/' iam_role '{self.role}' {options}")
        return self.files()

    def files(self) -> dict[str, bytes]:
        """Return the content of each file by its name."""
        listed = self.s3.list_objects_v2(Bucket="lake", Prefix=f"{self.folder}/out/").get("Contents", [])
        return {
            o["Key"].split("/out/")[1]: self.s3.get_object(Bucket="lake", Key=o["Key"])["Body"].read() for o in listed
        }


def query_file(sql: str) -> list[tuple[Any, ...]]:
    """Run a query with DuckDB and return its rows."""
    return duckdb.connect().execute(sql).fetchall()


@pytest.mark.parametrize(
    ("options", "name", "expected"),
    [
        ("", "0000_part_00", '1|a|"b|1.50|2020-01-02\n2|||\n3||0.00|2020-01-02\n'),
        ("csv header", "0000_part_00", 'id,name,amount,day\n1,"a|""b",1.50,2020-01-02\n2,,,\n3,"",0.00,2020-01-02\n'),
        ("parallel off null as 'NULL'", "000", '1|a|"b|1.50|2020-01-02\n2|NULL|NULL|NULL\n3||0.00|2020-01-02\n'),
        ("escape", "0000_part_00", '1|a\\|"b|1.50|2020-01-02\n2|||\n3||0.00|2020-01-02\n'),
        (
            "addquotes escape",
            "0000_part_00",
            '"1"|"a\\|\\"b"|"1.50"|"2020-01-02"\n"2"|||\n"3"|""|"0.00"|"2020-01-02"\n',
        ),
        (
            "delimiter ';' addquotes extension 'txt'",
            "0000_part_00.txt",
            '"1";"a|""b";"1.50";"2020-01-02"\n"2";;;\n"3";"";"0.00";"2020-01-02"\n',
        ),
    ],
)
def test_text_formats(unloader: Unloader, options: str, name: str, expected: str) -> None:
    assert {key: body.decode() for key, body in unloader.unload(options).items()} == {name: expected}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", b"a\x01b|\x01|\x01x|y\x01||\n"),
        ("delimiter '\\001'", b"a\x01b\x01\x01\x01\x01x|y\x01\x01\x01\n"),
        (r"null as '\\N' escape", b"a\x01b|\x01|\x01x\\|y\x01||\\N\n"),
        ("addquotes escape", b'"a\x01b"|"\x01"|"\x01x\\|y\x01"|""|\n'),
        ("csv", b'a\x01b,\x01,\x01x|y\x01,"",\n'),
    ],
)
def test_no_byte_of_a_text_is_read_as_a_separator_of_the_writer(
    unloader: Unloader, options: str, expected: bytes
) -> None:
    query = "select ''a'' || chr(1) || ''b'', chr(1), chr(1) || ''x|y'' || chr(1), '''', null::varchar"
    assert list(unloader.unload(options, query).values()) == [expected]


@pytest.mark.parametrize("options", ["parquet", "parquet partition by (k)", "csv partition by (k)"])
def test_a_text_that_looks_like_the_null_marker_is_no_null(unloader: Unloader, options: str) -> None:
    query = "select 1 as k, chr(92) || ''N'' as a, null::varchar as b, '''' as c, chr(1) || chr(9) as d"
    (body,) = unloader.unload(options, query).values()
    if "csv" in options:
        assert body == b'\\N,,"",\x01\t\n'
        return
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        Path(file.name).write_bytes(body)
        assert query_file(f"select a, b, c, d from '{file.name}'") == [("\\N", None, "", "\x01\t")]


def test_json_lines(unloader: Unloader) -> None:
    (body,) = unloader.unload("format json").values()
    assert json.loads(body.splitlines()[0]) == {"id": 1, "name": 'a|"b', "amount": 1.5, "day": "2020-01-02"}


def test_gzip_and_manifest_can_be_copied_back(unloader: Unloader) -> None:
    files = unloader.unload("csv gzip manifest verbose")
    assert set(files) == {"0000_part_00.gz", "manifest"}
    manifest = json.loads(files["manifest"])
    assert manifest["entries"][0]["meta"] == {"content_length": len(files["0000_part_00.gz"]), "record_count": 3}
    assert gzip.decompress(files["0000_part_00.gz"]).count(b"\n") == 3
    unloader.cursor.execute("create table u (like t)")
    unloader.cursor.execute(
        f"copy u from 's3://lake/{unloader.folder}/out/manifest' iam_role '{unloader.role}' "
        "csv gzip manifest emptyasnull"
    )
    unloader.cursor.execute("select count(*), sum(amount) from u")
    assert [list(map(str, row)) for row in unloader.cursor.fetchall()] == [["3", "1.50"]]


def test_parquet_preserves_types_and_partitions_exclude_the_column(unloader: Unloader) -> None:
    files = unloader.unload("format parquet partition by (day)")
    assert set(files) == {"day=2020-01-02/0000_part_00.parquet", "day=__HIVE_DEFAULT_PARTITION__/0000_part_00.parquet"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.parquet"
        path.write_bytes(files["day=2020-01-02/0000_part_00.parquet"])
        described = query_file(f"describe select * from '{path}'")
        rows = query_file(f"select id, name, amount::varchar from '{path}' order by 1")
    assert [row[:2] for row in described] == [("id", "INTEGER"), ("name", "VARCHAR"), ("amount", "DECIMAL(8,2)")]
    assert rows == [(1, 'a|"b', "1.50"), (3, "", "0.00")]


def test_a_target_that_is_not_empty_is_refused_overwritten_or_cleaned(unloader: Unloader) -> None:
    unloader.unload("csv")
    with pytest.raises(ProgrammingError, match="not empty"):
        unloader.unload("csv")
    unloader.s3.put_object(Bucket="lake", Key=f"{unloader.folder}/out/old", Body=b"x")
    assert set(unloader.unload("csv allowoverwrite")) == {"0000_part_00", "old"}
    assert set(unloader.unload("csv cleanpath")) == {"0000_part_00"}


def test_files_are_cut_at_maxfilesize(unloader: Unloader) -> None:
    files = unloader.unload(
        "maxfilesize 5 mb",
        "select a.n, repeat(chr(120), 2000) from (select row_number() over () as n from pg_attribute limit 3000) a",
    )
    assert list(files) == ["0000_part_00", "0000_part_01"]
    assert max(map(len, files.values())) <= 5 << 20


def test_an_outer_limit_is_refused_and_the_query_may_hold_quotes(unloader: Unloader) -> None:
    with pytest.raises(ProgrammingError, match="Limit clause"):
        unloader.unload("csv", "select * from t limit 1")
    assert unloader.unload("csv", "select id from t where name = ''a|\"b''") == {"0000_part_00": b"1\n"}


@pytest.mark.parametrize("options", ["json header", "json escape", "json delimiter ','", "partition by (id)"])
def test_options_that_a_format_does_not_have_are_refused_and_not_ignored(unloader: Unloader, options: str) -> None:
    with pytest.raises(ProgrammingError, match="0A000"):
        unloader.unload(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("kms_key_id 'k'", "KMS_KEY_ID needs the parameter ENCRYPTED"),
        ("master_symmetric_key 'k'", "MASTER_SYMMETRIC_KEY needs the parameter ENCRYPTED"),
        ("encrypted auto kms_key_id 'k'", "ENCRYPTED AUTO cannot be used with KMS_KEY_ID"),
        ("kms_key_id 'k' encrypted", "KMS_KEY_ID is not modelled"),
        ("encrypted master_symmetric_key 'k'", "MASTER_SYMMETRIC_KEY is not modelled"),
        ("encrypted credentials 'aws_iam_role=r;master_symmetric_key=k'", r"MASTER_SYMMETRIC_KEY .* is not modelled"),
    ],
)
def test_keys_for_the_encryption_are_refused(unloader: Unloader, options: str, message: str) -> None:
    with pytest.raises(ProgrammingError, match=message):
        unloader.unload(f"csv {options}")
    assert unloader.files() == {}


def test_files_and_manifest_are_encrypted_with_keys_of_s3(unloader: Unloader) -> None:
    for options in (
        "csv manifest",
        "csv encrypted manifest allowoverwrite",
        "parquet encrypted auto manifest cleanpath",
    ):
        for name in unloader.unload(options):
            head = unloader.s3.head_object(Bucket="lake", Key=f"{unloader.folder}/out/{name}")
            assert head["ServerSideEncryption"] == "AES256", (options, name)


def test_the_key_of_a_buckets_default_encryption_is_refused_for_auto_alone(unloader: Unloader) -> None:
    bucket = f"kms-{uuid.uuid4()}"
    unloader.s3.create_bucket(Bucket=bucket)
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "a-key"}}
    unloader.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [default]})
    unload = f"unload ('select 1') to 's3://{bucket}/out/' iam_role '{unloader.role}' encrypted"
    with pytest.raises(ProgrammingError, match="does not model ENCRYPTED AUTO with the default key a-key"):
        unloader.cursor.execute(f"{unload} auto")
    unloader.cursor.execute(unload)
    assert unloader.s3.head_object(Bucket=bucket, Key="out/0000_part_00")["ServerSideEncryption"] == "AES256"
