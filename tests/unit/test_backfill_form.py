"""The backfill form: its values are checked before anything runs."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from airflow.sdk import DAG

from redshift_etl.backfill import request as backfill
from redshift_etl.errors import ConfigError

BACKFILL_TABLE = DAG("backfill_table", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=UTC))
NOW = datetime(2013, 3, 1, 12, tzinfo=UTC)
FORM: dict[str, Any] = {
    "table": "core.flights",
    "start": "2013-01-01",
    "end": "2013-02-10",
    "reason": "the delay was computed wrongly",
    "action": "backfill",
    "backfill_id": None,
    "days_a_run": 31,
    "dry_run": False,
}


def read(**form: Any) -> backfill.Request:
    return backfill.read({**FORM, **form}, "manual__1", NOW, BACKFILL_TABLE)


def test_the_days_are_cut_into_runs_of_the_tables_dag_and_a_retry_starts_the_same_ones() -> None:
    first, second = read().triggers()
    assert first["trigger_dag_id"] == "flights"
    assert first["conf"] == {"start": "2013-01-01", "end": "2013-01-31"}
    assert second["conf"] == {"start": "2013-02-01", "end": "2013-02-10"}
    assert read().triggers() == [first, second]
    assert (
        backfill.read(FORM, "manual__2", NOW, BACKFILL_TABLE).triggers()[0]["trigger_run_id"] != first["trigger_run_id"]
    )


def test_a_staged_backfill_names_its_shadow_to_each_run() -> None:
    assert all(trigger["conf"]["shadow"] == read().backfill_id for trigger in read(action="stage").triggers())


def test_the_most_runs_that_a_form_may_start_are_handed_on_in_under_four_kilobytes() -> None:
    request = read(action="stage", end="2013-01-20", days_a_run=1)
    triggers = [{**trigger, "trigger_dag_id": "a_dag_with_a_long_name" * 2} for trigger in request.triggers()]
    assert len(triggers) == backfill.MAX_RUNS
    assert len(json.dumps(triggers)) < 4096


def test_the_last_day_is_included() -> None:
    assert (read().first, read().last) == (date(2013, 1, 1), date(2013, 2, 10))


def test_a_swap_starts_no_runs_and_needs_the_id_of_a_backfill() -> None:
    request = read(action="swap", backfill_id=backfill.own_id("x"), start=None, end=None)
    assert request.triggers() == []
    assert request.backfill_id == backfill.own_id("x")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"table": "core.nothing"}, "no contract"),
        ({"table": "mart.carrier_day"}, "No DAG is known"),
        ({"table": "core.airlines; DROP"}, "schema.table"),
        ({"reason": " because "}, "has a reason"),
        ({"start": None}, "one date only"),
        ({"start": None, "end": None}, "first and a last day"),
        ({"start": "2013-02-11"}, "ends before it starts"),
        ({"end": "2013-03-01"}, "not over"),
        ({"start": "not a date"}, "cannot be read"),
        ({"action": "explode"}, "no such action"),
        ({"action": "swap"}, "the id of a backfill"),
        ({"action": "undo", "backfill_id": "x'; DROP --"}, "the id of a backfill"),
        ({"action": "stage", "table": "core.airlines"}, "incremental"),
        ({"days_a_run": 1}, "at most 20"),
    ],
)
def test_a_form_that_does_not_hold_together_is_refused_with_the_field(form: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**form)
