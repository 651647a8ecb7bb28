"""The DAGs that look after the others, and a failure, as Airflow runs them: `dag.test()` in one process."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.models.dagrun import DagRun

from redshift_etl.incidents import lake_store
from redshift_etl.lake.storage import Lake
from redshift_etl.warehouse import migrate
from tests.dags.world import World, events, states

pytestmark = pytest.mark.slow

DAYS = {"start": "2013-01-01", "end": "2013-01-01"}


@pytest.mark.usefixtures("world")
def test_freshness_finds_nothing_late(dag_bag: Any) -> None:
    assert states(dag_bag, "freshness") == {"watch": "success"}


@pytest.mark.usefixtures("world")
def test_reconcile_agrees_on_the_day_that_was_loaded_and_starts_nothing(dag_bag: Any) -> None:
    assert states(dag_bag, "reconcile", **DAYS) == {"compare": "success", "repair": "skipped"}


@pytest.mark.usefixtures("world")
def test_a_dry_run_of_retention_and_of_a_backfill_goes_to_its_end(dag_bag: Any) -> None:
    found = states(dag_bag, "retention")
    assert found.pop("airflow") == "skipped"
    assert set(found.values()) == {"success"}
    form = {**DAYS, "table": "core.flights", "reason": "to see that it works", "action": "stage"}
    assert states(dag_bag, "backfill_table", **form) == {
        "plan": "success",
        "load": "skipped",
        "finish": "success",
        "plan_loads_after_undo": "success",
        "load_again": "skipped",
        "close": "success",
    }


def staged(world: World, monkeypatch: pytest.MonkeyPatch, backfill_id: str) -> None:
    """What `backfill_table` does before it starts a run: its row of the history, and the run's id."""
    monkeypatch.setattr(DagRun, "generate_run_id", lambda **_: f"backfill_{backfill_id}_20130101")
    row = f"'{backfill_id}', 'core.flights', 'stage', '2013-01-01', '2013-01-01', 'r', 'ada', 'running', 1, 'm'"
    # It begins after all loads: the undo has none to load again, whose runs only a scheduler would end.
    execute(world, f"INSERT INTO etl.backfill_history VALUES ({row}, '2100-01-01', NULL, NULL, NULL)")


def execute(world: World, sql: str) -> None:
    with world.warehouse.connect() as connection:
        connection.cursor().execute(sql)
        connection.commit()


