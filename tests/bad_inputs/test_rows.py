"""Rows whose values break the contract of their table, alone or together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.bad_inputs.cases import Case, each
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import CELLS, Pipelines, csv_of

KEYS = {"table", "row", "rows"}


def run(pipelines: Pipelines, given: Mapping[str, Any]) -> object:
    assert set(given) <= KEYS
    table = given.get("table", "core.cells")
    text = given["rows"] if "rows" in given else csv_of(CELLS, {**CELLS, "id": "2", **given["row"]})
    pipelines.drop("rows/2013-01-01.csv", text.encode())
    return pipelines.load(table, pipelines.land(table, "rows/{day}.csv"))


@each("rows")
def test_a_bad_row_is_refused(pipelines: Pipelines, messages: Messages, case: Case) -> None:
    messages.refused(case, lambda: run(pipelines, case.input))


@pytest.mark.slow
@pytest.mark.parametrize("row", [{}, {"price": "-1.2"}, {"zoned": "2013-01-01T01:00+09"}, {"doc": None}])
def test_the_same_without_the_mistake_is_read(pipelines: Pipelines, row: Mapping[str, str | None]) -> None:
    pipelines.drop("right/2013-01-01.csv", csv_of(CELLS, {**CELLS, "id": "2", **row}).encode())
    batch = pipelines.transform(pipelines.land("core.cells", "right/{day}.csv"))
    assert (batch["rows"], batch["rejected"]) == (2, 0)
