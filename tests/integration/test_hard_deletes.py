"""Rows that the source has deleted: found by comparing its keys with the table's, and marked as tombstones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors

from redshift_etl.catalog.warehouse_reader import SizeCache, read_snapshot
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import key_spec
from redshift_etl.contracts.contract import Contract
from redshift_etl.dag import changed_tables
from redshift_etl.errors import SourceError
from redshift_etl.extract import postgres
from redshift_etl.lake.batch import STAGED, Batch
from redshift_etl.lake.storage import Lake
from redshift_etl.operators.hard_deletes import ListKeyFilesOperator, MarkHardDeletesOperator
from redshift_etl.reconcile import run as reconcile
from redshift_etl.reconcile.source_counts import count_by_day
from redshift_etl.warehouse import freshness, history, load, retry, tombstones
from redshift_etl.warehouse.history import LoadRecord
from redshift_etl.warehouse.model import Counts, Run
from redshift_etl.warehouse.session import open_session
from tests.integration.batches import LoadTarget, both_levels
from tests.integration.conftest import Source
from tests.integration.connections import Meeting, Observed, commit_late, cut
from tests.integration.operations import connect_airflow, instance, repository

pytestmark = pytest.mark.slow

DAY1, DAY2 = "2013-01-01", "2013-01-02"
THINGS = """/*
description: Things.
owner: us
load: incremental
version: version
deleted: deleted_at
day: day
fresh_within: 26 hours
retention: never
*/
CREATE TABLE core.things (
    id BIGINT NOT NULL, version TIMESTAMP NOT NULL, day DATE, name VARCHAR(5), deleted_at TIMESTAMP, PRIMARY KEY (id)
);"""
KEYS = "/*\nconnection: airline_db\n*/\nSELECT id FROM things;"
COUNT = """/*
dag: things
connection: airline_db
*/
SELECT CAST(version AS DATE), COUNT(*) FROM things WHERE version >= %(start)s AND version < %(end)s GROUP BY 1"""
RUN = Run("hard_deletes", "run", "mark", 1)


class World:
    """A source with things, their warehouse, and the two ways from one to the other."""

    def __init__(self, source: Source, target: LoadTarget, lake: Lake) -> None:
        self.source, self.target, self.lake = source, target, lake

    @property
    def contract(self) -> Contract:
        """That of the things."""
        return contracts.load("core.things")

    def insert(self, *keys: int, day: str = DAY1) -> None:
        """Rows of the source."""
        for key in keys:
            self.source.run(f"INSERT INTO things VALUES ({key}, '{day}', '{day}', 'a')")

    def load(self, *keys: int, name: str = "a", version: str = DAY1, at: datetime | None = None) -> LoadRecord:
        """Load rows that were read at a moment, now if not told."""
        rows = [(key, version, DAY1, name, None) for key in keys]
        return self.target.load(self.contract, rows, extracted_at=at or now())

    def keys(self) -> Batch:
        """Read the keys of the source."""
        spec = key_spec.read("core.things")
        run = f"run-{now():%H%M%S%f}"
        return postgres.extract(
            spec.connection, spec.query, table="core.things", window=None, run=run, lake=self.lake, zone=STAGED
        )

    def mark(self, keys: Batch | None = None, connect: Any = None) -> Counts:
        """Compare the keys, read now if not told."""
        return tombstones.mark(connect or self.target.connect, keys or self.keys(), self.contract, RUN).counts

    def deleted(self) -> list[int]:
        """The keys of the tombstones."""
        rows = self.target.rows("SELECT id FROM core.things WHERE deleted_at IS NOT NULL ORDER BY id")
        return [key for (key,) in rows]

    def rows(self) -> list[tuple[Any, ...]]:
        """The whole table."""
        return self.target.rows("SELECT id, version, name, deleted_at, _extracted_at FROM core.things ORDER BY id")


@pytest.fixture
def world(target: LoadTarget, source: Source, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    files = {
        "tables/core/things.sql": THINGS,
        "keys/core/things.sql": KEYS,
        "reconcile/core/things.sql": COUNT,
    }
    repository(tmp_path / "sql", monkeypatch, files)
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.01)
    world = World(source, target, connect_airflow(target, monkeypatch))
    source.run("CREATE TABLE things (id bigint, version timestamp, day date, name text)")
    target.create(world.contract)
    yield world
    contracts.load.cache_clear()


def now() -> datetime:
    return datetime.now(UTC)


def ago(minutes: float) -> datetime:
    return now() - timedelta(minutes=minutes)


def test_a_row_that_the_source_has_deleted_becomes_a_tombstone_of_its_version(world: World) -> None:
    world.insert(1, 2, 3, 4)
    world.load(1, 2, 3, 4, at=ago(5))
    world.source.run("DELETE FROM things WHERE id = 2")
    before = world.rows()
    context: Any = {"ti": instance(dag="hard_deletes"), "outlet_events": OutletEventAccessors()}
    result = MarkHardDeletesOperator(task_id="mark", table="core.things").execute(context)
    (event,) = context["outlet_events"][changed_tables()].asset_alias_events
    assert event.dest_asset_key.name == "core.things"
    assert {name: result[name] for name in ("staged", "unchanged", "updated", "deleted")} == {
        "staged": 3, "unchanged": 3, "updated": 1, "deleted": 0,
    }  # fmt: skip
    assert list(world.lake.list_objects("staged/core.things")), "the cluster's role may read staged files and no others"
    assert not list(world.lake.list_objects("raw"))
    ((key, version, name, deleted_at, read_at),) = [row for row in world.rows() if row[3]]
    assert (key, version, name) == (2, datetime(2013, 1, 1), "a")
    assert deleted_at == read_at
    assert abs(deleted_at - now().replace(tzinfo=None)) < timedelta(minutes=1)
    assert [row for row in world.rows() if row[0] != 2] == [row for row in before if row[0] != 2]


def test_the_comparison_and_the_days_of_its_tombstones_are_recorded(world: World) -> None:
    world.insert(1, 2)
    world.load(1, 2, 3)
    keys = world.keys()
    world.mark(keys)
    kinds = "SELECT load_kind, window_start, extracted, staged, marked_deleted, rows_after FROM etl.load_history"
    assert world.target.rows(f"{kinds} WHERE load_kind <> 'incremental'") == [("hard_deletes", None, 2, 2, 1, 3)]
    touched = world.target.rows(
        "SELECT t.day FROM etl.touched_days t JOIN etl.load_history h ON h.load_id = t.load_id "
        "WHERE h.load_kind = 'hard_deletes'"
    )
    assert [str(day) for (day,) in touched] == [DAY1]


def test_the_tables_with_a_file_of_keys_are_listed(world: World) -> None:
    assert world
    assert ListKeyFilesOperator(task_id="list").execute({}) == ["core.things"]


def test_a_row_that_was_inserted_and_loaded_after_the_keys_were_read_stays(world: World) -> None:
    world.insert(1, 2)
    world.load(1, 2)
    keys = world.keys()
    world.insert(3)
    world.load(3)
    assert world.mark(keys) == Counts(unchanged=2)
    assert world.deleted() == []


def test_a_row_that_comes_back_is_loaded_like_any_other_and_stays(world: World) -> None:
    world.insert(1, 2)
    world.load(1, 2, 3, at=ago(5))
    earlier = world.keys()
    world.mark(earlier)
    world.insert(3)
    assert world.load(3).counts.updated == 1
    assert world.deleted() == []
    assert world.mark() == Counts(unchanged=3)
    assert world.mark(earlier) == Counts(unchanged=2), "rows that were read later than the keys are not compared"
    assert world.deleted() == []


def test_a_batch_that_was_read_before_the_keys_brings_no_deleted_row_back(world: World) -> None:
    world.insert(1, 2)
    world.load(1, 2, 3, at=ago(5))
    world.mark()
    for name in ("a", "b"):
        assert world.load(3, name=name, at=ago(1)).counts == Counts(superseded=1)
    assert world.deleted() == [3]


def test_a_newer_version_that_was_read_before_the_keys_stands_until_the_next_comparison(world: World) -> None:
    world.insert(1, 2)
    world.load(1, 2, 3, at=ago(5))
    world.mark()
    world.load(3, 4, version=DAY2, at=ago(1))
    assert world.deleted() == []
    world.mark()
    assert world.deleted() == [3, 4]


def test_a_comparison_that_is_repeated_changes_nothing(world: World) -> None:
    world.insert(1, 2)
    world.load(1, 2, 3)
    keys = world.keys()
    world.mark(keys)
    before = world.rows()
    assert world.mark(keys) == Counts(unchanged=2)
    assert world.mark() == Counts(unchanged=2)
    assert world.rows() == before


def test_rows_of_before_loads_kept_their_read_time_are_compared(world: World) -> None:
    world.insert(1)
    world.target.run(
        "INSERT INTO core.things (id, version, name) VALUES (1, '2013-01-01', 'a'), (2, '2013-01-01', 'a')"
    )
    assert world.mark() == Counts(unchanged=1, updated=1, marked_deleted=1)
    assert world.deleted() == [2]


def test_a_source_that_lacks_too_many_rows_is_refused_and_nothing_is_marked(world: World) -> None:
    world.load(*range(10))
    world.insert(*range(4), *range(100, 120))
    before = world.rows()
    with pytest.raises(SourceError, match="6 of 10 rows are not among the 24 keys"):
        world.mark()
    assert world.rows() == before
    assert world.target.rows("SELECT COUNT(*) FROM etl.load_history WHERE load_kind = 'hard_deletes'") == [(0,)]
    world.insert(4)
    assert world.mark() == Counts(unchanged=5, updated=5, marked_deleted=5)


def test_tombstones_and_rows_that_were_read_later_do_not_count_for_the_guard(world: World) -> None:
    world.load(*range(4))
    world.insert(*range(2))
    world.mark()
    world.source.run("DELETE FROM things WHERE id = 1")
    assert world.mark() == Counts(unchanged=1, updated=1, marked_deleted=1)
    keys = world.keys()
    world.load(*range(20, 30))
    assert world.mark(keys) == Counts(unchanged=1)


def test_an_empty_source_is_refused_unless_the_table_has_no_rows_either(world: World) -> None:
    assert world.mark() == Counts()
    world.load(1)
    with pytest.raises(SourceError, match="1 of 1 rows are not among the 0 keys"):
        world.mark()
    assert world.deleted() == []


def test_an_empty_source_is_refused_whatever_the_contract_allows(world: World, tmp_path: Path) -> None:
    path = tmp_path / "sql/tables/core/things.sql"
    path.write_text(THINGS.replace("retention", "may_shrink_to: 0\nretention"))
    contracts.load.cache_clear()
    world.load(1, 2)
    with pytest.raises(SourceError, match="2 of 2 rows"):
        world.mark()
    world.insert(3)
    assert world.mark() == Counts(updated=2, marked_deleted=2)


COMPOSITE = """/*
description: Prices.
owner: us
load: incremental
version: version
deleted: gone
retention: never
*/
CREATE TABLE core.things (
    shop VARCHAR(20) NOT NULL, at TIMESTAMP NOT NULL, "day.of" INTEGER NOT NULL, version BIGINT NOT NULL, gone {kind},
    PRIMARY KEY (shop, at, "day.of")
);"""
COMPOSITE_KEYS = """/*
connection: airline_db
*/
WITH prices AS (SELECT * FROM things WHERE id % 2 = 1) -- the odd ones; 100 % of them
SELECT nr AS "day.of", shop, at FROM prices -- in another order than the key"""


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "DATE"])
def test_keys_of_several_columns_are_compared_as_the_warehouse_compares_them(
    world: World, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "sql/tables/core/things.sql").write_text(COMPOSITE.format(kind=kind))
    (tmp_path / "sql/keys/core/things.sql").write_text(COMPOSITE_KEYS)
    contracts.load.cache_clear()
    target = world.target
    target.run("DROP TABLE core.things")
    target.create(world.contract)
    shops = ["a", "b ", "", 'c"\n,', "한"]
    rows: list[Sequence[object]] = [(shop, "2013-01-01 05:00:00", 1, 7, None) for shop in (*shops, "gone")]
    target.load(world.contract, [*rows, ("a", "2013-01-01 05:00:00", 2, 7, None)], window=None)
    world.source.run(
        "DROP TABLE things",
        "CREATE TABLE things (id int, shop text, at timestamptz, nr int)",
        """INSERT INTO things SELECT 1, shop, '2013-01-01 00:00:00-05', 1
        FROM unnest(ARRAY['a  ', 'b', '', E'c"\\n,', '한', NULL]) AS shop""",
        "INSERT INTO things VALUES (2, 'gone', '2013-01-01 00:00:00-05', 1), (1, 'gone', '2013-01-01 05:00:00-05', 1)",
    )
    assert world.mark() == Counts(unchanged=5, updated=2, marked_deleted=2)
    gone = target.rows('SELECT shop, "day.of", CAST(gone AS DATE) FROM core.things WHERE gone IS NOT NULL ORDER BY 1')
    assert gone == [("a", 2, now().date()), ("gone", 1, now().date())]
    assert world.mark() == Counts(unchanged=5)


def test_an_error_of_the_source_names_the_file_of_the_keys(world: World) -> None:
    world.source.run("DROP TABLE things")
    with pytest.raises(SourceError, match=r"relation .*things.*keys/core/things\.sql"):
        MarkHardDeletesOperator(task_id="mark", table="core.things").execute({"ti": instance(dag="hard_deletes")})


def test_a_key_that_the_table_cannot_have_is_named(world: World) -> None:
    world.load(1)
    world.source.run("ALTER TABLE things ALTER id TYPE text", "INSERT INTO things VALUES ('1'), ('x1')")
    with pytest.raises(SourceError, match="COPY refused a row") as error:
        world.mark()
    assert error.value.where["column"] == "id"


@both_levels
def test_a_load_that_is_at_work_is_waited_for(world: World) -> None:
    target = world.target
    world.load(1, 2, 3, at=ago(5))
    world.insert(1, 2)
    meeting = Meeting(target.connect)
    rows = [(key, DAY2, DAY2, "b", None) for key in (2, 3, 4)]
    batch = target.batch(world.contract, rows, extracted_at=ago(1))
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(load.execute, target.connect, batch, [], [meeting.hold])
        assert meeting.reached.wait(30)
        marking = pool.submit(world.mark, None, meeting.second)
        loading.result()
        assert marking.result() == Counts(unchanged=2, updated=2, marked_deleted=2)
    assert [(row[0], row[2], bool(row[3])) for row in world.rows()] == [
        (1, "a", False), (2, "b", False), (3, "b", True), (4, "b", True),
    ]  # fmt: skip


def test_the_lock_comes_first_and_the_shared_tables_last(world: World) -> None:
    world.load(1, 2)
    world.insert(1)
    transactions: list[list[str]] = []
    world.mark(connect=lambda: Observed(world.target.connect(), transactions))
    (writing,) = [sent for sent in transactions if sent[0].startswith("LOCK")]
    assert writing[0] == 'LOCK TABLE "etl_lock"."core__things"'
    assert [sql.split("(")[0].strip() for sql in writing if " etl." in sql or '"etl"' in sql] == [
        "INSERT INTO etl.touched_days", 'INSERT INTO "etl"."load_history"',
    ]  # fmt: skip
    assert writing[-1].startswith('INSERT INTO "etl"."load_history"')


@pytest.mark.parametrize("moment", ["before", "after", "late"])
def test_a_connection_lost_around_the_commit_is_made_good_once(world: World, moment: str) -> None:
    world.load(1, 2)
    world.insert(1)
    lost: list[str] = []

    def connect() -> Observed:
        """A connection that is cut at its COMMIT, the first time."""
        connection = world.target.connect()

        def before() -> None:
            """Cut it, or let its COMMIT be late, unless another one was lost."""
            if moment != "after" and not lost:
                lost.append(moment)
                cut(connection) if moment == "before" else commit_late(connection)

        def after(_: Any) -> None:
            """Lose the acknowledgement, unless another one was lost."""
            if not lost:
                lost.append(moment)
                cut(connection)
                connection.commit()

        return Observed(connection, [], before, after)

    assert world.mark(connect=connect) == Counts(unchanged=1, updated=1, marked_deleted=1)
    assert lost == [moment]
    assert world.deleted() == [2]
    assert world.target.rows("SELECT COUNT(*) FROM etl.load_history WHERE load_kind = 'hard_deletes'") == [(1,)]


def test_a_table_is_no_fresher_for_a_comparison_of_its_keys(world: World) -> None:
    world.load(1)
    world.target.run("UPDATE etl.load_history SET committed_at = '2013-01-01 06:00'")
    world.insert(1)
    world.mark()
    with open_session(world.target.connect, "test") as session:
        (state,) = freshness.read_freshness(session, [world.contract], now())
        assert state.status == freshness.LATE
        assert history.last_loads(session)["core.things"].dag_id == "test"
    last = read_snapshot(world.target.connect, now(), SizeCache(timedelta(0))).last("core.things")
    assert last
    assert last.kind == "incremental"


def differences(world: World) -> list[tuple[str, int | None, int | None]]:
    """What the comparison by day reports."""
    days = (datetime(2013, 1, 1).date(), datetime(2013, 1, 1).date())
    _, gaps, _ = reconcile.run(world.target.connect, count_by_day, lambda _: now(), days, now(), ["core.things"])
    return [(gap.problem, gap.source, gap.warehouse) for gap in gaps]


def test_a_day_whose_rows_were_deleted_does_not_differ_until_one_comes_back_with_its_old_version(world: World) -> None:
    world.insert(1, 2, 3)
    world.load(1, 2, 3)
    world.source.run("DELETE FROM things WHERE id = 3")
    assert differences(world) == [("stale", 2, 3)]
    world.mark()
    assert differences(world) == []
    world.insert(3)
    assert differences(world) == [("short", 3, 2)]
    world.load(3)
    assert differences(world) == []
