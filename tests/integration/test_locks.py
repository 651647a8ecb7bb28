"""Writers of a table follow each other, its readers never wait, and writers of other tables wait only at the end.

What depends on it is tested at both isolation levels of a cluster: SNAPSHOT, the default of new ones, and SERIALIZABLE.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from local_redshift.testing.pytest_plugin import beside
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.mart import parse_mart
from redshift_etl.errors import ConfigError
from redshift_etl.marts import build as marts
from redshift_etl.warehouse import load, locks, migrate
from redshift_etl.warehouse.model import Counts
from redshift_etl.warehouse.session import Session
from redshift_etl.warehouse.statement import Statement
from tests.integration.batches import INCREMENTAL, REFRESHED, RUN, LoadTarget
from tests.integration.connections import Meeting, Observed, cut
from tests.integration.writers import (
    DAY1,
    DAY3,
    MART,
    SELECT,
    WRITES,
    build,
    filled,
    of_one_level,
    renamed,
    swap,
    things,
    upsert,
)

pytestmark = pytest.mark.slow

__all__ = ["of_one_level", "things"]

TIMEOUT_MS = 4000


@pytest.fixture(scope="module", params=["SNAPSHOT", "SERIALIZABLE"])
def server(request: pytest.FixtureRequest, redshift_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A local Redshift of an isolation level."""
    with beside(redshift_server, tmp_path_factory.mktemp("redshift"), isolation=request.param) as server:
        yield server


@pytest.fixture
def warehouse(server: Any, with_bookkeeping: str, things: contracts.Contract) -> Iterator[LoadTarget]:
    """A warehouse of each level, with three rows in ``core.things`` and a backfill history."""
    name = server.new_database(with_bookkeeping)
    yield filled(LoadTarget(server, server.connection(name), server.s3), things)
    server.drop_database(name)


@contextmanager
def reading(target: LoadTarget, table: str) -> Iterator[list[tuple[int, Any]]]:
    """A reader that polls the table, with a short timeout; what it has seen."""
    seen: list[tuple[int, Any]] = []
    over = Event()
    column = "day" if table == MART.table else "name"

    def poll() -> None:
        """Until the writer is done."""
        connection = target.connect()
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"SET statement_timeout TO {TIMEOUT_MS}")
        while not over.is_set():
            cursor.execute(f"SELECT COUNT(*), CAST(MAX({column}) AS VARCHAR(10)) FROM {table}")
            rows, newest = cursor.fetchone()
            seen.append((rows, newest))
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(poll)
        try:
            yield seen
        finally:
            over.set()
        polling.result()


@pytest.mark.parametrize("kind", WRITES)
def test_a_reader_never_waits_for_a_writer_and_never_sees_half(warehouse: LoadTarget, kind: str) -> None:
    prepare, table, states = WRITES[kind]
    write = prepare(warehouse)
    with reading(warehouse, table) as seen:

        def hold() -> None:
            """Keep the transaction open, all of it written, until the reader has read again, or has given up."""
            until, enough = time.monotonic() + TIMEOUT_MS / 1000 + 2, len(seen) + 3
            while len(seen) < enough and time.monotonic() < until:
                time.sleep(0.01)

        write(lambda: Observed(warehouse.connect(), [], hold))
    assert set(seen) <= states
    assert len(seen) > 2


@pytest.mark.parametrize("kind", WRITES)
def test_a_writer_locks_its_lock_table_first_and_writes_shared_tables_last(of_one_level: LoadTarget, kind: str) -> None:
    prepare, table, _ = WRITES[kind]
    write = prepare(of_one_level)
    transactions: list[list[str]] = []
    write(lambda: Observed(of_one_level.connect(), transactions))
    statements = [sql for sent in transactions for sql in sent if sql.startswith("LOCK")]
    schema, name = table.split(".")
    assert statements == [f'LOCK TABLE "etl_lock"."{schema}__{name}"']
    (writing,) = [sent for sent in transactions if sent[0].startswith("LOCK")]
    shared = [bool(re.match(r'(INSERT INTO|DELETE FROM|UPDATE) "?etl"?\.', sql)) for sql in writing]
    assert any(shared)
    assert all(shared[shared.index(True) :]), writing[shared.index(True) :]


def test_a_load_that_stops_before_its_history_row_holds_up_no_load_of_another_table(warehouse: LoadTarget) -> None:
    release, reached = Event(), Event()

    def stop(_: Session, __: int) -> list[Statement]:
        """Wait with everything written but what all loads write."""
        reached.set()
        release.wait(60)
        return []

    batches = []
    for number in range(4):
        things = replace(INCREMENTAL, table=f"core.things{number}", statements=renamed(INCREMENTAL, number))
        small = replace(REFRESHED, table=f"core.small{number}", statements=renamed(REFRESHED, number))
        for contract, row in ((things, (1, DAY1, DAY1, "a", None)), (small, (1, "a"))):
            warehouse.create(contract)
            batches.append(warehouse.batch(contract, [row]))
    before = warehouse.history()
    with ThreadPoolExecutor(8) as pool:
        stopped = pool.submit(load.execute, warehouse.connect, batches[0], [], [stop])
        try:
            assert reached.wait(30)
            others = [pool.submit(load.execute, warehouse.connect, batch) for batch in batches[1:]]
            assert [other.result(timeout=60).counts.inserted for other in others] == [1] * 7
            assert warehouse.history() == before + 7
        finally:
            release.set()
        assert stopped.result().counts.inserted == 1