def test_the_shadow_of_a_staged_backfill_takes_the_rows_and_the_table_none(
    dag_bag: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(world, monkeypatch, "abc123abc123")
    day = world.rows("SELECT COUNT(*) FROM core.flights WHERE modified_at < '2013-01-02'")
    before = world.rows("SELECT COUNT(*) FROM core.flights")
    assert set(states(dag_bag, "flights", **DAYS, shadow="abc123abc123").values()) == {"success"}
    shadow = world.rows("SELECT COUNT(*), COUNT(DISTINCT flight_id) FROM etl_shadow.core__flights__abc123abc123")
    assert shadow == [(day[0][0], day[0][0])]
    assert world.rows("SELECT COUNT(*) FROM core.flights") == before


def test_a_run_that_no_staged_backfill_has_asked_for_writes_no_shadow(dag_bag: Any, world: World) -> None:
    found = states(dag_bag, "flights", **DAYS, shadow="abcabcabcabc")
    assert (found["transform"], found["load"]) == ("success", "failed")
    assert world.rows("SELECT 1 FROM svv_tables WHERE table_name = 'core__flights__abcabcabcabc'") == []
    assert lake_store.all_open(Lake.connect()) == []


def test_a_swap_and_an_undo_wake_what_waits_for_the_table(
    dag_bag: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        staged(world, patch, "abcdef123456")
        assert set(states(dag_bag, "flights", **DAYS, shadow="abcdef123456").values()) == {"success"}
    compared = """'compared', detail = '{"shadow_rows": 100000, "new": 0, "changed": 0}'"""
    execute(world, f"UPDATE etl.backfill_history SET status = {compared} WHERE backfill_id = 'abcdef123456'")
    form = {"table": "core.flights", "reason": "to see what it wakes", "backfill_id": "abcdef123456"}
    for dry_run, action, woken in ((True, "swap", 0), (False, "swap", 1), (False, "undo", 2), (False, "drop", 2)):
        found = states(dag_bag, "backfill_table", **form, action=action, dry_run=dry_run)
        assert found["finish"] == "success", found
        assert events("backfill_table") == ["core.flights"] * woken


def test_a_reason_is_text_that_is_neither_rendered_nor_a_part_of_sql(
    dag_bag: Any, world: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    reason = """{{ conn.redshift_default.password }} {{ 7 * 191 }} '); DROP TABLE etl.backfill_history; -- \\' %s"""
    migrate.ensure(world.warehouse.connect, "etl.backfill_history")
    row = "'aaa111aaa111', 'core.flights', 'stage', '2013-01-01', '2013-01-01', 'r', 'ada', 'compared', 1, 'm'"
    execute(world, f"INSERT INTO etl.backfill_history VALUES ({row}, '2013-01-01', NULL, NULL, NULL)")
    form = {"table": "core.flights", "reason": reason, "backfill_id": "aaa111aaa111", "action": "drop"}
    assert states(dag_bag, "backfill_table", **form, dry_run=False)["finish"] == "success"
    assert world.rows(
        "SELECT reason FROM etl.backfill_history WHERE action = 'drop' ORDER BY started_at DESC LIMIT 1"
    ) == [(reason,)]
    assert world.warehouse.password not in "".join((*capfd.readouterr(), caplog.text))


def test_every_check_of_a_real_day_passes_but_the_references_that_the_data_lacks(world: World) -> None:
    found = world.rows("SELECT check_name, outcome FROM etl.check_results WHERE table_name = 'core.flights'")
    assert {name for name, outcome in found if outcome != "passed"} <= {
        "references_tail_number",
        "references_destination",
    }
    assert ("delay_agrees_with_departure", "passed") in found


@pytest.mark.usefixtures("world")
def test_a_form_that_a_person_filled_in_wrongly_fails_the_run_and_leaves_no_incident(dag_bag: Any) -> None:
    assert states(dag_bag, "flights", start="2013-01-02", end="2013-01-01")["extract"] == "failed"
    assert states(dag_bag, "flights", date="2013-01-02")["extract"] == "failed"
    assert lake_store.all_open(Lake.connect()) == []


def test_a_task_that_fails_in_airflow_leaves_one_incident_with_its_run(
    dag_bag: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_AIRLINE_DB")
    found = states(dag_bag, "flights", **DAYS)
    assert found["extract"] == "failed"
    (incident,) = lake_store.all_open(Lake.connect())
    assert (incident.dag_id, incident.task_id, incident.error_class) == ("flights", "extract", "ConfigError")
    lake = Lake.connect()
    key = lake.location.key(incident.report)
    text = lake.client.get_object(Bucket=lake.location.bucket, Key=key)["Body"].read().decode()
    assert "airline_db" in text
    assert f"airflow dags clear flights --run-id {incident.run_id}" in text
    assert "- `core.flights`: **no**." in text
    assert "mart.carrier_day" in text
    assert world.rows("SELECT dag_id, task_id FROM etl.incidents WHERE resolved_at IS NULL") == [("flights", "extract")]


@pytest.mark.usefixtures("world")
def test_a_backfill_whose_last_step_fails_is_closed_in_the_backfill_history_and_its_run_has_failed(
    dag_bag: Any,
) -> None:
    form = {"table": "core.flights", "reason": "to see how it fails", "action": "swap", "backfill_id": "0" * 12}
    done = dag_bag.dags["backfill_table"].test(run_conf={**form, "dry_run": False})
    found = {instance.task_id: str(instance.state) for instance in done.get_task_instances()}
    after = dict.fromkeys(("plan_loads_after_undo", "load_again"), "upstream_failed")
    assert found == {"plan": "success", "load": "skipped", "finish": "failed", **after, "close": "success"}
    assert done.state == "failed"
