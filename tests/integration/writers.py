"""One writer of each kind, for the tests of locks and of lost connections, and the warehouse that they write to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from redshift_etl.backfill import actions, history, shadow_table
from redshift_etl.backfill.request import Request
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.mart import parse_mart
from redshift_etl.marts import build as marts
from redshift_etl.retention import rows as retention
from redshift_etl.warehouse import load, migrate, retry
from redshift_etl.warehouse.model import Run
from tests.integration.batches import REFRESHED, RUN, LoadTarget
from tests.integration.operations import repository

DAY1, DAY2, DAY3 = "2013-01-01", "2013-01-02", "2013-01-03"
THINGS = """/*
description: Things.
owner: us
load: incremental
version: version
day: day
retention: 30 days on version
*/
CREATE TABLE core.things (id BIGINT NOT NULL, version TIMESTAMP NOT NULL, day DATE, name VARCHAR(5), PRIMARY KEY (id));
"""
MART = contracts.parse("""/*
description: Things a day.
owner: us
load: partition
day: day
retention: never
*/
CREATE TABLE mart.things_a_day (day DATE NOT NULL, things INTEGER NOT NULL, PRIMARY KEY (day));""")
SELECT = """/*
inputs: [core.things]
*/
SELECT day, COUNT(*) FROM core.things WHERE day IN (:days) GROUP BY day"""
SWAP_RUN = Run("backfill_table", "manual 2", "finish", 1)

Connect = Callable[[], Any]
Write = Callable[[Connect], object]


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[contracts.Contract]:
    """The contract of ``core.things``, in a repository of its own."""
    repository(tmp_path / "sql", monkeypatch, {"tables/core/things.sql": THINGS})
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.01)
    yield contracts.load("core.things")
    contracts.load.cache_clear()


@pytest.fixture
def of_one_level(target: LoadTarget, things: contracts.Contract) -> LoadTarget:
    """The same, for what does not depend on the level."""
    return filled(target, things)


def filled(target: LoadTarget, things: contracts.Contract) -> LoadTarget:
    migrate.ensure(target.connect, things.table)
    migrate.ensure(target.connect, history.TABLE)
    target.load(things, [(n, DAY2, DAY2, "old") for n in range(3)])
    return target


def upsert(target: LoadTarget) -> Write:
    batch = target.batch(contracts.load("core.things"), [(n, DAY3, DAY3, "new") for n in range(6)])
    return lambda connect: load.execute(connect, batch)


def refresh(target: LoadTarget) -> Write:
    target.create(REFRESHED)
    target.load(REFRESHED, [(n, "old") for n in range(3)])
    changes = {"extracted_at": datetime(2013, 1, 3, tzinfo=UTC)}
    batch = target.batch(REFRESHED, [(n, "new") for n in range(6)], **changes)
    return lambda connect: load.execute(connect, batch)


def build(target: LoadTarget) -> Write:
    target.create(MART)
    mart = parse_mart(MART, SELECT, Path("things_a_day.sql"))
    return lambda connect: marts.build(connect, mart, [date(2013, 1, 2)], RUN)


def expire(target: LoadTarget) -> Write:
    migrate.ensure(target.connect, retention.HISTORY)
    plan = retention.plan(target.connect, contracts.load("core.things"), datetime(2013, 3, 1, tzinfo=UTC))
    assert plan
    prefix = f"s3://{target.server.bucket}/{target.database.database}/archive"
    archive = retention.Archive(prefix, target.server.iam_role, lambda _: 3)
    return lambda connect: retention.run(connect, plan, archive, RUN)


def swap(target: LoadTarget) -> Write:
    contract = contracts.load("core.things")
    shadow = shadow_table.create(target.connect, contract, "staged")
    target.load(shadow, [(n, DAY2, DAY2, "swap") for n in range(6)])
    staged = "('staged', 'core.things', 'stage', '2013-01-02', '2013-01-02', 'r', 'ada', 'compared', 1, 'manual 1'"
    found = '{"shadow_rows": 9, "new": 9, "changed": 9}'
    target.run(f"INSERT INTO etl.backfill_history VALUES {staged}, '2013-01-02', NULL, '{found}', NULL)")
    request = Request("swap", contract, "things", date(2013, 1, 2), date(2013, 1, 2), "right", "staged", False, 31)
    return lambda connect: actions.finish(connect, request, SWAP_RUN, "ada")


WRITES: dict[str, tuple[Callable[[LoadTarget], Write], str, set[tuple[int, Any]]]] = {
    "upsert": (upsert, "core.things", {(3, "old"), (6, "new")}),
    "refresh": (refresh, "core.small", {(3, "old"), (6, "new")}),
    "mart": (build, "mart.things_a_day", {(0, None), (1, DAY2)}),
    "retention": (expire, "core.things", {(3, "old"), (0, None)}),
    "swap": (swap, "core.things", {(3, "old"), (6, "swap")}),
}


def renamed(contract: contracts.Contract, number: int) -> tuple[str, ...]:
    """The statements of the same table under another name."""
    return tuple(text.replace(contract.table, f"{contract.table}{number}") for text in contract.statements)
