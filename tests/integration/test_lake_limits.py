"""What somebody else has written to the lake or the landing zone: sizes, names and forms are checked before use."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard

from redshift_etl import settings
from redshift_etl.errors import SourceError, TransientError
from redshift_etl.extract import s3_files
from redshift_etl.lake import files, storage
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.files import RawFile
from redshift_etl.lake.storage import Lake
from redshift_etl.operators.load import LoadToRedshiftOperator
from tests.integration.raw_files import DAY, SqlDir, raw, rejects, staged, transform, use_sql_dir

pytestmark = pytest.mark.slow

MIB = 1 << 20
COLUMNS = "id INTEGER NOT NULL, item VARCHAR(40)"
SELECT = "/*\ncolumns: {id: INTEGER, item: VARCHAR}\n*/\nSELECT id, item FROM raw"
ROWS = "id,item\n1,a\n"


@pytest.fixture
def sql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlDir:
    return use_sql_dir(tmp_path, monkeypatch)


@pytest.fixture
def table(sql_dir: SqlDir) -> str:
    return sql_dir.table("t", COLUMNS, SELECT)


def drop(lake: Lake, key: str, body: bytes) -> None:
    lake.client.put_object(Bucket=lake.location.bucket, Key=key, Body=body)


def entry(lake: Lake, key: str, bucket: str | None = None) -> dict[str, Any]:
    """A manifest's entry of an object that is there."""
    head = lake.client.head_object(Bucket=bucket or lake.location.bucket, Key=key)
    meta = {"content_length": head["ContentLength"], "etag": head["ETag"]}
    return {"url": f"s3://{bucket or lake.location.bucket}/{key}", "mandatory": True, "meta": meta}


def rewritten(lake: Lake, batch: Batch, content: object) -> Batch:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lake.put(batch.manifest, body)
    return batch


@pytest.mark.parametrize(
    "key",
    [
        "private/salaries.csv",
        "lake-of-others/raw/core.t/x.csv",
        "lake/raw/core.other/x.csv",
        "lake/incidents/x.csv",
        "landing-of-others/x.csv",
    ],
)
def test_a_manifest_names_files_of_its_table_and_of_the_landing_zone_only(lake: Lake, table: str, key: str) -> None:
    drop(lake, key, ROWS.encode())
    batch = rewritten(lake, raw(lake, table, ROWS), {"entries": [entry(lake, key)]})
    with pytest.raises(SourceError, match="manifest") as error:
        transform(lake, batch)
    assert key in str(error.value.where["url"])
    assert batch.manifest in str(error.value.where["manifest"])


def test_a_manifest_names_no_object_of_another_bucket(lake: Lake, table: str) -> None:
    lake.client.create_bucket(Bucket="of-others")
    try:
        lake.client.put_object(Bucket="of-others", Key="landing/x.csv", Body=ROWS.encode())
        batch = raw(lake, table, ROWS)
        rewritten(lake, batch, {"entries": [entry(lake, "landing/x.csv", "of-others")]})
        with pytest.raises(SourceError, match="manifest"):
            transform(lake, batch)
    finally:
        lake.client.delete_object(Bucket="of-others", Key="landing/x.csv")
        lake.client.delete_bucket(Bucket="of-others")


def test_copy_is_not_sent_for_a_manifest_that_names_another_object(lake: Lake, table: str) -> None:
    drop(lake, "private/salaries.csv", ROWS.encode())
    batch = transform(lake, raw(lake, table, ROWS))
    rewritten(lake, batch, {"entries": [entry(lake, "private/salaries.csv")]})
    context: Any = {
        "ti": SimpleNamespace(dag_id="d", run_id="r", task_id="load", try_number=1, map_index=-1),
        "dag_run": SimpleNamespace(conf={}, run_type="manual"),
        "dag": SimpleNamespace(),
        "params": {},
    }
    with pytest.raises(SourceError, match="manifest names"):
        LoadToRedshiftOperator(task_id="load", table=table, batch=batch.as_dict()).execute(context)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"null", b"[]", b'{"entries": 1}', b'{"entries": [1]}', b'{"entries": [{}]}',
        b'{"entries": [{"url": 1, "meta": {"content_length": 1}}]}',
        b'{"entries": [{"url": "s3://b/k", "meta": {"content_length": "1"}}]}',
        b'{"entries": [{"url": "s3://b/k", "meta": {"content_length": 1, "place": {"a": 1}}}]}',
        b'{"entries": ' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_manifest_of_another_form_is_named(lake: Lake, table: str, content: bytes) -> None:
    batch = rewritten(lake, raw(lake, table, ROWS), content)
    with pytest.raises(SourceError, match="manifest") as error:
        transform(lake, batch)
    assert batch.manifest in str(error.value)


