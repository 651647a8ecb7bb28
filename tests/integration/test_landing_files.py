"""Files in the landing zone of somebody else's table: by pattern and day, under any key, and none at all."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.extract import s3_files
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from redshift_etl.operators.extract import S3ToLakeOperator
from redshift_etl.window import Window
from tests.integration.operations import DAG_BY_HAND
from tests.integration.raw_files import DAY, SqlDir, staged, transform, use_sql_dir

pytestmark = pytest.mark.slow

COLUMNS = "id INTEGER NOT NULL, item VARCHAR(40), placed_at TIMESTAMP NOT NULL"
ORDERS = "/*\ncolumns: [id, item, placed_at]\n*/\nSELECT id, item, placed_at FROM raw"
HEADER = "id,item,placed_at\n"


@pytest.fixture
def sql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlDir:
    return use_sql_dir(tmp_path, monkeypatch)


@pytest.fixture
def orders(sql_dir: SqlDir) -> str:
    return sql_dir.table("orders", COLUMNS, ORDERS, load="incremental", version="placed_at")


def drop(lake: Lake, key: str, *ids: int) -> None:
    """One row for each id."""
    body = (HEADER + "".join(f"{number},x,2013-01-01 00:00:00\n" for number in ids)).encode()
    if key.endswith(".gz"):
        body = gzip.compress(body)
    lake.client.put_object(Bucket=lake.location.bucket, Key=f"landing/{key}", Body=body)


def days(number: int) -> Window:
    return Window(DAY.start, DAY.start + timedelta(days=number))


def extract(lake: Lake, table: str, *files: str, window: Window | None = DAY) -> Batch:
    return s3_files.extract(files, table=table, run="run-try1", lake=lake, window=window)


def ids(lake: Lake, batch: Batch) -> list[str | None]:
    return [row[0] for row in staged(lake, transform(lake, batch))]


def test_the_files_of_the_windows_days_are_loaded_and_no_others(lake: Lake, orders: str) -> None:
    for day in range(1, 5):
        drop(lake, f"orders/2013-01-0{day}/a b.csv.gz", day * 10)
        drop(lake, f"orders/2013-01-0{day}/part-2.csv.gz", day * 10 + 1)
    drop(lake, "orders/2013-01-01/below/c.csv.gz", 98)
    drop(lake, "orders/2013-01-01/notes.txt", 99)
    batch = extract(lake, orders, "orders/{day}/*.csv.gz", window=days(2))
    assert ids(lake, batch) == ["10", "11", "20", "21"]
    assert (batch.window, batch.files) == (days(2), 4)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("orders/{day:%Y/%m/%d}/o_{day:%Y%m%d}.csv", "orders/2013/01/01/o_20130101.csv"),
        ("orders/{day}/", "orders/2013-01-01/deep/er.csv"),
        ("orders-{day}*", "orders-2013-01-01T0600.csv"),
    ],
)
def test_a_day_has_any_format_and_a_prefix_takes_all_below_it(lake: Lake, orders: str, name: str, key: str) -> None:
    drop(lake, key, 1)
    drop(lake, key.replace("01.csv", "02.csv").replace("-01/", "-02/").replace("-01T", "-02T"), 2)
    lake.client.put_object(Bucket=lake.location.bucket, Key="landing/orders/2013-01-01/", Body=b"")
    assert ids(lake, extract(lake, orders, name)) == ["1"]


def test_hours_are_those_of_the_window(lake: Lake, orders: str) -> None:
    for hour in range(24):
        drop(lake, f"orders/2013-01-01/{hour:02}.csv", hour)
    drop(lake, "orders/2013-01-02/00.csv", 24)
    window = Window(datetime(2013, 1, 1, 22, 30, tzinfo=UTC), datetime(2013, 1, 2, 0, 30, tzinfo=UTC))
    assert ids(lake, extract(lake, orders, "orders/{day}/{hour}.csv", window=window)) == ["22", "23", "24"]


@pytest.mark.parametrize(
    "key",
    [
        "a#b.csv", "what?.csv", "with blanks  .csv", "100%25.csv", "a+b=c&d.csv", "주문 é.csv", "it's \"quoted\".csv",
        "[1-3].csv", "a//b.csv", "/leading.csv", "a:b.csv", "~!@$^(),;|`'\\.csv", f"{'long' * 200}.csv", "#.csv.gz",
    ],
)  # fmt: skip
def test_a_key_may_have_any_character(lake: Lake, orders: str, key: str) -> None:
    drop(lake, key, 7)
    drop(lake, "2.csv", 2)  # what [1-3].csv would find, were it a pattern
    drop(lake, "whatx.csv", 3)
    batch = extract(lake, orders, key)
    assert lake.read_manifest(batch.manifest)[0].url == f"s3://{lake.location.bucket}/landing/{key}"
    assert ids(lake, batch) == ["7"]


def test_keys_with_any_character_are_found_by_pattern_too(lake: Lake, orders: str) -> None:
    keys = ("2013-01-01/a?.csv", "2013-01-01/b*.csv", "2013-01-01/c#[x].csv", "2013-01-01/{d} %.csv")
    for number, key in enumerate(keys):
        drop(lake, key, number)
    assert ids(lake, extract(lake, orders, "{day}/*.csv")) == ["0", "1", "2", "3"]
    assert ids(lake, extract(lake, orders, "{day}/{{d}} %.csv")) == ["3"]


def test_two_names_for_one_file_read_it_once(lake: Lake, orders: str) -> None:
    drop(lake, "2013-01-01.csv", 1)
    assert ids(lake, extract(lake, orders, "{day}.csv", "*.csv")) == ["1"]


@pytest.mark.parametrize("name", ["orders/{day}/*.csv", "orders/{day}/", "orders/{day}/a.csv"])
def test_a_day_without_a_file_is_named(lake: Lake, orders: str, name: str) -> None:
    drop(lake, "orders/2013-01-01/a.csv", 1)
    drop(lake, "orders/2013-01-03/a.csv", 3)
    with pytest.raises(SourceError, match="may_be_absent") as error:
        extract(lake, orders, name, window=days(3))
    expected = f"s3://{lake.location.bucket}/landing/{name.replace('{day}', '2013-01-02')}"
    assert (error.value.where["key"], error.value.where["table"]) == (expected, orders)


@pytest.mark.parametrize("name", ["orders/{day}/*.csv", "orders/{day}/a.csv"])
def test_a_day_without_a_file_is_no_rows_where_the_contract_allows_it(lake: Lake, sql_dir: SqlDir, name: str) -> None:
    table = sql_dir.table("orders", COLUMNS, ORDERS, load="incremental", version="placed_at", may_be_absent="true")
    empty = transform(lake, extract(lake, table, name))
    assert (empty.rows, empty.extracted, empty.files, empty.window) == (0, 0, 0, DAY)
    drop(lake, "orders/2013-01-02/a.csv", 2)
    assert ids(lake, extract(lake, table, name, window=days(3))) == ["2"]


def test_an_empty_file_among_others_is_named(lake: Lake, orders: str) -> None:
    drop(lake, "2013-01-01/a.csv", 1)
    lake.client.put_object(Bucket=lake.location.bucket, Key="landing/2013-01-01/b.csv", Body=b"")
    with pytest.raises(SourceError, match="empty") as error:
        extract(lake, orders, "{day}/*.csv")
    assert str(error.value.where["key"]).endswith("/2013-01-01/b.csv")


@pytest.mark.parametrize("name", ["o/{ds}.csv", "o/{{ ds }}.csv", "o/{day.csv", "o/{}.csv", "o/{day", "o/day}"])
def test_a_placeholder_that_does_not_exist_is_refused(lake: Lake, orders: str, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\{day\}"):
        extract(lake, orders, name)


def context(**params: str) -> Any:
    instance = SimpleNamespace(dag_id="orders", run_id="r", task_id="extract", try_number=1, map_index=-1)
    run = SimpleNamespace(conf={}, run_type="manual", run_id="r", logical_date=None, run_after=None)
    return {"ti": instance, "dag_run": run, "dag": DAG_BY_HAND, "params": params}


def test_the_operator_takes_the_days_of_the_form(lake: Lake, orders: str) -> None:
    drop(lake, "2013-01-01.csv", 1)
    drop(lake, "2013-01-02.csv", 2)
    task = S3ToLakeOperator(task_id="extract", table=orders, files=["{day}.csv"])
    batch = Batch.from_dict(task.execute(context(start="2013-01-01", end="2013-01-02")))
    assert ids(lake, batch) == ["1", "2"]


def test_a_table_that_is_copied_whole_has_no_window(lake: Lake, orders: str) -> None:
    drop(lake, "all.csv", 1)
    task = S3ToLakeOperator(task_id="extract", table=orders, files=["all.csv"])
    assert task.execute(context())["window"] is None
