"""Loads that replace the rows of their window: `append` by a time, `partition` by days."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.errors import SourceError
from redshift_etl.warehouse import model
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.sql.replace_sql import without
from redshift_etl.window import Window
from tests.integration.batches import LoadTarget

START = datetime(2013, 1, 1, tzinfo=UTC)

EVENTS = contracts.parse("""/*
description: Clicks.
owner: us
load: append
time: at
day: at
retention: never
*/
CREATE TABLE core.events (at TIMESTAMP NOT NULL, page VARCHAR(20)) DISTSTYLE EVEN SORTKEY (at);""")

ORDERS = contracts.parse("""/*
description: Orders by day.
owner: us
load: partition
day: ordered_on
may_shrink_to: 0
retention: never
*/
CREATE TABLE core.orders (id BIGINT NOT NULL, ordered_on DATE, state VARCHAR(10), PRIMARY KEY (id));""")


@pytest.fixture
def events(target: LoadTarget) -> LoadTarget:
    target.create(EVENTS)
    return target


@pytest.fixture
def orders(target: LoadTarget) -> LoadTarget:
    target.create(ORDERS)
    return target


def hours(first: float, last: float) -> Window:
    return Window(START + timedelta(hours=first), START + timedelta(hours=last))


def days(first: int, last: int) -> Window:
    return hours(24 * (first - 1), 24 * (last - 1))


def append(target: LoadTarget, window: Window, rows: Sequence[Sequence[object]], read_at: float = 0) -> LoadRecord:
    """Load events of a window, read so many minutes after the first of January."""
    return target.load(EVENTS, rows, window=window, extracted_at=START + timedelta(minutes=read_at))


def pages(target: LoadTarget) -> list[str]:
    return [page for (page,) in target.rows("SELECT page FROM core.events ORDER BY at, page")]


def test_a_repeated_append_neither_doubles_nor_loses(events: LoadTarget) -> None:
    rows = [("2013-01-01 00:10", "a"), ("2013-01-01 00:10", "a"), ("2013-01-01 00:20", "")]
    append(events, hours(0, 1), rows)
    again = append(events, hours(0, 1), rows)
    assert again.counts == model.Counts(inserted=3, deleted=3)
    append(events, hours(1, 2), [("2013-01-01 01:00", "b")])
    assert pages(events) == ["a", "a", "", "b"]


def test_an_append_takes_up_what_came_late_and_what_was_corrected(events: LoadTarget) -> None:
    append(events, hours(0, 1), [("2013-01-01 00:10", "z")])
    append(events, hours(0, 1), [("2013-01-01 00:10", "a"), ("2013-01-01 00:30", "late")], read_at=5)
    assert pages(events) == ["a", "late"]


def test_a_row_outside_the_window_is_refused_with_the_column_to_select_by(events: LoadTarget) -> None:
    with pytest.raises(SourceError, match="1 rows of the batch are outside its window") as error:
        append(events, hours(0, 1), [("2013-01-01 00:10", "a"), ("2013-01-01 01:00", "b")])
    assert error.value.where["column"] == "at"
    assert "WHERE at >= %(start)s AND at < %(end)s" in str(error.value)
    assert (pages(events), events.history()) == ([], 0)


def test_a_batch_that_has_lost_most_rows_of_its_window_is_refused(events: LoadTarget) -> None:
    append(events, hours(0, 1), [("2013-01-01 00:10", "a"), ("2013-01-01 00:20", "b"), ("2013-01-01 00:30", "c")])
    with pytest.raises(SourceError, match="The batch has 0 rows where the table has 3 of the window"):
        append(events, hours(0, 1), [], read_at=5)
    assert pages(events) == ["a", "b", "c"]


def test_a_batch_that_was_read_earlier_replaces_only_what_no_later_one_has(events: LoadTarget) -> None:
    append(events, hours(1, 2), [("2013-01-01 01:10", "new")], read_at=9)
    counts = append(
        events, hours(0, 3),
        [("2013-01-01 00:10", "a"), ("2013-01-01 01:10", "old"), ("2013-01-01 02:10", "c")], read_at=5,
    ).counts  # fmt: skip
    assert counts == model.Counts(inserted=2, superseded=1)
    assert pages(events) == ["a", "new", "c"]


@pytest.mark.slow
def test_appends_in_any_order_end_in_the_same_table(events: LoadTarget) -> None:
    chance, loads = random.Random(7), []
    for read, (first, last) in enumerate(((0, 4), (1, 2), (3, 6), (2, 5)), 1):
        rows = [(f"2013-01-01 0{hour}:30", f"{read}") for hour in range(first, last)]
        loads.append((hours(first, last), rows, read))
    ends = []
    for _ in range(4):
        events.run("DELETE FROM core.events")
        events.run("DELETE FROM etl.load_history")
        chance.shuffle(loads)
        for window, rows, minute in (*loads, loads[0]):
            append(events, window, rows, minute)
        ends.append(pages(events))
    assert ends == [["1", "2", "4", "4", "4", "3"]] * 4


def test_the_days_of_replaced_and_new_rows_and_of_the_window_are_touched(events: LoadTarget) -> None:
    append(events, days(1, 4), [("2013-01-01 10:00", "a"), ("2013-01-02 10:00", "b")])
    touched = events.rows("SELECT DISTINCT day FROM etl.touched_days ORDER BY day")
    assert [day for (day,) in touched] == [date(2013, 1, day) for day in (1, 2, 3)]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
def test_the_time_of_an_append_has_any_type_of_time(target: LoadTarget, kind: str) -> None:
    contract = contracts.parse(
        "/*\ndescription: d\nowner: us\nload: append\ntime: at\nretention: never\n*/\n"
        f"CREATE TABLE core.timed (at {kind} NOT NULL, n INTEGER)"
    )
    target.create(contract)
    suffix = {"DATE": "", "TIMESTAMP": " 00:00", "TIMESTAMPTZ": " 09:00+09"}[kind]
    for _ in range(2):
        target.load(contract, [(f"2013-01-01{suffix}", 1)], window=days(1, 2))
    with pytest.raises(SourceError, match="outside its window"):
        target.load(contract, [(f"2013-01-02{suffix}", 2)], window=days(1, 2))
    assert target.rows("SELECT n FROM core.timed") == [(1,)]


def partition(target: LoadTarget, window: Window, rows: Sequence[Sequence[object]], read_at: float = 0) -> LoadRecord:
    """Load orders of whole days."""
    return target.load(ORDERS, rows, window=window, extracted_at=START + timedelta(minutes=read_at))


def states(target: LoadTarget) -> list[tuple[object, ...]]:
    return target.rows("SELECT id, state FROM core.orders ORDER BY id")


def test_a_partition_drops_what_the_source_no_longer_has_and_takes_any_change(orders: LoadTarget) -> None:
    partition(orders, days(1, 2), [(1, "2013-01-01", "z"), (2, "2013-01-01", "b")])
    partition(orders, days(2, 3), [(3, "2013-01-02", "other")])
    partition(orders, days(1, 2), [(1, "2013-01-01", "a")], read_at=5)
    assert states(orders) == [(1, "a"), (3, "other")]


def test_a_day_that_became_empty_is_emptied_when_the_contract_allows_it(orders: LoadTarget) -> None:
    partition(orders, days(1, 3), [(1, "2013-01-01", "a"), (2, "2013-01-02", "b")])
    partition(orders, days(1, 2), [], read_at=5)
    assert states(orders) == [(2, "b")]
    with pytest.raises(SourceError, match="The batch has 0 rows where the table has 1"):
        orders.load(replace(ORDERS, may_shrink_to=0.5), [], window=days(2, 3), extracted_at=START + timedelta(hours=1))


def test_a_row_of_another_day_is_refused(orders: LoadTarget) -> None:
    for day, message in (("2013-01-02", "outside its window"), (None, "in no window: their ordered_on is NULL")):
        with pytest.raises(SourceError, match=message):
            partition(orders, days(1, 2), [(1, day, "a")])
    assert states(orders) == []


def test_a_key_that_moved_to_another_day_is_named_with_the_window_to_load(orders: LoadTarget) -> None:
    partition(orders, days(1, 2), [(1, "2013-01-01", "a")])
    with pytest.raises(SourceError, match="in another window of the table"):
        partition(orders, days(2, 3), [(1, "2013-01-02", "a")], read_at=5)
    partition(orders, days(1, 3), [(1, "2013-01-02", "a")], read_at=6)
    assert states(orders) == [(1, "a")]


@pytest.mark.parametrize(
    ("others", "parts"),
    [
        ([], [(0, 6)]),
        ([(0, 6)], []),
        ([(2, 3)], [(0, 2), (3, 6)]),
        ([(-1, 1), (5, 9)], [(1, 5)]),
        ([(4, 5), (1, 2), (1, 3)], [(0, 1), (3, 4), (5, 6)]),
    ],
)
def test_parts_of_a_window_are_what_no_other_has(others: list[tuple[int, int]], parts: list[tuple[int, int]]) -> None:
    assert without(hours(0, 6), [hours(*it) for it in others]) == tuple(hours(*it) for it in parts)
