"""Settings of the product, as the environment or airflow.cfg has them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from redshift_etl import dag, settings
from redshift_etl.incidents.alerts import Alert, notifier
from tests.bad_inputs.cases import Case, each
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import DROPS, Pipelines
from tests.unit.compose import ENV_EXAMPLE, ROOT, interpolate, read_env

KEYS = {"set", "file", "run"}
COMPOSE = ROOT / "docker-compose.yaml"


def load_drops(pipelines: Pipelines) -> object:
    """The pipeline of the landing zone."""
    return pipelines.load("core.drops", pipelines.land("core.drops", "drops.csv"))


RUNS: Mapping[str, Callable[[Pipelines], object]] = {
    "things": Pipelines.load_things,
    "drops": load_drops,
    "page": lambda _: settings.page_interval(),
    "sizes": lambda _: settings.sizes_interval(),
    "freshness": lambda _: dag.monitoring(),
    "alert": lambda _: notifier(os.environ["AIRFLOW__REDSHIFT_ETL__ALERTS"], Alert("s", "t", {})),
}


@pytest.fixture
def shared_lake() -> bool:
    """Its place is what some settings say."""
    return False


def from_file(changes: Mapping[str, str]) -> dict[str, str]:
    """The variables of Airflow's services that are others when these values of .env are."""
    right = read_env(ENV_EXAMPLE)
    before, after = (
        yaml.safe_load(interpolate(COMPOSE.read_text(), values))["services"]["worker"]["environment"]
        for values in (right, {**right, **changes})
    )
    return {name: str(value) for name, value in after.items() if value != before[name]}


def run(pipelines: Pipelines, patch: pytest.MonkeyPatch, given: Mapping[str, Any]) -> object:
    assert set(given) <= KEYS
    pipelines.drop("drops.csv", DROPS.encode())
    changed = {f"AIRFLOW__REDSHIFT_ETL__{name}": value for name, value in given.get("set", {}).items()}
    for variable, value in {**changed, **from_file(given.get("file", {}))}.items():
        patch.delenv(variable) if value is None else patch.setenv(variable, value)
    return RUNS[given.get("run", "things")](pipelines)


@each("environment")
def test_a_bad_setting_is_refused(
    pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch, messages: Messages, case: Case
) -> None:
    messages.refused(case, lambda: run(pipelines, monkeypatch, case.input))
