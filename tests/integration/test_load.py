"""The load transaction on the local Redshift: any run, repeated, late, killed or concurrent, leaves the same table."""

from __future__ import annotations

import itertools
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from threading import Event
from typing import Any

import psycopg
import pytest

from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.warehouse import load, model, retry
from redshift_etl.warehouse.session import Session, open_session
from redshift_etl.window import Window
from tests.integration.batches import INCREMENTAL, REFRESHED, LoadTarget, both_levels, both_modes
from tests.integration.connections import Observed, broken, cut

DAY1, DAY2, DAY3 = "2013-01-01", "2013-01-02", "2013-01-03"


@pytest.fixture
def things(target: LoadTarget) -> LoadTarget:
    target.create(INCREMENTAL)
    return target


@pytest.fixture
def small(target: LoadTarget) -> LoadTarget:
    target.create(REFRESHED)
    return target


@pytest.mark.slow
def test_any_order_split_and_repetition_of_batches_ends_in_the_same_table(things: LoadTarget) -> None:
    chance = random.Random(20130101)
    rows = [
        (
            chance.randint(1, 6),
            f"2013-01-0{chance.randint(1, 3)} 00:00:00",
            chance.choice([DAY1, DAY2, None]),
            chance.choice(["a", "b", "", None]),
            chance.choice([None, None, "2013-01-04 00:00:00"]),
        )
        for _ in range(30)
    ]
    ends = []
    for _ in range(4):
        things.run("DELETE FROM core.things")
        chance.shuffle(rows)
        cut = chance.randint(1, len(rows) - 1)
        for part in (rows[:cut], rows[cut:], rows[:cut]):
            things.load(INCREMENTAL, part)
        again = things.load(INCREMENTAL, rows)
        assert (again.counts.inserted, again.counts.updated, again.counts.deleted) == (0, 0, 0)
        ends.append(things.table(INCREMENTAL))
    assert all(end == ends[0] for end in ends)


def test_every_staged_row_is_accounted_for(things: LoadTarget) -> None:
    things.load(INCREMENTAL, [(1, DAY2, DAY1, "a", None), (2, DAY1, DAY1, "b", None), (3, DAY1, DAY1, "c", None)])
    rows = [
        (1, DAY1, DAY1, "old", None),
        (2, DAY1, DAY1, "b", None),
        (3, DAY2, DAY1, "new", None),
        (3, DAY1, DAY1, "c", None),
        (4, DAY1, DAY1, "d", None),
        (5, DAY1, DAY1, "e", DAY1),
    ]
    counts = things.load(INCREMENTAL, rows).counts
    assert counts == model.Counts(inserted=2, updated=1, unchanged=1, superseded=2, marked_deleted=1)
    assert things.rows("SELECT rows_after, inserted - deleted FROM etl.load_history ORDER BY committed_at") == [
        (3, 3),
        (5, 2),
    ]


def test_a_long_statement_is_not_held_back_for_a_delayed_acknowledgement(target: LoadTarget) -> None:
    with open_session(target.connect, "a session") as session:
        assert session.connection._usock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_late_batch_neither_brings_back_a_deleted_row_nor_overwrites_a_newer_one(things: LoadTarget) -> None:
    things.load(INCREMENTAL, [(1, DAY3, DAY1, "gone", DAY3), (2, DAY3, DAY1, "new", None)])
    before = things.table(INCREMENTAL)
    counts = things.load(INCREMENTAL, [(1, DAY1, DAY1, "live", None), (2, DAY2, DAY1, "old", None)]).counts
    assert counts == model.Counts(superseded=2)
    assert things.table(INCREMENTAL) == before


def test_an_empty_text_and_null_stay_apart(things: LoadTarget) -> None:
    things.load(INCREMENTAL, [(1, DAY1, DAY1, "", None), (2, DAY1, DAY1, None, None)])
    assert things.rows("SELECT id, name FROM core.things ORDER BY id") == [(1, ""), (2, None)]


def test_a_load_touches_the_days_of_old_and_new_rows_and_its_own(things: LoadTarget) -> None:
    things.load(INCREMENTAL, [(1, DAY1, DAY2, "a", None)])
    things.run("DELETE FROM etl.touched_days")
    things.load(INCREMENTAL, [(1, DAY2, DAY3, "a", None)])
    assert days(things) == [date(2013, 1, 1), date(2013, 1, 2), date(2013, 1, 3)]


