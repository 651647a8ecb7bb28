"""Forms and command lines: conf of triggers, the form of backfill_table, arguments of `airflow dags backfill`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.cli import cli_parser
from airflow.dag_processing.dagbag import DagBag

from airflow_dags_backfill import arguments
from redshift_etl.backfill import actions
from redshift_etl.backfill import request as backfill
from redshift_etl.operators.context import run_of
from redshift_etl.operators.retention import ExpireRowsOperator
from redshift_etl.run_conf import check_conf
from redshift_etl.warehouse.connect import warehouse
from tests.bad_inputs.cases import Case, each
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import Pipelines
from tests.dags.conftest import dag_bag

__all__ = ["dag_bag"]

DAGS = Path(__file__).resolve().parents[2] / "dags"
FORM = {
    "table": "core.things", "start": "2013-01-01", "end": "2013-01-31", "reason": "the names were wrong",
    "action": "backfill", "backfill_id": None, "days_a_run": 31, "dry_run": False,
}  # fmt: skip


def validated(dag: Any, conf: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run with this conf, as Airflow checks them before it creates the run."""
    params = copy.deepcopy(dag.params)
    params.update({name: value for name, value in conf.items() if name in params})
    return dict(params.validate())


def trigger(pipelines: Pipelines, dag_bag: Any, given: Mapping[str, Any]) -> object:
    """Start a DAG: that of core.things, that of its mart, or one of the repository."""
    name, conf = given["dag"], given.get("conf", {})
    own = name in ("things", "mart")
    context = pipelines.context(**validated(pipelines.dag if own else dag_bag.dags[name], conf))
    context["dag_run"].conf = conf
    for field, text in given.get("run", {}).items():
        setattr(context["dag_run"], field, datetime.fromisoformat(text))
        context["params"] = conf
    context["dag_run"].run_type = given.get("run_type", "manual")
    if not own:
        context["dag"] = dag_bag.dags[name]
        check_conf(context)
        return ExpireRowsOperator(task_id="rows").execute(context)
    check_conf(context)
    if name == "mart":
        return pipelines.build_mart(**conf)
    return pipelines.load_things(context=context)


def fill_in(pipelines: Pipelines, given: Mapping[str, Any]) -> object:
    """The form of backfill_table, as its operators read it."""
    for name, text in given.get("write", {}).items():
        (pipelines.sql / name).write_text(text, encoding="utf-8")
    dag = DagBag(str(DAGS / "backfill_table.py")).dags["backfill_table"]  # its choices are those of the SQL files
    params = validated(dag, {**FORM, **given["backfill"]})
    request = backfill.read(params, "manual__1", datetime.now(UTC), dag)
    if not given.get("finish"):
        return request
    return actions.finish(warehouse("redshift_default"), request, run_of(pipelines.context()), "somebody")


def run(pipelines: Pipelines, dag_bag: Any, given: Mapping[str, Any]) -> object:
    if "dag" in given:
        return trigger(pipelines, dag_bag, given)
    if "backfill" in given:
        return fill_in(pipelines, given)
    command = ["dags", "backfill", "flights", *given["arguments"]]
    return arguments.read(cli_parser.get_parser().parse_args(command))


@each("forms")
def test_a_bad_form_is_refused(pipelines: Pipelines, dag_bag: Any, messages: Messages, case: Case) -> None:
    messages.refused(case, lambda: run(pipelines, dag_bag, case.input))


def test_the_right_form_is_taken(pipelines: Pipelines) -> None:
    assert len(fill_in(pipelines, {"backfill": {}}).triggers()) == 1  # type: ignore[attr-defined]
