"""A staged backfill: loaded beside the table, compared, swapped in at once, and undone; and its history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors

from redshift_etl.backfill import history, shadow_table
from redshift_etl.checks import run as audit
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts.contract import Contract
from redshift_etl.errors import ConfigError, FormError
from redshift_etl.operators.backfill import CloseBackfillOperator, FinishBackfillOperator, PlanBackfillOperator
from redshift_etl.warehouse import load
from redshift_etl.warehouse.model import Run
from redshift_etl.window import Window
from tests.integration.batches import LoadTarget
from tests.integration.operations import DAG_BY_HAND, connect_airflow, instance, repository

pytestmark = pytest.mark.slow

THINGS = """/*
description: Things.
owner: us
load: incremental
version: version
day: day
retention: never
*/
CREATE TABLE core.things (
    id BIGINT NOT NULL, version TIMESTAMP NOT NULL, day DATE, name VARCHAR(5), amount INTEGER, PRIMARY KEY (id)
);"""
FORM: dict[str, Any] = {
    "table": "core.things",
    "start": "2013-01-01",
    "end": "2013-01-01",
    "reason": "amounts were computed wrongly",
    "action": "stage",
    "backfill_id": None,
    "days_a_run": 31,
    "dry_run": False,
}
LATER = datetime(2013, 1, 3, tzinfo=UTC)
DAY1, DAY2 = "2013-01-01 12:00:00", "2013-01-02 12:00:00"


@pytest.fixture
def things(target: LoadTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Contract]:
    repository(
        tmp_path / "sql",
        monkeypatch,
        {"tables/core/things.sql": THINGS, "reconcile/core/things.sql": "/*\ndag: things\n*/"},
    )
    connect_airflow(target, monkeypatch)
    contract = contracts.load("core.things")
    target.create(contract)
    yield contract
    contracts.load.cache_clear()


def context(run: str = "manual 1", paused: bool = False, user: str = "ada", **form: Any) -> Any:
    ti = instance(dag="backfill_table", run=run, get_dag=lambda _: SimpleNamespace(is_paused=paused))
    run_of_form = SimpleNamespace(triggering_user_name=user)
    own = {"params": {**FORM, **form}, "dag_run": run_of_form, "dag": DAG_BY_HAND}
    return {"ti": ti, "outlet_events": OutletEventAccessors(), **own}


def plan(**form: Any) -> list[dict[str, Any]]:
    return PlanBackfillOperator(task_id="plan").execute(context(**form))


def finish(**form: Any) -> dict[str, Any]:
    return FinishBackfillOperator(task_id="finish").execute(context(**form))


def close(**form: Any) -> None:
    CloseBackfillOperator(task_id="close").execute(context(**form))


def stage(target: LoadTarget, contract: Contract, rows: list[tuple[Any, ...]]) -> str:
    """What the runs of a staged backfill do: load into the shadow that the plan names."""
    (trigger,) = plan()
    backfill_id: str = trigger["conf"]["shadow"]
    shadow = shadow_table.create(target.connect, contract, backfill_id)
    gate = audit.of(target.connect, contract, Run("things", "r", "load", 1), into=shadow)
    load.execute(target.connect, target.batch(shadow, rows), [gate.stage], [gate.result])
    return backfill_id


def history_rows(target: LoadTarget) -> list[tuple[Any, ...]]:
    return target.rows("SELECT status, who, reason, runs FROM etl.backfill_history ORDER BY started_at")


def later_rows(target: LoadTarget) -> list[tuple[Any, ...]]:
    """What was done with a staged backfill afterwards."""
    return target.rows(
        "SELECT action, status, who, reason, run_id, of_backfill FROM etl.backfill_history\n"
        "WHERE of_backfill IS NOT NULL ORDER BY started_at"
    )


def row(number: int, amount: int, version: str = DAY1, name: str = "a") -> tuple[Any, ...]:
    return (number, version, version[:10], name, amount)


def test_a_staged_backfill_is_compared_swapped_in_and_undone(target: LoadTarget, things: Contract) -> None:
    target.load(things, [row(1, 10), row(2, 20), row(3, 30), row(4, 40), row(5, 50)])
    before = target.table(things)
    backfill_id = stage(target, things, [row(1, 11), row(2, 20), row(4, 44), row(6, 60)])
    target.load(things, [row(4, 41, DAY2)])
    with_newer = target.table(things)
    assert finish() == {
        "backfill_id": backfill_id, "shadow_rows": 4, "table_rows": 4, "new": 1, "changed": 1, "same": 1, "older": 1,
        "only_in_table": 2,
    }  # fmt: skip
    assert target.table(things) == with_newer, "nothing is visible yet"
    (detail,) = target.rows("SELECT detail FROM etl.backfill_history")[0]
    assert '"changed_columns": {"amount": 1}' in detail
    assert '"amount": ["30.0000", "31.0000"]' in detail
    assert '"examples": ["id=1"]' in detail

    swapped = finish(action="swap", backfill_id=backfill_id, run="manual 2")
    assert (swapped["inserted"], swapped["updated"], swapped["superseded"]) == (1, 2, 1)
    amounts = dict(target.rows("SELECT id, amount FROM core.things"))
    assert amounts == {1: 11, 2: 20, 3: 30, 4: 41, 5: 50, 6: 60}, "4 has become newer and stays, 3 and 5 are kept"
    assert target.rows("SELECT COUNT(*) FROM etl.load_history WHERE load_kind = 'rewrite'") == [(1,)]
    with pytest.raises(ConfigError, match="compared"):
        finish(action="swap", backfill_id=backfill_id, run="manual 3")

    target.load(things, [row(6, 66, DAY2)])
    finish(action="undo", backfill_id=backfill_id, run="manual 4")
    amounts = dict(target.rows("SELECT id, amount FROM core.things"))
    assert amounts == {1: 10, 2: 20, 3: 30, 4: 41, 5: 50, 6: 66}, "6 has become newer and stays"
    assert [status for status, *_ in history_rows(target)] == ["undone", "done", "done"]
    assert len(before) == 5
    finish(action="drop", backfill_id=backfill_id, run="manual 5")
    assert target.rows(f"SELECT COUNT(*) FROM svv_tables WHERE table_schema = '{shadow_table.SCHEMA}'") == [(0,)]


def test_what_nobody_has_seen_compared_is_not_swapped_in(target: LoadTarget, things: Contract) -> None:
    target.load(things, [row(1, 10), row(2, 20)])
    backfill_id = stage(target, things, [row(1, 11)])
    finish()
    shadow = shadow_table.create(target.connect, things, backfill_id)
    load.execute(target.connect, target.batch(shadow, [row(2, 99)]))
    before = target.table(things)
    with pytest.raises(FormError, match=r"shadow_rows=1 when compared, now 2.*Fix: stage the days again"):
        finish(action="swap", backfill_id=backfill_id, run="manual 2")
    assert target.table(things) == before
    assert history_rows(target)[0][0] == "compared"


@pytest.mark.parametrize(
    ("asking", "run_id", "day"),
    [
        ("abcabcabcabc", "backfill_abcabcabcabc_20130101", DAY1),
        (None, "manual__1", DAY1),
        (None, "backfill_{}_20130102", DAY1),
        (None, "backfill_{}_20130102", DAY2),
    ],
    ids=["an id of nobody", "another run", "another run's day", "a day that was not asked for"],
)
def test_only_a_running_staged_backfill_can_ask_a_run_for_its_shadow(
    target: LoadTarget, things: Contract, asking: str | None, run_id: str, day: str
) -> None:
    (trigger,) = plan()
    backfill_id = asking or trigger["conf"]["shadow"]
    window = Window(datetime.fromisoformat(f"{day[:10]}T00:00Z"), datetime.fromisoformat(f"{day[:10]}T23:00Z"))
    with pytest.raises(FormError, match="No staged backfill that is running has asked for this run"):
        history.require_asked(target.connect, backfill_id, things.table, run_id.format(backfill_id), window)
    own = trigger["conf"]["shadow"]
    first = Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 2, tzinfo=UTC))
    history.require_asked(target.connect, own, things.table, trigger["trigger_run_id"], first)
    with pytest.raises(FormError):
        history.require_asked(target.connect, own, "core.others", trigger["trigger_run_id"], first)
    finish()
    with pytest.raises(FormError):
        history.require_asked(target.connect, own, things.table, trigger["trigger_run_id"], first)


def test_an_undo_counts_the_rows_that_the_swap_had_added_as_deleted(target: LoadTarget, things: Contract) -> None:
    target.load(things, [row(1, 10), row(2, 20), row(3, 30)])
    backfill_id = stage(target, things, [row(1, 11), row(2, 22), row(6, 60), row(7, 70), row(8, 80)])
    finish()
    named = {"backfill_id": backfill_id}
    swapped = finish(**named, action="swap", run="manual 2")
    assert swapped == {"inserted": 3, "updated": 2, "unchanged": 0, "deleted": 0, "superseded": 0, "marked_deleted": 0}
    target.load(things, [row(2, 23, DAY2), row(8, 81, DAY2)])
    undone = finish(**named, action="undo", run="manual 3")
    assert undone == {
        "inserted": 0, "updated": 1, "unchanged": 0, "deleted": 2, "superseded": 1, "marked_deleted": 0,
        "load_again": [{"trigger_dag_id": "things", "conf": {"start": "2013-01-01", "end": "2013-01-01"}}],
    }  # fmt: skip
    assert dict(target.rows("SELECT id, amount FROM core.things")) == {1: 10, 2: 23, 3: 30, 8: 81}
    assert target.rows("SELECT deleted, rows_after FROM etl.load_history WHERE load_kind = 'undo'") == [(2, 4)]


def test_a_row_that_was_read_after_the_shadow_stands_against_the_swap_and_its_undo(
    target: LoadTarget, things: Contract
) -> None:
    target.load(things, [row(1, 10), row(2, 20), row(3, 30)])
    backfill_id = stage(target, things, [row(1, 11), row(2, 22), row(3, 33), row(4, 40)])
    target.load(things, [row(1, 19), row(4, 40)], extracted_at=LATER)
    found = finish()
    assert (found["changed"], found["older"], found["same"]) == (2, 1, 1)
    finish(action="swap", backfill_id=backfill_id, run="manual 2")
    assert dict(target.rows("SELECT id, amount FROM core.things")) == {1: 19, 2: 22, 3: 33, 4: 40}
    target.load(things, [row(2, 29)], extracted_at=LATER)
    finish(action="undo", backfill_id=backfill_id, run="manual 3")
    assert dict(target.rows("SELECT id, amount FROM core.things")) == {1: 19, 2: 29, 3: 30, 4: 40}


def test_an_undo_names_the_loads_whose_rows_the_swapped_in_ones_had_superseded(
    target: LoadTarget, things: Contract
) -> None:
    target.load(things, [row(1, 10)])
    backfill_id = stage(target, things, [row(1, 11, DAY2)])
    finish()
    finish(action="swap", backfill_id=backfill_id, run="manual 2")
    early = datetime(2013, 1, 1, tzinfo=UTC)
    target.load(things, [row(1, 12, DAY2)], extracted_at=early)
    assert target.rows("SELECT amount FROM core.things") == [(11,)], "the swapped-in row was read later"
    undone = finish(action="undo", backfill_id=backfill_id, run="manual 3")
    assert target.rows("SELECT amount FROM core.things") == [(10,)]
    assert undone["load_again"] == [{"trigger_dag_id": "things", "conf": {"start": "2013-01-01", "end": "2013-01-01"}}]


def test_a_backfill_that_is_staged_swapped_and_undone_again_leaves_the_table_as_it_was(
    target: LoadTarget, things: Contract
) -> None:
    target.load(things, [row(1, 10)])
    before = target.table(things)
    for number in range(2):
        named = {"backfill_id": stage(target, things, [row(1, 11), row(6, 60)])}
        finish()
        finish(**named, action="swap", run=f"swap {number}")
        finish(**named, action="undo", run=f"undo {number}")
        assert target.table(things) == before


def test_a_swap_that_is_cleared_after_its_undo_is_refused(target: LoadTarget, things: Contract) -> None:
    target.load(things, [row(1, 10)])
    named = {"backfill_id": stage(target, things, [row(1, 11)])}
    finish()
    finish(**named, action="swap", run="manual 2")
    assert finish(**named, action="swap", run="manual 2") == {"committed_by_an_earlier_try": True}
    finish(**named, action="undo", run="manual 3")
    with pytest.raises(ConfigError, match="compared"):
        finish(**named, action="swap", run="manual 2")


def test_a_drop_that_fails_is_recorded_as_nothing_and_can_be_repeated(target: LoadTarget, things: Contract) -> None:
    target.load(things, [row(1, 10)])
    named = {"backfill_id": stage(target, things, [row(1, 11)])}
    finish()
    shadow = shadow_table.of(things, named["backfill_id"]).table
    target.run(f"CREATE VIEW core.of_the_shadow AS SELECT * FROM {shadow}")
    with pytest.raises(ConfigError, match="drop the shadow"):
        finish(**named, action="drop", run="manual 2")
    assert [status for status, *_ in history_rows(target)] == ["compared"]
    target.run("DROP VIEW core.of_the_shadow")
    finish(**named, action="drop", run="manual 3")
    assert [status for status, *_ in history_rows(target)] == ["dropped", "done"]
    assert target.rows(f"SELECT COUNT(*) FROM svv_tables WHERE table_schema = '{shadow_table.SCHEMA}'") == [(0,)]


def test_a_swap_makes_the_marts_of_its_days_stale(target: LoadTarget, things: Contract) -> None:
    target.load(things, [row(1, 10)])
    backfill_id = stage(target, things, [row(1, 11)])
    finish()
    before = target.rows("SELECT COUNT(*) FROM etl.touched_days WHERE table_name = 'core.things'")
    finish(action="swap", backfill_id=backfill_id)
    after = target.rows("SELECT COUNT(*) FROM etl.touched_days WHERE table_name = 'core.things'")
    assert after[0][0] == before[0][0] + 1


@pytest.mark.usefixtures("things")
def test_the_backfill_history_has_who_why_and_how_it_ended(target: LoadTarget) -> None:
    assert len(plan(action="backfill")) == 1
    assert history_rows(target) == [("running", "ada", "amounts were computed wrongly", 1)]
    finish(action="backfill")
    close(action="backfill")
    assert history_rows(target)[0][0] == "done"


def test_the_backfill_history_has_who_swapped_took_back_and_dropped_and_why(
    target: LoadTarget, things: Contract
) -> None:
    target.load(things, [row(1, 10)])
    backfill_id = stage(target, things, [row(1, 11)])
    finish()
    named = {"start": None, "end": None, "backfill_id": backfill_id}
    finish(**named, action="swap", run="manual 2", user="grace", reason="the sums agree with the source")
    finish(**named, action="undo", run="manual 3", user="ada", reason="the sums were those of euros", dry_run=True)
    finish(**named, action="undo", run="manual 4", user="ada", reason="the sums were those of euros")
    with pytest.raises(ConfigError, match="compared"):
        finish(**named, action="swap", run="manual 5")
    finish(**named, action="drop", run="manual 6", user=None, reason="it is staged again tomorrow")
    assert later_rows(target) == [
        ("swap", "done", "grace", "the sums agree with the source", "manual 2", backfill_id),
        ("undo", "done", "ada", "the sums were those of euros", "manual 4", backfill_id),
        ("drop", "done", "unknown", "it is staged again tomorrow", "manual 6", backfill_id),
    ]
    days = "SELECT COUNT(*) FROM etl.backfill_history WHERE first_day = '2013-01-01' AND last_day = '2013-01-01'"
    assert target.rows(days) == [(4,)], "each has the days of what was staged"
    (detail,) = target.rows("SELECT detail FROM etl.backfill_history WHERE action = 'swap'")[0]
    assert detail.startswith('{"inserted": 0, "updated": 1')


@pytest.mark.usefixtures("things")
def test_a_failed_run_is_in_the_backfill_history(target: LoadTarget) -> None:
    plan(action="backfill")
    close(action="backfill")
    assert history_rows(target)[0][0] == "failed"


def test_a_comparison_that_fails_is_in_the_backfill_history_at_once(target: LoadTarget, things: Contract) -> None:
    backfill_id = stage(target, things, [row(1, 11)])
    target.run(f"ALTER TABLE {shadow_table.of(things, backfill_id).table} DROP COLUMN amount")
    with pytest.raises(ConfigError, match="refuses to compare"):
        finish()
    close()
    assert target.rows("SELECT status, detail FROM etl.backfill_history") == [
        ("failed", "a task of its run failed; see its incident")
    ]


def test_what_ended_well_stays_so_when_its_run_is_closed(target: LoadTarget, things: Contract) -> None:
    stage(target, things, [row(1, 11)])
    finish()
    close()
    assert history_rows(target)[0][0] == "compared"


@pytest.mark.usefixtures("things")
def test_a_backfill_that_died_is_said_to_have_by_the_next_one_and_by_time(target: LoadTarget) -> None:
    plan(action="backfill", run="manual 1")
    plan(action="backfill", run="manual 2")
    assert [status for status, *_ in history_rows(target)] == ["died", "running"]
    history.mark_stale_as_failed(target.connect, timedelta(hours=7))
    assert [status for status, *_ in history_rows(target)] == ["died", "running"]
    history.mark_stale_as_failed(target.connect, timedelta(seconds=-5))
    assert [status for status, *_ in history_rows(target)] == ["died", "died"]


@pytest.mark.usefixtures("things")
def test_a_retry_enters_nothing_twice(target: LoadTarget) -> None:
    assert plan() == plan()
    assert len(history_rows(target)) == 1


@pytest.mark.parametrize("late", [plan, finish], ids=["plan", "finish"])
def test_a_worker_of_the_stage_that_comes_back_late_changes_nothing_after_the_swap(
    late: Callable[[], Any], target: LoadTarget, things: Contract
) -> None:
    target.load(things, [row(1, 10)])
    backfill_id = stage(target, things, [row(1, 11)])
    finish()
    finish(action="swap", backfill_id=backfill_id, run="manual 2")
    late()
    assert [status for status, *_ in history_rows(target)] == ["swapped", "done"]
    finish(action="undo", backfill_id=backfill_id, run="manual 3")


def test_a_dry_run_enters_and_starts_nothing(target: LoadTarget, things: Contract) -> None:
    assert plan(dry_run=True) == []
    assert finish(dry_run=True) == {"dry_run": True, "runs": 1}
    target.load(things, [row(1, 10)])
    backfill_id = stage(target, things, [row(1, 11)])
    finish()
    assert finish(action="swap", backfill_id=backfill_id, dry_run=True)["changed"] == 1
    assert target.rows("SELECT amount FROM core.things") == [(10,)]
    assert [status for status, *_ in history_rows(target)] == ["compared"]


@pytest.mark.usefixtures("things")
def test_a_paused_dag_is_refused_before_anything_is_entered(target: LoadTarget) -> None:
    with pytest.raises(ConfigError, match="paused"):
        plan(paused=True)
    assert target.rows("SELECT COUNT(*) FROM svv_tables WHERE table_name = 'backfill_history'") == [(0,)]


@pytest.mark.parametrize("odd", ["", "x.y", 'x"; DROP', "x" * 33])
def test_an_odd_id_names_no_shadow(things: Contract, odd: str) -> None:
    with pytest.raises(ConfigError, match="no id of a backfill"):
        shadow_table.of(things, odd)


def test_a_full_refresh_has_no_shadow(things: Contract) -> None:
    with pytest.raises(ConfigError, match="incremental"):
        shadow_table.of(replace(things, load="full_refresh"), "x")