def test_a_repeated_load_touches_only_its_own_day(things: LoadTarget) -> None:
    things.load(INCREMENTAL, [(1, DAY1, DAY3, "a", None)])
    things.run("DELETE FROM etl.touched_days")
    things.load(INCREMENTAL, [(1, DAY1, DAY3, "a", None)])
    assert days(things) == [date(2013, 1, 1)]


def test_a_window_of_31_years_touches_each_of_its_days_once(things: LoadTarget) -> None:
    window = Window(datetime(1995, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    things.load(INCREMENTAL, [(1, DAY1, DAY2, "a", None), (2, DAY1, "2026-03-01", "b", None)], window=window)
    assert days(things) == [*window.days, date(2026, 3, 1)]
    assert things.rows("SELECT COUNT(*) FROM etl.touched_days") == [(len(window.days) + 1,)]


def days(target: LoadTarget) -> list[date]:
    return [row[0] for row in target.rows("SELECT DISTINCT day FROM etl.touched_days ORDER BY day")]


def test_an_empty_window_is_recorded_and_changes_nothing(things: LoadTarget) -> None:
    result = things.load(INCREMENTAL, [])
    assert (result.staged, result.rows_after, things.history()) == (0, 0, 1)


@both_modes
@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        pytest.param((None, DAY1, DAY1, "a", None), "id", "\\N", id="NULL key"),
        pytest.param((1, DAY1, DAY1, "한글", None), "name", "한글", id="six bytes of Hangul in VARCHAR(5)"),
        pytest.param((1, "2013-02-30", DAY1, "a", None), "version", "2013-02-30", id="a date that is none"),
    ],
)
def test_a_row_that_copy_refuses_is_named_and_nothing_changes(
    things: LoadTarget, row: tuple[Any, ...], column: str, value: str, request: pytest.FixtureRequest
) -> None:
    has_value = "serverless" not in request.node.name  # SYS_LOAD_ERROR_DETAIL has none
    things.load(INCREMENTAL, [(9, DAY1, DAY1, "kept", None)])
    with pytest.raises(SourceError) as error:
        things.load(INCREMENTAL, [(1, DAY1, DAY1, "a", None), row])
    assert error.value.where["column"] == column
    assert str(error.value.where["line"]) == "2"
    assert error.value.where.get("value") == (value if has_value else None)
    assert "part.csv.zst" in str(error.value.where["file"])
    assert things.rows("SELECT id FROM core.things") == [(9,)]
    assert things.history() == 1


def test_a_manifest_with_other_rows_than_were_staged_is_refused(things: LoadTarget) -> None:
    with pytest.raises(SourceError, match="has 2 rows and COPY staged 1"):
        things.load(INCREMENTAL, [(1, DAY1, DAY1, "a", None)], rows=2, extracted=2)
    assert things.history() == 0


def test_a_manifest_that_names_a_missing_object_is_refused(things: LoadTarget) -> None:
    batch = things.batch(INCREMENTAL, [(1, DAY1, DAY1, "a", None)])
    assert batch.source
    bucket, key = batch.source.manifest_url.removeprefix("s3://").split("/", 1)
    things.s3.delete_object(Bucket=bucket, Key=key.replace("manifest.json", "part.csv.zst"))
    with pytest.raises((ConfigError, SourceError), match=r"COPY failed.*part\.csv\.zst"):
        load.execute(things.connect, batch)
    assert things.history() == 0


