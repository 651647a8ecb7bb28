"""Settings of the product, as the environment or airflow.cfg has them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest

from redshift_etl import dag, settings
from redshift_etl.incidents.alerts import Alert, notifier
from tests.bad_inputs.cases import Case, each
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import DROPS, House

KEYS = {"set", "run"}


def load_drops(house: House) -> object:
    """The pipeline of the landing zone."""
    return house.load("core.drops", house.land("core.drops", "drops.csv"))


RUNS = {
    "things": House.load_things,
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


def run(house: House, patch: pytest.MonkeyPatch, given: Mapping[str, Any]) -> object:
    assert set(given) <= KEYS
    house.drop("drops.csv", DROPS.encode())
    for name, value in given["set"].items():
        variable = f"AIRFLOW__REDSHIFT_ETL__{name}"
        patch.delenv(variable) if value is None else patch.setenv(variable, value)
    return RUNS[given.get("run", "things")](house)


@each("environment")
def test_a_bad_setting_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch, messages: Messages, case: Case
) -> None:
    messages.refused(case, lambda: run(house, monkeypatch, case.input))
