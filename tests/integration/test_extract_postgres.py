"""Extracting a production table: the window, the bytes, constant-size parts, and every way it can go wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import zstandard

from redshift_etl.contracts import contract as contracts
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.extract import bounds, postgres
from redshift_etl.lake import part_writer
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from redshift_etl.window import Window
from tests.integration.conftest import Source
from tests.integration.raw_files import DAY, read

SQL = "SELECT id, note, modified_at FROM things WHERE modified_at >= %(start)s AND modified_at < %(end)s ORDER BY id"
TABLE = "CREATE TABLE things (id int, note text, modified_at timestamp)"


def extract(lake: Lake, sql: str = SQL, read: Window | None = None) -> Batch:
    return postgres.extract("airline_db", sql, table="core.things", window=DAY, run="run-try1", lake=lake, read=read)


def texts(lake: Lake, batch: Batch) -> list[str]:
    entries = lake.read_manifest(batch.manifest)
    return [zstandard.ZstdDecompressor().decompressobj().decompress(read(lake, e.url)).decode() for e in entries]


def test_the_window_takes_its_start_and_not_its_end(source: Source, lake: Lake) -> None:
    source.run(
        TABLE,
        "INSERT INTO things VALUES (1, 'before', '2012-12-31 23:59:59.999999'), (2, 'start', '2013-01-01'),"
        " (3, 'last', '2013-01-01 23:59:59.999999'), (4, 'end', '2013-01-02')",
    )
    batch = extract(lake)
    assert texts(lake, batch) == [
        "id,note,modified_at\n2,start,2013-01-01 00:00:00\n3,last,2013-01-01 23:59:59.999999\n"
    ]
    assert (batch.extracted, batch.rows, batch.files, batch.rejected) == (2, 2, 1, 0)


def test_the_window_is_utc_whatever_the_servers_time_zone_is(source: Source, lake: Lake) -> None:
    source.run(TABLE, "INSERT INTO things VALUES (1, 'late in the day', '2013-01-01 23:00')")
    change = "format('ALTER DATABASE %I SET timezone = ''America/New_York''', current_database())"
    source.run(f"DO $$ BEGIN EXECUTE {change}; END $$")
    assert extract(lake).rows == 1


def test_null_the_empty_string_quotes_and_line_breaks_stay_apart(source: Source, lake: Lake) -> None:
    source.run(
        TABLE,
        "INSERT INTO things VALUES (1, NULL, '2013-01-01'), (2, '', '2013-01-01')",
        """INSERT INTO things VALUES (3, E'a "b",\nc\\\\ 한', '2013-01-01')""",
    )
    [text] = texts(lake, extract(lake))
    assert text.split("\n", 1)[1] == (
        '1,,2013-01-01 00:00:00\n2,"",2013-01-01 00:00:00\n3,"a ""b"",\nc\\ 한",2013-01-01 00:00:00\n'
    )


def test_parts_end_at_rows_repeat_the_header_and_add_up(
    source: Source, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_writer, "PART_BYTES", 1 << 19)
    source.run(
        TABLE, "INSERT INTO things SELECT n, md5(n::text) || E'\\n', '2013-01-01' FROM generate_series(1, 150000) n"
    )
    batch = extract(lake)
    files = texts(lake, batch)
    assert batch.files > 3
    assert all(text.startswith("id,note,modified_at\n") for text in files)
    body = "".join(text.removeprefix("id,note,modified_at\n") for text in files)
    assert body.count(",2013-01-01 00:00:00\n") == batch.rows == 150000
    assert [entry.rows for entry in lake.read_manifest(batch.manifest)] == [
        text.count(",2013-01-01 00:00:00\n") for text in files
    ]


def test_a_query_that_returns_more_than_a_run_may_have_is_refused_and_leaves_no_manifest(
    source: Source, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.run(TABLE, "INSERT INTO things SELECT n, repeat('x', 900), '2013-01-01' FROM generate_series(1, 4000) n")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__MAX_BATCH_GB", "0.002")
    with pytest.raises(SourceError, match=r"more than 0\.002 GB\. \[table=core\.things\] Fix: .*MAX_BATCH_GB"):
        extract(lake)
    assert not [entry for entry in lake.list_entries(lake.location, "") if "manifest" in entry.url]
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__MAX_BATCH_GB", "0.004")
    assert extract(lake).rows == 4000


def test_an_empty_window_is_a_batch_without_files(source: Source, lake: Lake) -> None:
    source.run(TABLE)
    batch = extract(lake)
    assert (batch.rows, batch.files, lake.read_manifest(batch.manifest)) == (0, 0, ())


def test_a_batch_survives_xcom_and_is_small(source: Source, lake: Lake) -> None:
    source.run(TABLE)
    batch = extract(lake)
    text = json.dumps(batch.as_dict())
    assert Batch.from_dict(json.loads(text)) == batch
    assert len(text) < 4096


def test_extracted_at_is_when_the_source_was_read(source: Source, lake: Lake) -> None:
    source.run(TABLE)
    before = datetime.now(UTC)
    assert before <= extract(lake).extracted_at <= datetime.now(UTC)


def test_what_commits_after_the_end_of_its_window_is_found_by_the_next(source: Source, lake: Lake) -> None:
    source.run(TABLE)
    contract = contracts.load("core.flights")
    with psycopg.connect(source.dsn) as late:
        late.execute("INSERT INTO things VALUES (1, 'late', '2013-01-01 23:59:59')")
        assert extract(lake, read=bounds.read(contract, DAY, bounds.LOOKBACK)).rows == 0
    next_day = Window(DAY.end, DAY.end + timedelta(days=1))
    assert extract(lake, read=next_day).rows == 0
    batch = extract(lake, read=bounds.read(contract, next_day, bounds.LOOKBACK))
    assert (batch.rows, batch.window) == (1, DAY), "what is read is more than the recorded window"


def test_of_two_reads_the_later_one_has_the_later_time_by_the_sources_clock(source: Source, lake: Lake) -> None:
    source.run(TABLE)
    times = [extract(lake).extracted_at for _ in range(3)]
    assert times == sorted(set(times))


def test_rows_whose_time_is_null_are_counted_and_not_extracted(
    source: Source, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    source.run(TABLE, "INSERT INTO things VALUES (1, 'a', '2013-01-01'), (2, 'b', NULL), (3, 'c', NULL)")
    batch = extract(lake)
    assert (batch.rows, batch.without_window) == (1, 2)
    assert "2 rows of the source have no time" in caplog.text


def test_a_count_of_rows_without_a_time_that_takes_too_long_does_not_stop_the_extract(
    source: Source, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    source.run(TABLE, "INSERT INTO things VALUES (1, 'a', '2013-01-01'), (2, 'b', NULL)")
    change = "format('ALTER DATABASE %I SET statement_timeout = 500', current_database())"
    source.run(f"DO $$ BEGIN EXECUTE {change}; END $$")
    slow = "CASE WHEN modified_at IS NULL THEN pg_sleep(2) IS NOT NULL ELSE true END"
    batch = extract(lake, SQL.replace("ORDER BY", f"AND {slow} ORDER BY"))
    assert (batch.rows, batch.without_window) == (1, None)
    assert "could not be counted" in caplog.text


@pytest.mark.parametrize("where", ["note LIKE 'a%'", "note LIKE 'a%%'", "id % 2 = 1 /* 100 % of the odd ones */"])
def test_a_percent_sign_in_an_extract_is_one(source: Source, lake: Lake, where: str) -> None:
    source.run(TABLE, "INSERT INTO things VALUES (1, 'ab', '2013-01-01'), (2, 'b', '2013-01-01')")
    assert extract(lake, SQL.replace("WHERE", f"WHERE {where} AND")).rows == 1


def test_a_percent_sign_in_an_extract_without_a_window_is_one(source: Source, lake: Lake) -> None:
    source.run(TABLE, "INSERT INTO things VALUES (1, 'ab', NULL), (2, 'a%', NULL)")
    sql = "SELECT id FROM things WHERE id % 2 = 0 AND note LIKE 'a%'"
    batch = postgres.extract("airline_db", sql, table="core.things", window=None, run="run-try1", lake=lake)
    assert texts(lake, batch) == ["id\n2\n"]


def test_a_source_without_modified_at_is_refused_by_table_and_column(source: Source, lake: Lake) -> None:
    source.run('CREATE TABLE things (id int, note text, "Changed At" timestamp)')
    with pytest.raises(SourceError) as error:
        extract(lake)
    assert error.value.where["source"] == "things"
    assert error.value.where["column"] == "modified_at"
    assert error.value.where["source_columns"] == "id, note, Changed At"
    assert "new_columns" not in error.value.where, "there was no extract that knows the columns of before"


def test_a_column_that_is_renamed_is_named_as_the_new_one_of_those_that_there_are(source: Source, lake: Lake) -> None:
    source.run(TABLE, "ALTER TABLE things ADD COLUMN never_read int")
    extract(lake)
    extract(lake)
    source.run('ALTER TABLE things RENAME COLUMN modified_at TO "Changed At"')
    with pytest.raises(SourceError) as error:
        extract(lake)
    assert error.value.where["source_columns"] == "id, note, Changed At, never_read"
    assert error.value.where["new_columns"] == "Changed At"


@pytest.mark.usefixtures("source")
def test_a_table_that_the_source_lacks_is_named(lake: Lake) -> None:
    with pytest.raises(SourceError) as error:
        extract(lake)
    assert error.value.where["relation"] == "things"


@pytest.mark.usefixtures("source")
def test_a_connection_that_is_not_configured_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_AIRLINE_DB")
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_AIRLINE_DB"):
        extract(lake)


def test_a_wrong_password_is_not_retried_and_not_shown(
    source: Source, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, _, rest = source.dsn.partition("//")[2].partition(":")
    monkeypatch.setenv("AIRFLOW_CONN_AIRLINE_DB", f"postgresql://{user}:not-the-password@{rest.partition('@')[2]}")
    with pytest.raises(ConfigError, match="authentication failed") as error:
        extract(lake)
    assert "not-the-password" not in str(error.value)


def test_a_missing_right_names_the_table(source: Source, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    source.run(TABLE, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'reader-password'")
    monkeypatch.setenv("AIRFLOW_CONN_AIRLINE_DB", f"postgresql://reader:reader-password@{source.dsn.partition('@')[2]}")
    with pytest.raises(ConfigError, match="permission denied") as error:
        extract(lake)
    assert error.value.where["source"] == "things"


@pytest.mark.usefixtures("source")
def test_a_source_that_is_down_is_retried(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AIRLINE_DB", "postgresql://postgres:x@127.0.0.1:1/airline")
    with pytest.raises(TransientError, match="airline_db"):
        extract(lake)


@pytest.mark.usefixtures("source")
def test_a_connection_lost_in_mid_copy_is_retried_and_leaves_no_manifest(lake: Lake) -> None:
    suicide = "CASE n WHEN 9999 THEN pg_terminate_backend(pg_backend_pid()) END"
    with pytest.raises(TransientError):
        extract(lake, f"SELECT n, {suicide} FROM generate_series(1, 100000) n")
    with pytest.raises(SourceError, match="no such S3 object"):
        lake.read_manifest("raw/core.things/20130101T000000-20130102T000000/run-try1/manifest.json")


def test_sql_that_does_not_parse_is_the_repositorys_fault(source: Source, lake: Lake) -> None:
    source.run(TABLE)
    with pytest.raises(ConfigError, match="refused"):
        extract(lake, "SELECT FROM WHERE things")


def test_a_query_cannot_write_to_the_source(source: Source, lake: Lake) -> None:
    source.run(TABLE, "CREATE FUNCTION sneak() RETURNS int LANGUAGE sql AS 'DELETE FROM things RETURNING 1'")
    with pytest.raises(ConfigError, match="read-only"):
        extract(lake, "SELECT sneak()")