def test_a_document_is_read_to_a_limit(lake: Lake, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = raw(lake, table, ROWS)
    size = len(lake.read(batch.manifest))
    monkeypatch.setattr(storage, "MAX_DOCUMENT_BYTES", size)
    assert transform(lake, batch).rows == 1
    monkeypatch.setattr(storage, "MAX_DOCUMENT_BYTES", size - 1)
    for read in (lake.read, lake.get):
        with pytest.raises(SourceError, match="larger") as error:
            read(batch.manifest)
        assert batch.manifest in str(error.value)


def test_no_more_is_written_of_a_file_than_the_manifest_has(
    lake: Lake, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = raw(lake, table, ROWS)
    [file] = lake.read_manifest(batch.manifest)
    drop(lake, file.object[1], b"x" * (8 * MIB))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / "downloads"
    folder.mkdir()
    with pytest.raises(SourceError, match="written again"):
        lake.fetch(batch.manifest, folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2 * MIB


def test_landing_files_have_a_limit_that_a_setting_raises(
    lake: Lake, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        drop(lake, f"landing/orders/{number}.csv", ROWS.encode())

    def extract() -> Batch:
        return s3_files.extract(["orders/*.csv"], table=table, run="run-try1", lake=lake)

    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__MAX_BATCH_GB", str((3 * len(ROWS) - 1) / 1e9))
    with pytest.raises(SourceError, match="MAX_BATCH_GB") as error:
        extract()
    assert error.value.where["table"] == table
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__MAX_BATCH_GB", str(3 * len(ROWS) / 1e9))
    assert transform(lake, extract()).rows == 3
    monkeypatch.setattr(s3_files, "MAX_FILES", 2)
    with pytest.raises(SourceError, match="more than 2 files"):
        extract()


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_landing_file_is_unpacked_to_the_limit_in_small_steps(
    lake: Lake, table: str, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    text = ROWS.encode() + b"2,b\n" * (32 * MIB)
    body = gzip.compress(text) if suffix == ".gz" else zstandard.ZstdCompressor().compress(text)
    del text
    drop(lake, f"landing/bomb.csv{suffix}", body)
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__MAX_BATCH_GB", "0.03")
    batch = s3_files.extract([f"bomb.csv{suffix}"], table=table, run="run-try1", lake=lake)
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="MAX_BATCH_GB") as error:
            transform(lake, batch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 72 * MIB, f"{peak / MIB:.0f} MiB"
    assert f"bomb.csv{suffix}" in str(error.value.where["file"])


def test_a_frame_that_unpacks_to_very_much_does_so_in_steps(tmp_path: Path) -> None:
    path = tmp_path / "zeros.csv.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as writer:
        for _ in range(256):
            writer.write(bytes(MIB))
    assert max(map(len, files.chunks(RawFile("s3://b/zeros.csv.zst", path)))) <= 33 * MIB
    assert sum(map(len, files.chunks(RawFile("s3://b/zeros.csv.zst", path)))) == 256 * MIB


def test_files_beyond_the_free_space_are_not_downloaded(lake: Lake, table: str) -> None:
    batch = replace(raw(lake, table, ROWS), bytes=1 << 60)
    with pytest.raises(TransientError, match="no space left"):
        transform(lake, batch)


def test_the_lines_of_a_large_file_take_no_memory(lake: Lake, sql_dir: SqlDir) -> None:
    table = sql_dir.table("t", COLUMNS, SELECT, max_rejects="1")
    body = gzip.compress(ROWS.encode() + b"\n" * MIB + b"x,b\n")
    drop(lake, "landing/blank.csv.gz", body)
    batch = s3_files.extract(["blank.csv.gz"], table=table, run="run-try1", lake=lake, window=DAY)
    tracemalloc.start()
    try:
        done = transform(lake, batch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (done.rows, done.rejected, staged(lake, done)) == (1, 1, [["1", "a"]])
    assert peak < 24 * MIB, f"{peak / MIB:.0f} MiB"


def test_a_rejected_value_is_kept_to_the_length_of_a_column(lake: Lake, table: str) -> None:
    lines = "".join(f"{number},{os.urandom(MIB).hex()}\n" for number in range(8))
    batch = raw(lake, table, ROWS.replace("1,a", "9,a") + lines)
    del lines
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="8 of 9 rows"):
            transform(lake, batch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 * MIB, f"{peak / MIB:.0f} MiB"
    done = Batch(table, DAY, "run-try1", "", 0, 0, 0, 0, 0, DAY.start)
    assert {len(found["value"]) for found in rejects(lake, done)} == {65_535}


@pytest.mark.parametrize("value", ["0", "-1", "much", "nan", "inf"])
def test_the_limit_of_a_batch_is_a_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    from redshift_etl.errors import ConfigError

    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__MAX_BATCH_GB", value)
    with pytest.raises(ConfigError, match="max_batch_gb"):
        settings.max_batch()
