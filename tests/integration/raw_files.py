"""Raw batches as an extract would leave them, and staged files as COPY would read them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from redshift_etl.contracts import contract as contracts
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.part_writer import compress
from redshift_etl.lake.storage import Lake
from redshift_etl.transform.run import transform_batch
from redshift_etl.window import Window

DAY = Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 2, tzinfo=UTC))


def raw(lake: Lake, table: str, *files: str | bytes, rows: int | None = None) -> Batch:
    """A raw batch of CSV files. ``rows`` is what the source is said to have given: one a line unless told."""
    bodies = [file if isinstance(file, bytes) else file.encode() for file in files]
    counts = [max(0, body.count(b"\n") - 1) for body in bodies]
    entries = [
        lake.put(f"raw/{table}/part-{n}.csv.zst", compress(body), rows=count)
        for n, (body, count) in enumerate(zip(bodies, counts, strict=True))
    ]
    manifest = lake.write_manifest(f"raw/{table}", entries)
    extracted = sum(counts) if rows is None else rows
    now = datetime.now(UTC)
    return Batch(table, DAY, "run-try1", manifest, extracted, 0, len(entries), extracted, 0, now)


def transform(lake: Lake, batch: Batch) -> Batch:
    """The transform, as the operator calls it."""
    return transform_batch(batch, run="run-try1", lake=lake)


def staged(lake: Lake, batch: Batch) -> list[list[str | None]]:
    r"""The staged rows in any order's sorting, ``\N`` as None."""
    rows: list[list[str | None]] = []
    for entry in lake.read_manifest(batch.manifest):
        body = read(lake, entry.url)
        lines = csv.reader(
            io.StringIO(zstandard.ZstdDecompressor().decompressobj().decompress(body).decode(), newline="")
        )
        rows += [[None if value == "\\N" else value for value in line] for line in lines]
    return sorted(rows, key=str)


def read(lake: Lake, url: str) -> bytes:
    """An object's bytes."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    body: bytes = lake.client.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def rejects(lake: Lake, batch: Batch) -> list[dict[str, Any]]:
    """What the rejects file of this try says."""
    key = lake.location.key(f"rejects/{batch.table}/{DAY.slug}/run-try1/rejects.jsonl")
    body = lake.client.get_object(Bucket=lake.location.bucket, Key=key)["Body"].read().decode()
    return [json.loads(line) for line in body.splitlines()]


class SqlDir:
    """A folder of contracts and transforms of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, name: str, columns: str, transform_sql: str, **matter: object) -> str:
        """Add ``core.<name>``; returns that. ``columns`` is what its CREATE TABLE holds, the key first."""
        front = {"description": "d", "owner": "o", "load": "full_refresh", "retention": "never", **matter}
        lines = "\n".join(f"{key}: {value}" for key, value in front.items())
        key = columns.partition(" ")[0]
        self._write("tables/core", name, f"/*\n{lines}\n*/\nCREATE TABLE core.{name} ({columns}, PRIMARY KEY ({key}));")
        self._write("transform", name, transform_sql)
        return f"core.{name}"

    def _write(self, below: str, name: str, text: str) -> None:
        path = self.folder / below / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def use_sql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlDir:
    """Make Airflow's setting name a folder of the test's own."""
    (tmp_path / "sql").mkdir(exist_ok=True)
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(tmp_path / "sql"))
    contracts.load.cache_clear()
    return SqlDir(tmp_path / "sql")