@pytest.mark.parametrize("newest", ["first", "second"])
def test_of_two_full_refreshes_at_once_both_commit_and_the_newest_file_stays(
    warehouse: LoadTarget, newest: str
) -> None:
    warehouse.create(REFRESHED)
    warehouse.load(REFRESHED, [(1, "old")], extracted_at=datetime(2013, 1, 3, tzinfo=UTC))
    days, meeting = (5, 4) if newest == "first" else (4, 5), Meeting(warehouse.connect)
    first, second = (
        warehouse.batch(REFRESHED, [(1, name), (2, name)], extracted_at=datetime(2013, 1, day, tzinfo=UTC))
        for name, day in zip(("first", "second"), days, strict=True)
    )
    before = warehouse.history()
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(load.execute, warehouse.connect, first, [], [meeting.hold])
        assert meeting.reached.wait(30)
        following = pool.submit(load.execute, meeting.second, second)
        assert loading.result(60).counts == Counts(inserted=1, updated=1)
        assert following.result(60).counts == (Counts(superseded=2) if newest == "first" else Counts(updated=2))
    assert warehouse.rows("SELECT id, name FROM core.small ORDER BY id") == [(1, newest), (2, newest)]
    assert warehouse.history() == before + 2


def test_a_load_that_commits_while_a_swap_waits_leaves_no_key_twice(warehouse: LoadTarget) -> None:
    write, meeting = swap(warehouse), Meeting(warehouse.connect)
    batch = warehouse.batch(contracts.load("core.things"), [(5, DAY3, DAY3, "new")])
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(load.execute, warehouse.connect, batch, [], [meeting.hold])
        assert meeting.reached.wait(30)
        swapping = pool.submit(write, meeting.second)
        loading.result()
        swapping.result()
    rows = warehouse.rows("SELECT id, name FROM core.things ORDER BY id")
    assert rows == [(0, "swap"), (1, "swap"), (2, "swap"), (3, "swap"), (4, "swap"), (5, "new")]


def test_a_swap_that_would_leave_a_key_twice_is_refused(of_one_level: LoadTarget) -> None:
    write = swap(of_one_level)
    for _ in range(2):
        of_one_level.run(f"INSERT INTO core.things VALUES (4, '{DAY3}', '{DAY3}', 'twice')")
    with pytest.raises(ConfigError, match=r"The table has the same key more than once"):
        write(of_one_level.connect)
    assert of_one_level.rows("SELECT COUNT(*) FROM core.things WHERE name = 'swap'") == [(0,)]


@pytest.mark.parametrize("kind", ["mart", "swap", "retention"])
def test_a_connection_lost_before_or_after_the_commit_is_made_good(of_one_level: LoadTarget, kind: str) -> None:
    prepare, table, states = WRITES[kind]
    write = prepare(of_one_level)

    def connect() -> Observed:
        """A connection whose first two transactions that write are cut: one before its COMMIT, one after it."""
        connection = of_one_level.connect()

        def before() -> None:
            """Lose the first."""
            if not lost:
                lost.append("before")
                cut(connection)

        def after(_: Any) -> None:
            """Lose the acknowledgement of the second."""
            if lost == ["before"]:
                lost.append("after")
                cut(connection)
                connection.commit()

        return Observed(connection, [], before, after)

    lost: list[str] = []
    write(connect)
    assert lost == ["before", "after"]
    column = "day" if table == MART.table else "name"
    (row,) = of_one_level.rows(f"SELECT COUNT(*), CAST(MAX({column}) AS VARCHAR(10)) FROM {table}")
    assert row in states
    assert row[1] != "old"


def test_two_marts_that_are_built_at_once_are_both_recorded(warehouse: LoadTarget) -> None:
    write = build(warehouse)
    other = replace(MART, table="mart.things_a_day2", statements=renamed(MART, 2))
    warehouse.create(other)
    mart = parse_mart(other, SELECT, Path("things_a_day2.sql"))
    day = date(2013, 1, 2)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(write, warehouse.connect)
        two = pool.submit(marts.build, warehouse.connect, mart, [day], RUN)
        assert one.result() == two.result() == {"2013-01-02": 1}
    inputs = warehouse.rows("SELECT mart_name, touches FROM etl.mart_inputs ORDER BY mart_name")
    assert [name for name, _ in inputs] == ["mart.things_a_day", "mart.things_a_day2"]


def test_tables_of_a_warehouse_that_is_older_than_the_lock_tables_get_theirs(of_one_level: LoadTarget) -> None:
    of_one_level.run(f"DROP TABLE {locks.lock_table('core.things')}")
    migrate.ensure(of_one_level.connect, "core.things")
    upsert(of_one_level)(of_one_level.connect)
    assert of_one_level.rows("SELECT COUNT(*) FROM core.things") == [(6,)]
