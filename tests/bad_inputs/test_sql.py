"""SQL files of the repository: extracts, transforms, checks, marts, keys and comparisons that cannot run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import reconcile_spec
from redshift_etl.operators.hard_deletes import MarkHardDeletesOperator
from redshift_etl.reconcile.source_counts import count_by_day
from tests.bad_inputs.cases import Case, each
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import DAY, WINDOW, House

KEYS = {"file", "change", "text"}


def run(house: House, given: Mapping[str, Any]) -> object:
    assert set(given) <= KEYS
    if "change" in given:
        house.edit(given["file"], given["change"])
    elif given["text"] is None:
        (house.sql / given["file"]).unlink()
    else:
        (house.sql / given["file"]).write_text(given["text"], encoding="utf-8")
    folder = given["file"].partition("/")[0]
    if folder == "marts":
        return house.build_mart(**DAY)
    if folder == "keys":
        task = MarkHardDeletesOperator(task_id="mark", table="core.things")
        return task.execute(house.context("mark"))
    if folder == "reconcile":
        return count(house)
    return house.load_things()


def count(house: House) -> object:
    """The source's rows, by the file of the comparison."""
    spec = reconcile_spec.read(contracts.load("core.things"))
    assert spec
    assert spec.connection
    assert house
    return count_by_day(spec.connection, spec.sql, WINDOW.start, WINDOW.end)


@each("sql")
def test_bad_sql_is_refused(house: House, messages: Messages, case: Case) -> None:
    messages.refused(case, lambda: run(house, case.input))


@pytest.mark.slow
def test_the_right_comparison_counts(house: House) -> None:
    assert count(house) == {WINDOW.start.date(): 2}
