"""Which of two states of a row stands: the newer version, and of equal versions the one that was read later."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redshift_etl.checks import run as checks
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.warehouse import load, migrate, model
from redshift_etl.warehouse.history import LoadRecord
from tests.integration.batches import INCREMENTAL, RUN, LoadTarget

pytestmark = pytest.mark.slow

DAY1, DAY2 = "2013-01-01", "2013-01-02"
START = datetime(2013, 1, 2, tzinfo=UTC)


@pytest.fixture
def things(target: LoadTarget) -> LoadTarget:
    target.create(INCREMENTAL)
    return target


def read_at(minute: int) -> datetime:
    """A moment at which the source was read."""
    return START + timedelta(minutes=minute)


def audited(target: LoadTarget, contract: Contract, rows: Sequence[Sequence[object]], minute: int) -> LoadRecord:
    """A load with its checks."""
    batch = target.batch(contract, rows, extracted_at=read_at(minute))
    audit = checks.of(target.connect, contract, RUN, batch.window)
    return load.execute(target.connect, batch, [audit.stage], [audit.result])


def verdicts(target: LoadTarget, check: str) -> list[tuple[Any, ...]]:
    """What became of a check, oldest first: outcome and failing rows."""
    return target.rows(
        f"SELECT outcome, failing_rows FROM etl.check_results WHERE check_name = '{check}' ORDER BY checked_at"
    )


@pytest.mark.parametrize(("before", "after"), [("first", "a"), ("z", None), ("", "z"), (None, "a")])
def test_of_two_states_of_a_version_the_one_that_was_read_later_stands_in_either_order(
    things: LoadTarget, before: str | None, after: str | None
) -> None:
    for key, minutes in ((1, (1, 2)), (2, (2, 1))):
        for minute in minutes:
            row = (key, DAY1, DAY1, before if minute == 1 else after, None)
            things.load(INCREMENTAL, [row], extracted_at=read_at(minute))
    assert things.rows("SELECT name FROM core.things") == [(after,), (after,)]


def test_any_order_of_loads_that_read_at_different_times_ends_in_the_same_table(things: LoadTarget) -> None:
    chance = random.Random(20130102)
    batches = [
        (
            minute,
            [
                (key, f"2013-01-0{chance.randint(1, 2)} 00:00:00", DAY1, chance.choice(["a", "b", None]), None)
                for key in range(4)
            ],
        )
        for minute in range(4)
    ]
    ends = []
    for _ in range(3):
        things.run("DELETE FROM core.things")
        chance.shuffle(batches)
        for minute, rows in (*batches, batches[0]):
            things.load(INCREMENTAL, rows, extracted_at=read_at(minute))
        ends.append(things.rows("SELECT id, version, name, _extracted_at FROM core.things ORDER BY id"))
    assert ends[0] == ends[1] == ends[2]


def test_an_unchanged_row_that_is_read_again_is_not_replaced_by_a_state_read_in_between(things: LoadTarget) -> None:
    row = (1, DAY1, DAY1, "a", None)
    things.load(INCREMENTAL, [row], extracted_at=read_at(1))
    assert things.load(INCREMENTAL, [row], extracted_at=read_at(3)).counts == model.Counts(unchanged=1)
    things.load(INCREMENTAL, [(1, DAY1, DAY1, "b", None)], extracted_at=read_at(2))
    assert things.rows("SELECT name FROM core.things") == [("a",)]


def test_a_row_of_a_load_without_read_times_gives_way_to_one_that_has_it(things: LoadTarget) -> None:
    things.run(f"INSERT INTO core.things (id, version, name) VALUES (1, '{DAY1}', 'z')")
    things.load(INCREMENTAL, [(1, DAY1, DAY1, "a", None)], extracted_at=read_at(1))
    assert things.rows("SELECT name FROM core.things") == [("a",)]


def test_the_column_of_the_read_time_is_added_to_a_table_of_before(target: LoadTarget) -> None:
    migrate.ensure(target.connect, "core.flights")
    target.run("ALTER TABLE core.flights DROP COLUMN _extracted_at")
    migrate.ensure(target.connect, "core.flights")
    assert target.rows("SELECT COUNT(_extracted_at) FROM core.flights") == [(0,)]


def test_rows_that_change_without_a_new_version_are_loaded_and_counted(
    things: LoadTarget, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [(key, DAY1, DAY1, "a", None) for key in range(3)]
    audited(things, INCREMENTAL, rows, 1)
    changed = [(0, DAY1, DAY1, "b", None), (1, DAY2, DAY1, "b", None), (2, DAY1, DAY1, "a", DAY2)]
    assert audited(things, INCREMENTAL, changed, 2).counts == model.Counts(updated=3, marked_deleted=1)
    assert verdicts(things, "changed_without_version") == [("passed", 0), ("warned", 2)]
    assert "changed_without_version, 2 rows, e.g. id=" in caplog.text
    assert verdicts(things, "in_a_window") == [], "nobody counted the rows of the source"
    failures = "SELECT row_key, reason FROM etl.check_failures WHERE check_name = 'changed_without_version' ORDER BY 1"
    assert things.rows(failures) == [
        ("id=0", "the row has changed and version has not"), ("id=2", "the row has changed and version has not")
    ]  # fmt: skip


def test_a_change_without_a_new_version_makes_the_marts_of_its_day_stale(things: LoadTarget) -> None:
    things.load(INCREMENTAL, [(1, DAY1, DAY2, "a", None)], extracted_at=read_at(1))
    things.run("DELETE FROM etl.touched_days")
    things.load(INCREMENTAL, [(1, DAY1, DAY2, "b", None)], extracted_at=read_at(2))
    days = things.rows("SELECT DISTINCT day FROM etl.touched_days ORDER BY day")
    assert [str(day) for (day,) in days] == [DAY1, DAY2]


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("BIGINT", 9, 10), ("DOUBLE PRECISION", 1.5, 1e3), ("DECIMAL(12,3)", 99.5, 100), ("DATE", DAY1, DAY2),
        ("TIMESTAMPTZ", "2013-01-01 12:00:00+09", "2013-01-01 04:00:00+00"),
    ],
)  # fmt: skip
def test_a_version_is_a_number_or_a_time(target: LoadTarget, kind: str, old: object, new: object) -> None:
    contract = contracts.parse(
        "/*\ndescription: d\nowner: us\nload: incremental\nversion: v\nfresh_within: 26 hours\nretention: never\n*/\n"
        f"CREATE TABLE core.numbered (id BIGINT NOT NULL, v {kind} NOT NULL, name VARCHAR(5), PRIMARY KEY (id))"
    )
    target.create(contract)
    audited(target, contract, [(1, new, "new"), (2, old, "old")], 1)
    assert audited(target, contract, [(1, old, "old"), (2, new, "new")], 2).counts == model.Counts(
        updated=1, superseded=1
    )
    assert target.rows("SELECT id, name FROM core.numbered ORDER BY id") == [(1, "new"), (2, "new")]


def test_columns_may_have_the_names_that_the_statements_give(target: LoadTarget) -> None:
    names = ("place", "known", "same", "renewed", "before", "from_target", "known_version", "unversioned", "outcome")
    contract = contracts.parse(
        "/*\ndescription: d\nowner: us\nload: incremental\nversion: tie\nday: day\nretention: never\n*/\n"
        "CREATE TABLE core.named (id BIGINT NOT NULL, tie TIMESTAMP NOT NULL, day DATE, "
        + "".join(f"{name} VARCHAR(3), " for name in names)
        + "_place INTEGER, PRIMARY KEY (id))"
    )
    target.create(contract)
    for minute, version in enumerate((DAY1, DAY2, DAY1)):
        audited(target, contract, [(1, version, DAY1, *[f"{minute}"] * len(names), minute)], minute)
    assert target.rows("SELECT outcome, place, _place FROM core.named") == [("1", "1", 1)]