def test_a_copy_that_fails_for_want_of_a_file_is_not_reported_as_an_old_row_of_the_same_process_id(
    things: LoadTarget,
) -> None:
    def connect() -> Any:
        """A connection whose process id had a load error two days ago."""
        connection = things.connect()
        cursor = connection.cursor()
        cursor.execute("SELECT pg_backend_pid()")
        with psycopg.connect(things.server.config.admin(things.database.database)) as admin:
            admin.execute(
                "INSERT INTO redshift_internal.load_errors (userid, session, starttime, filename, line_number, colname,"
                " type, raw_field_value, err_reason) SELECT usesysid, %s, now() AT TIME ZONE 'UTC' - interval '2 days',"
                " 's3://lake/old.csv', 7, 'name', 'varchar', 'old', 'an old error' FROM pg_user WHERE usename = %s",
                (cursor.fetchone()[0], things.database.user),
            )
        connection.rollback()
        return connection

    batch = things.batch(INCREMENTAL, [(1, DAY1, DAY1, "a", None)])
    assert batch.source
    bucket, key = batch.source.manifest_url.removeprefix("s3://").split("/", 1)
    things.s3.delete_object(Bucket=bucket, Key=key.replace("manifest.json", "part.csv.zst"))
    with pytest.raises(ConfigError, match=r"COPY failed.*part\.csv\.zst"):
        load.execute(connect, batch)
    things.run(f"ALTER USER {things.database.user} SET timezone TO 'Asia/Seoul'")
    try:
        with pytest.raises(SourceError, match="COPY refused a row"):
            things.load(INCREMENTAL, [(1, "2013-02-30", DAY1, "a", None)])
    finally:
        things.run(f"ALTER USER {things.database.user} RESET timezone")


def test_the_rows_that_a_copy_refuses_are_reported_though_its_connection_is_lost_after_it(things: LoadTarget) -> None:
    opened: list[Any] = []

    def connect() -> Any:
        """A connection that is lost at its ROLLBACK; those after it have a wrong password."""
        opened.append(1)
        database = replace(things.database, password="wrong") if len(opened) > wrong_after else things.database
        return Observed(database.connect(), [], before_rollback=cut)

    batch = things.batch(INCREMENTAL, [(1, "2013-02-30", DAY1, "a", None)])
    wrong_after = 9
    with pytest.raises(SourceError, match="COPY refused a row") as error:
        load.execute(connect, batch)
    assert error.value.where["column"] == "version"
    wrong_after = len(opened) + 1
    with pytest.raises(ConfigError, match="COPY failed"):
        load.execute(connect, batch)


def test_a_load_whose_statistics_cannot_be_refreshed_is_committed_once(things: LoadTarget) -> None:
    def away(_: Any) -> None:
        """Rename the table, after the COMMIT."""
        things.run("ALTER TABLE core.things RENAME TO elsewhere")

    batch = things.batch(INCREMENTAL, [(1, DAY1, DAY1, "a", None)])
    record = load.execute(lambda: Observed(things.connect(), [], after_commit=away), batch)
    assert record.counts == model.Counts(inserted=1)
    assert things.history() == 1
    assert things.rows("SELECT COUNT(*) FROM core.elsewhere") == [(1,)]


def test_copies_of_a_key_that_something_else_wrote_are_reported(things: LoadTarget) -> None:
    for _ in range(2):
        things.run(f"INSERT INTO core.things (id, version) VALUES (7, '{DAY2}')")
    with pytest.raises(ConfigError, match="same key more than once") as error:
        things.load(INCREMENTAL, [(7, DAY1, DAY1, "a", None)])
    assert error.value.where["keys"] == [(7, 2)]


@pytest.mark.slow
def test_a_connection_lost_anywhere_is_made_good_and_counted_once(
    things: LoadTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.01)
    things.load(INCREMENTAL, [(1, DAY1, DAY1, "a", None)])
    rows = [(1, DAY2, DAY1, "b", None), (2, DAY1, DAY1, "c", None)]
    batch = things.batch(INCREMENTAL, rows)
    for when in itertools.count():
        things.run("DELETE FROM core.things")
        things.run("DELETE FROM etl.load_history")
        fuse = itertools.count()
        result = load.execute(partial(broken, things.connect, fuse, when), batch)
        assert result.counts == model.Counts(inserted=2), f"cut before statement {when}"
        assert len(things.table(INCREMENTAL)) == 2
        assert things.history() == 1
        if next(fuse) <= when:  # it was done before the cut
            break
    assert when > 10


@pytest.mark.slow
def test_a_load_that_dies_for_good_changes_nothing(things: LoadTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.01)
    batch = things.batch(INCREMENTAL, [(1, DAY1, DAY1, "a", None)])
    for when in (0, 6, 9, 12):
        with pytest.raises(TransientError):
            load.execute(partial(broken, things.connect, None, when), batch)
    assert (things.table(INCREMENTAL), things.history()) == ([], 0)


