"""Parquet of somebody else's table: read by name, exact values, changed schemas, files that are not whole."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from redshift_etl.errors import SourceError
from redshift_etl.extract import s3_files
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from tests.integration.raw_files import DAY, SqlDir, rejects, staged, transform, use_sql_dir

pytestmark = pytest.mark.slow

FRONT = """/*
format: parquet
columns:
  id: BIGINT
  due: DECIMAL(9,2)
  paid: DECIMAL(9,2)
  at: TIMESTAMP
  tags: SUPER
*/
SELECT id, due, paid, "at", tags FROM raw"""
COLUMNS = 'id BIGINT NOT NULL, due DECIMAL(9,2), paid DECIMAL(9,2), "at" TIMESTAMP, tags SUPER'
ROW = (
    "SELECT 1::BIGINT AS id, 10.50::DECIMAL(9,2) AS due, 3.00::DECIMAL(9,2) AS paid, "
    "TIMESTAMP '2013-01-01 00:00:00.123456' AS at, ['a', NULL] AS tags"
)


@pytest.fixture
def bills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return use_sql_dir(tmp_path, monkeypatch).table("bills", COLUMNS, FRONT, max_rejects=1)


def parquet(folder: Path, select: str) -> bytes:
    path = folder / "made.parquet"
    duckdb.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


def drop(lake: Lake, table: str, *bodies: bytes) -> Batch:
    keys = [f"with blanks/part {number}.parquet" for number in range(len(bodies))]
    for key, body in zip(keys, bodies, strict=True):
        lake.client.put_object(Bucket=lake.location.bucket, Key=f"landing/{key}", Body=body)
    return s3_files.extract(keys, table=table, run="run-try1", lake=lake, window=DAY)


def test_columns_are_read_by_their_names_in_each_file(lake: Lake, bills: str, tmp_path: Path) -> None:
    swapped = f'SELECT tags, paid, "at", due, id + 1 AS id FROM ({ROW})'
    batch = transform(lake, drop(lake, bills, parquet(tmp_path, ROW), parquet(tmp_path, swapped)))
    assert staged(lake, batch) == [
        ["1", "10.50", "3.00", "2013-01-01 00:00:00.123456", '["a",null]'],
        ["2", "10.50", "3.00", "2013-01-01 00:00:00.123456", '["a",null]'],
    ]
    assert (batch.rows, batch.extracted) == (2, 2)


@pytest.mark.parametrize(
    ("select", "missing", "extra"),
    [
        (f"SELECT * EXCLUDE (paid) FROM ({ROW})", "paid", None),
        (f"SELECT *, 1 AS more FROM ({ROW})", None, "more"),
        (f"SELECT * RENAME (paid AS paid_amount) FROM ({ROW})", "paid", "paid_amount"),
    ],
    ids=["a column less", "a column more", "a column renamed"],
)
def test_a_file_with_other_columns_is_refused_by_name(
    lake: Lake, bills: str, tmp_path: Path, select: str, missing: str | None, extra: str | None
) -> None:
    with pytest.raises(SourceError, match="not those that the transform expects") as error:
        transform(lake, drop(lake, bills, parquet(tmp_path, ROW), parquet(tmp_path, select)))
    assert (error.value.where.get("missing"), error.value.where.get("extra")) == (missing, extra)
    assert str(error.value.where["file"]).endswith("with blanks/part 1.parquet")


def test_a_value_of_another_type_that_would_lose_something_is_a_reject_with_its_row(
    lake: Lake, bills: str, tmp_path: Path
) -> None:
    select = f"{ROW} UNION ALL SELECT 2, 0.125::DECIMAL(9,3), 1, NULL, []"
    batch = drop(lake, bills, parquet(tmp_path, f"SELECT * FROM ({select}) ORDER BY id"))
    assert transform(lake, batch).rows == 1
    assert [(it["line"], it["column"], it["value"]) for it in rejects(lake, batch)] == [(2, "due", "0.125")]


@pytest.mark.parametrize("keep", [0.6, 0.99], ids=["in the middle", "without its end"])
def test_a_file_that_is_not_whole_is_refused(lake: Lake, bills: str, tmp_path: Path, keep: float) -> None:
    whole = parquet(tmp_path, ROW)
    with pytest.raises(SourceError, match=r"no Parquet file, or not whole.*Fix: ask who writes it") as error:
        transform(lake, drop(lake, bills, whole[: int(len(whole) * keep)]))
    assert str(error.value.where["file"]).endswith("part 0.parquet")


def test_csv_by_the_name_of_parquet_is_refused(lake: Lake, bills: str) -> None:
    with pytest.raises(SourceError, match="no Parquet file"):
        transform(lake, drop(lake, bills, b"id,due,paid,at,tags\n1,1,1,,\n"))


def test_null_and_the_empty_string_stay_apart(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql_dir: SqlDir = use_sql_dir(tmp_path, monkeypatch)
    name = sql_dir.table(
        "notes",
        "id BIGINT NOT NULL, note VARCHAR(9), ok BOOLEAN, n DOUBLE PRECISION",
        "/*\nformat: parquet\ncolumns: {id: BIGINT, note: VARCHAR(9), ok: BOOLEAN, n: DOUBLE PRECISION}\n*/\n"
        "SELECT id, note, ok, n FROM raw",
    )
    select = "SELECT * FROM (VALUES (1, '', true, 0.1), (2, NULL, NULL, 1e300)) AS rows(id, note, ok, n)"
    assert staged(lake, transform(lake, drop(lake, name, parquet(tmp_path, select)))) == [
        ["1", "", "true", "0.1"],
        ["2", None, None, "1e+300"],
    ]


def test_bytes_are_their_digits_also_where_they_look_like_digits(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = use_sql_dir(tmp_path, monkeypatch).table(
        "blobs",
        "id BIGINT NOT NULL, body VARBYTE(9)",
        "/*\nformat: parquet\ncolumns: {id: BIGINT, body: VARBYTE(9)}\n*/\nSELECT id, body FROM raw",
    )
    select = r"SELECT * FROM (VALUES (1, 'AB'::BLOB), (2, '\x00\xFF'::BLOB), (3, NULL)) AS rows(id, body)"
    found = staged(lake, transform(lake, drop(lake, name, parquet(tmp_path, select))))
    assert [[row[0], row[1] and row[1].upper()] for row in found] == [["1", "4142"], ["2", "00FF"], ["3", None]]
