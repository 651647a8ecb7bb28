"""A pipeline started by hand with a logical date, in this process. The other ways: tests/stack/test_windows.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from tests.dags.world import World

pytestmark = pytest.mark.slow

FLIGHTS = Path(__file__).resolve().parents[2] / "dags" / "flights.py"


@pytest.mark.parametrize("day", [1, 2])
def test_a_run_by_hand_loads_the_day_that_its_logical_date_names(world: World, day: int) -> None:
    dag = DagBag(str(FLIGHTS)).dags["flights"]  # parsed anew: `test` leaves the conf of a run in the DAG's parameters
    done = dag.test(logical_date=datetime(2013, 1, day, tzinfo=UTC))
    assert str(done.state) == "success"
    loaded = world.rows("SELECT window_start, window_end FROM etl.load_history ORDER BY committed_at DESC LIMIT 1")
    assert loaded == [(datetime(2013, 1, day), datetime(2013, 1, day + 1))]