@both_levels
def test_concurrent_loads_of_the_same_keys_end_as_one_after_the_other(things: LoadTarget) -> None:
    batches = [
        things.batch(
            INCREMENTAL, [(key, f"2013-01-0{version} 00:00:00", DAY1, str(version), None) for key in range(50)]
        )
        for version in (1, 2, 3, 4)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda batch: load.execute(things.connect, batch), batches))
    assert things.rows("SELECT COUNT(*), COUNT(DISTINCT id), MIN(name) FROM core.things") in (
        [(50, 50, "4")],
        [[50, 50, "4"]],
    )
    assert things.history() == 4


@both_levels
def test_the_lock_keeps_a_key_from_being_loaded_twice(things: LoadTarget) -> None:
    written, staged = Event(), Event()

    def wait(_: Session) -> None:
        """Wait until the second load's stage is there."""
        staged.wait(30)

    def follow(_: Session) -> None:
        """Let the second load, whose stage is there, begin its transaction within the first's."""
        staged.set()
        written.wait(30)

    def hold(_: Session, __: int) -> tuple[()]:
        """Keep the first load's transaction open until the second has had the time to look at the table."""
        written.set()
        time.sleep(1)
        return ()

    with ThreadPoolExecutor(2) as pool:
        batch = things.batch(INCREMENTAL, [(key, f"{DAY1} 00:00:00", DAY1, "a", None) for key in range(50)])
        first = pool.submit(load.execute, things.connect, batch, [wait], [hold])
        second = pool.submit(load.execute, things.connect, batch, [follow])
        assert (first.result().counts.inserted, second.result().counts.unchanged) == (50, 50)
    assert things.rows("SELECT COUNT(*), COUNT(DISTINCT id) FROM core.things") == [(50, 50)]


@both_levels
def test_readers_of_a_full_refresh_never_see_it_empty_or_half_full(small: LoadTarget) -> None:
    small.load(REFRESHED, [(number, "old") for number in range(500)])
    seen: set[tuple[int, str]] = set()
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(
            small.load,
            REFRESHED,
            [(number, "new") for number in range(500)],
            extracted_at=datetime(2013, 1, 3, tzinfo=UTC),
        )
        while not loading.done():
            seen |= {tuple(row) for row in small.rows("SELECT COUNT(*), MIN(name) FROM core.small")}
        loading.result()
    assert seen
    assert seen <= {(500, "old"), (500, "new")}


def test_a_full_refresh_counts_what_changed_and_repeating_it_changes_nothing(small: LoadTarget) -> None:
    small.load(REFRESHED, [(1, "a"), (2, "b"), (3, "c")])
    rows = [(1, "a"), (2, "B"), (4, "d")]
    assert small.load(REFRESHED, rows).counts == model.Counts(inserted=1, updated=1, unchanged=1, deleted=1)
    assert small.load(REFRESHED, rows).counts == model.Counts(unchanged=3)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([], "0 rows where the table has 4", id="empty"),
        pytest.param([(1, "a")], "1 rows where the table has 4", id="suspiciously small"),
        pytest.param([(1, "a"), (1, "b"), (2, "c"), (3, "d")], "same key more than once", id="a key twice"),
    ],
)
def test_a_full_refresh_refuses_what_cannot_be_right(
    small: LoadTarget, rows: list[tuple[int, str]], message: str
) -> None:
    small.load(REFRESHED, [(number, "kept") for number in range(4)])
    with pytest.raises(SourceError, match=message):
        small.load(REFRESHED, rows)
    assert (len(small.table(REFRESHED)), small.history()) == (4, 1)


def test_a_full_refresh_that_read_its_source_earlier_than_the_last_changes_nothing(small: LoadTarget) -> None:
    small.load(REFRESHED, [(1, "new")], extracted_at=datetime(2013, 1, 5, tzinfo=UTC))
    result = small.load(REFRESHED, [(1, "old")], extracted_at=datetime(2013, 1, 4, tzinfo=UTC))
    assert result.counts == model.Counts(superseded=1)
    assert small.rows("SELECT name FROM core.small") == [("new",)]
