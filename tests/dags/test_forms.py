"""The forms of the DAGs: what Airflow refuses before there is a run, and what a task refuses without an incident."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from redshift_etl.backfill import request as backfill
from redshift_etl.contracts.contract import load
from redshift_etl.errors import ConfigError, FormError
from redshift_etl.incidents import on_failure
from redshift_etl.run_conf import START, check_conf, started_by_hand

GIVEN = {"backfill_table": {"table": "core.flights", "reason": "the delay was computed wrongly"}}
"""What a form without a default must have."""


def validated(dag: Any, **form: Any) -> dict[str, Any]:
    """The form as Airflow checks it before it creates the run: DAG.create_dagrun of the serialized DAG."""
    params = copy.deepcopy(dag.params)
    params.update({**GIVEN.get(dag.dag_id, {}), **form})
    return dict(params.validate())


def fields(dag_bag: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field of each form, with its JSON schema."""
    for dag_id, dag in dag_bag.dags.items():
        for name in dag.params:
            yield f"{dag_id}.{name}", dag.params.get_param(name).schema


def test_each_text_of_a_form_has_choices_or_a_length_and_each_number_its_limits(dag_bag: Any) -> None:
    loose = []
    for name, schema in fields(dag_bag):
        kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if "string" in kinds and not ({"enum", "maxLength"} & set(schema) or schema.get("format") == "date"):
            loose.append(name)
        if "integer" in kinds and not {"minimum", "maximum"} <= set(schema):
            loose.append(name)
    assert loose == []


@pytest.mark.parametrize("dag_id", sorted(["flights", "reconcile", "retention", "freshness", "backfill_table"]))
def test_the_form_as_it_opens_is_taken(dag_bag: Any, dag_id: str) -> None:
    assert validated(dag_bag.dags[dag_id])


@pytest.mark.parametrize(
    ("dag_id", "form"),
    [
        ("flights", {"start": "0013-01-01", "end": "2013-01-02"}),
        ("reconcile", {"start": "2013-01-01T00:00:00"}),
        ("retention", {"allow_large": "core.fligths"}),
        ("retention", {"delete": "yes"}),
        ("retention", {"raw_days": 10**9}),
        ("freshness", {"resolve": "the one of last night"}),
        ("backfill_table", {"table": "core.fligths"}),
        ("backfill_table", {"table": "etl.load_history"}),
        ("backfill_table", {"table": None}),
        ("backfill_table", {"reason": "oops"}),
        ("backfill_table", {"reason": "é" * (backfill.MAX_REASON + 1)}),
        ("backfill_table", {"action": "swap", "backfill_id": "1a2b3c4d"}),
    ],
)
def test_a_typo_is_refused_before_there_is_a_run(dag_bag: Any, dag_id: str, form: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError, match=next(reversed(form)) if dag_id != "flights" else "start"):
        validated(dag_bag.dags[dag_id], **form)


@pytest.mark.parametrize(
    ("dag_id", "name", "text"),
    [
        ("flights", "start", "2013-01-01'; DROP TABLE core.flights; --"),
        ("flights", "start", "{{ conn.redshift_default.password }}"),
        ("flights", "end", "2013-01-01\n"),
        ("flights", "shadow", 'x"; drop table core.flights; --'),
        ("flights", "shadow", "0123456789ab\n"),
        ("flights", "shadow", {"a": 1}),
        ("retention", "allow_large", "core.flights' OR '1'='1"),
        ("freshness", "resolve", "x'; DROP TABLE etl.incidents; --"),
        ("freshness", "resolve", "20130101T000000-../../secret"),
        ("backfill_table", "table", "../../etc.passwd"),
        ("backfill_table", "table", "core.flights\n"),
        ("backfill_table", "backfill_id", "0123456789a'"),
        ("backfill_table", "action", "swap; --"),
    ],
)
def test_sql_templates_and_paths_are_refused_where_a_form_has_a_schema(
    dag_bag: Any, dag_id: str, name: str, text: object
) -> None:
    with pytest.raises(ParamValidationError, match=name):
        validated(dag_bag.dags[dag_id], **{name: text})


def test_the_form_offers_the_tables_that_a_dag_loads_and_those_with_a_contract(dag_bag: Any) -> None:
    offered = dag_bag.dags["backfill_table"].params.get_param("table").schema["enum"]
    assert {"core.flights", "core.weather", "core.airlines"} <= set(offered)
    assert not {"mart.carrier_day", "etl.load_history"} & set(offered)
    assert [load(table).table for table in offered] == offered
    allowed = dag_bag.dags["retention"].params.get_param("allow_large").schema["enum"]
    assert set(allowed) >= {None, "core.flights", "mart.carrier_day"}


def test_the_longest_reason_fits_into_the_history() -> None:
    column = load("etl.backfill_history").column("reason")
    assert str(column.type) == f"VARCHAR({backfill.MAX_REASON * 4})"  # a character has up to four bytes


def in_run(dag: Any, run_type: str, **conf: Any) -> dict[str, Any]:
    """The context of a task in a run of a DAG."""
    return {"dag": dag, "dag_run": SimpleNamespace(run_type=run_type, conf=conf)}


def test_the_runs_of_a_backfill_refuse_dates_of_the_form_in_every_dag_that_has_them(dag_bag: Any) -> None:
    dags = [dag for dag in dag_bag.dags.values() if START in dag.params]
    assert {dag.dag_id for dag in dags} >= {"flights", "weather", "daily_performance", "reconcile"}
    for dag in dags:
        for conf in ({"start": "2013-01-01", "end": "2013-01-31"}, {"end": "2013-01-31"}):
            with pytest.raises(FormError, match=r"each run would take the same days.*Fix: name the days by `-s`"):
                check_conf(in_run(dag, "backfill", **conf))
        check_conf(in_run(dag, "manual", start="2013-01-01", end="2013-01-31"))
        check_conf(in_run(dag, "backfill", start=None, end=None))
        check_conf(in_run(dag, "backfill"))


@pytest.mark.parametrize(
    ("run_type", "by_hand"),
    [
        ("manual", True),
        ("backfill", True),
        ("scheduled", False),
        ("asset_triggered", False),
        ("operator_triggered", False),
    ],
)
def test_who_started_a_run_is_read_from_its_type(run_type: str, by_hand: bool) -> None:
    from airflow.utils.types import DagRunType

    assert started_by_hand({"dag_run": SimpleNamespace(run_type=run_type)}) is by_hand
    assert started_by_hand({"dag_run": SimpleNamespace(run_type=DagRunType(run_type))}) is by_hand
    assert not started_by_hand({})


@pytest.mark.parametrize(
    ("run_type", "error", "incident"),
    [
        ("manual", FormError, False),
        ("backfill", FormError, False),
        ("manual", ConfigError, True),
        ("operator_triggered", FormError, True),
        ("scheduled", FormError, True),
    ],
)
def test_a_wrong_form_of_a_run_by_hand_opens_no_incident(
    run_type: str, error: type[ConfigError], incident: bool, caplog: pytest.LogCaptureFixture
) -> None:
    context = {"dag_run": SimpleNamespace(run_type=run_type), "exception": error("It is wrong.", fix="correct it")}
    on_failure.on_failure(context)  # the context has no task instance, so a report that is begun cannot be written
    assert ("report could not be written" in caplog.text) is incident
