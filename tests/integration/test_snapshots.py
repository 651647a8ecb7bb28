"""Histories of type 2: from changes and from full copies, in any order of loads."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from redshift_etl.checks import run as checks
from redshift_etl.contracts import contract as contracts
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.warehouse import load, model
from tests.integration.batches import RUN, LoadTarget

pytestmark = pytest.mark.slow

START = datetime(2013, 1, 1, tzinfo=UTC)

CHANGES = contracts.parse("""/*
description: Prices, as they changed.
owner: us
load: snapshot
version: changed_at
deleted: deleted_at
retention: never
*/
CREATE TABLE core.prices (
    shop VARCHAR(5) NOT NULL, item INTEGER NOT NULL, price INTEGER, changed_at TIMESTAMP NOT NULL, deleted_at TIMESTAMP,
    valid_from TIMESTAMP NOT NULL, valid_to TIMESTAMP, current BOOLEAN NOT NULL, PRIMARY KEY (shop, item, valid_from)
)
SORTKEY (valid_from);""")

COPIES = contracts.parse("""/*
description: Staff, as it was in each copy.
owner: us
load: snapshot
may_shrink_to: 0.1
retention: never
*/
CREATE TABLE core.staff (
    id INTEGER NOT NULL, role VARCHAR(5), tags SUPER,
    valid_from TIMESTAMP NOT NULL, valid_to TIMESTAMP, current BOOLEAN NOT NULL, PRIMARY KEY (id, valid_from)
);""")


@pytest.fixture
def prices(target: LoadTarget) -> LoadTarget:
    target.create(CHANGES)
    return target


@pytest.fixture
def staff(target: LoadTarget) -> LoadTarget:
    target.create(COPIES)
    return target


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def change(hour: float, price: int | None, item: int = 1, deleted: bool = False) -> tuple[object, ...]:
    moment = at(hour).replace(tzinfo=None)
    return ("a", item, price, moment, moment if deleted else None)


def history(target: LoadTarget) -> list[tuple[object, ...]]:
    """Item, price, hours from and to, and whether it is the current one."""
    rows = target.rows("SELECT item, price, valid_from, valid_to, current FROM core.prices ORDER BY item, valid_from")
    return [(item, price, _hour(start), _hour(end), current) for item, price, start, end, current in rows]


def _hour(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - START.replace(tzinfo=None)).total_seconds() / 3600


def test_each_version_is_valid_until_the_next_one(prices: LoadTarget) -> None:
    prices.load(CHANGES, [change(1, 10), change(3, 30), change(2, 5, item=2)])
    assert history(prices) == [(1, 10, 1, 3, False), (1, 30, 3, None, True), (2, 5, 2, None, True)]


def test_a_late_change_splits_an_interval(prices: LoadTarget) -> None:
    prices.load(CHANGES, [change(1, 10), change(3, 30)])
    counts = prices.load(CHANGES, [change(2, 20)], extracted_at=at(48)).counts
    assert counts == model.Counts(inserted=1)
    assert history(prices) == [(1, 10, 1, 2, False), (1, 20, 2, 3, False), (1, 30, 3, None, True)]


def test_a_repeated_load_changes_nothing_and_a_corrected_version_takes_the_place_of_its_own(prices: LoadTarget) -> None:
    rows = [change(1, 10), change(3, 30)]
    prices.load(CHANGES, rows)
    assert prices.load(CHANGES, rows).counts == model.Counts(unchanged=2)
    assert prices.load(CHANGES, [change(1, 11)], extracted_at=at(48)).counts == model.Counts(updated=1)
    assert history(prices) == [(1, 11, 1, 3, False), (1, 30, 3, None, True)]


def test_a_deletion_is_a_state_from_its_time(prices: LoadTarget) -> None:
    prices.load(CHANGES, [change(1, 10)])
    assert prices.load(CHANGES, [change(2, 10, deleted=True)]).counts == model.Counts(inserted=1, marked_deleted=1)
    assert history(prices) == [(1, 10, 1, 2, False), (1, 10, 2, None, True)]
    assert prices.rows("SELECT COUNT(*) FROM core.prices WHERE current AND deleted_at IS NULL") == [(0,)]


def test_changes_in_any_order_and_split_end_in_the_same_history(prices: LoadTarget) -> None:
    chance = random.Random(11)
    rows = [change(chance.randint(1, 6), chance.randint(1, 3), item=chance.randint(1, 2)) for _ in range(14)]
    ends = []
    for _ in range(3):
        prices.run("DELETE FROM core.prices")
        chance.shuffle(rows)
        for part in (rows[:5], rows[5:], rows[:7]):
            prices.load(CHANGES, part)
        ends.append(history(prices))
    assert ends[0] == ends[1] == ends[2]


def test_the_end_of_an_interval_that_something_else_has_written_is_repaired(prices: LoadTarget) -> None:
    prices.run(
        "INSERT INTO core.prices (shop, item, price, changed_at, valid_from, valid_to, current) "
        "VALUES ('a', 1, 1, '2013-01-01 01:00', '2013-01-01 01:00', NULL, FALSE)"
    )
    prices.load(CHANGES, [change(3, 30)])
    assert history(prices) == [(1, 1, 1, 3, False), (1, 30, 3, None, True)]


def copy(target: LoadTarget, hour: float, rows: Mapping[int, str]) -> model.Counts:
    """Load a full copy that was read at an hour."""
    batch = target.batch(COPIES, [(key, role, '["x"]') for key, role in rows.items()], extracted_at=at(hour))
    audit = checks.of(target.connect, COPIES, RUN, batch.window)
    return load.execute(target.connect, batch, [audit.stage], [audit.result]).counts


def roles(target: LoadTarget) -> list[tuple[object, ...]]:
    rows = target.rows("SELECT id, role, valid_from, valid_to, current FROM core.staff ORDER BY id, valid_from")
    return [(key, role, _hour(start), _hour(end), current) for key, role, start, end, current in rows]


def test_a_state_is_valid_from_the_copy_that_has_it_first(staff: LoadTarget) -> None:
    copy(staff, 1, {1: "cook", 2: "maid"})
    assert copy(staff, 2, {1: "cook", 2: "chef", 3: "new"}) == model.Counts(inserted=2, updated=1, unchanged=1)
    assert roles(staff) == [
        (1, "cook", 1, None, True), (2, "maid", 1, 2, False), (2, "chef", 2, None, True), (3, "new", 2, None, True),
    ]  # fmt: skip


def test_a_key_that_a_copy_lacks_ends_there_and_may_come_back(staff: LoadTarget) -> None:
    copy(staff, 1, {1: "cook", 2: "maid"})
    assert copy(staff, 2, {1: "cook"}) == model.Counts(updated=1, unchanged=1, marked_deleted=1)
    copy(staff, 3, {1: "cook", 2: "maid"})
    assert roles(staff) == [(1, "cook", 1, None, True), (2, "maid", 1, 2, False), (2, "maid", 3, None, True)]


def test_a_repeated_copy_changes_nothing(staff: LoadTarget) -> None:
    copy(staff, 1, {1: "cook"})
    copy(staff, 2, {1: "chef"})
    before = roles(staff)
    assert copy(staff, 1, {1: "cook"}) == model.Counts(unchanged=1)
    assert roles(staff) == before


def test_a_copy_that_has_lost_most_keys_or_has_one_twice_is_refused(staff: LoadTarget) -> None:
    copy(staff, 1, dict.fromkeys(range(20), "cook"))
    for rows in ({}, {1: "cook"}):
        with pytest.raises(SourceError, match="where the one before has 20"):
            copy(staff, 2, rows)
    with pytest.raises(SourceError, match="more than once"):
        staff.load(COPIES, [(1, "a", None), (1, "b", None)], extracted_at=at(2))
    assert len(roles(staff)) == 20


def intervals(copies: Sequence[tuple[int, Mapping[int, str]]]) -> list[tuple[object, ...]]:
    """The history that the copies give in the order of their reading, computed row by row."""
    rows: list[list[object]] = []
    standing: dict[int, list[object]] = {}
    for hour, state in sorted(copies, key=lambda it: it[0]):
        for key in set(standing) | set(state):
            row = standing.get(key)
            if row and row[1] == state.get(key):
                continue
            if row:
                row[3], row[4] = float(hour), False
                del standing[key]
            if key in state:
                standing[key] = [key, state[key], float(hour), None, True]
                rows.append(standing[key])
    return sorted((tuple(row) for row in rows), key=lambda row: (row[0], row[2]))


@pytest.mark.parametrize("seed", range(6))
def test_copies_in_any_order_give_the_history_of_their_reading(staff: LoadTarget, seed: int) -> None:
    chance = random.Random(seed)
    copies = [
        (hour, {key: chance.choice("ab") for key in range(1, 8) if chance.random() < 0.7} | {0: "z"})
        for hour in range(1, 7)
    ]
    expected = intervals(copies)
    chance.shuffle(copies)
    for hour, rows in (*copies, copies[0]):
        copy(staff, hour, rows)
    assert roles(staff) == expected


def test_the_columns_of_a_key_may_have_the_names_that_the_statements_give(target: LoadTarget) -> None:
    names = ("in_copy", "before_from", "before_to", "after_from", "after_to", "same_before", "same_after", "following")
    declared = ", ".join(f"{name} VARCHAR(3) NOT NULL" for name in names)
    contract = contracts.parse(
        "/*\ndescription: d\nowner: us\nload: snapshot\nretention: never\n*/\n"
        f"CREATE TABLE core.named ({declared}, state INTEGER, valid_from TIMESTAMP NOT NULL, valid_to TIMESTAMP, "
        f"current BOOLEAN NOT NULL, PRIMARY KEY ({', '.join(names)}, valid_from))"
    )
    target.create(contract)
    for hour in (1, 3, 2):
        target.load(contract, [("k",) * len(names) + (hour,)], extracted_at=at(hour))
    assert target.rows("SELECT state, current FROM core.named ORDER BY valid_from") == [
        (1, False),
        (2, False),
        (3, True),
    ]


SNAPSHOT = """/*
description: d
owner: us
load: snapshot
{keys}retention: never
*/
CREATE TABLE core.t (id INTEGER NOT NULL, at TIMESTAMP NOT NULL, gone TIMESTAMP, name VARCHAR(5),
    valid_from TIMESTAMP NOT NULL, valid_to TIMESTAMP, current BOOLEAN NOT NULL, PRIMARY KEY ({key}))"""


@pytest.mark.parametrize(
    ("keys", "key", "message"),
    [
        ("", "id", "source's key and valid_from"),
        ("", "valid_from", "source's key and valid_from"),
        ("day: at\n", "id, valid_from", "has no `day`"),
        ("version: name\n", "id, valid_from", "is a time of the source's|a version is a time"),
        ("lookback: 1 hour\n", "id, valid_from", "needs a `version`"),
        ("settle: 1 hour\n", "id, valid_from", "`settle` is for a table that is loaded by append"),
    ],
)
def test_a_snapshot_that_does_not_hold_together_is_refused(keys: str, key: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contracts.parse(SNAPSHOT.format(keys=keys, key=key))


def test_a_proof_that_fails_writes_nothing(staff: LoadTarget) -> None:
    copy(staff, 1, {1: "cook"})
    staff.run("INSERT INTO core.staff VALUES (1, 'x', NULL, '2012-01-01', '2014-01-01', FALSE)")
    with pytest.raises(ConfigError, match="would overlap"):
        copy(staff, 2, {1: "chef"})
    assert [row[1] for row in roles(staff)] == ["x", "cook"]
