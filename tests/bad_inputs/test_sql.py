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
from tests.bad_inputs.world import DAY, WINDOW, Pipelines

KEYS = {"file", "change", "text"}


def run(pipelines: Pipelines, given: Mapping[str, Any]) -> object:
    assert set(given) <= KEYS
    if "change" in given:
        pipelines.edit(given["file"], given["change"])
    elif given["text"] is None:
        (pipelines.sql / given["file"]).unlink()
    else:
        (pipelines.sql / given["file"]).write_text(given["text"], encoding="utf-8")
    folder = given["file"].partition("/")[0]
    if folder == "marts":
        return pipelines.build_mart(**DAY)
    if folder == "keys":
        task = MarkHardDeletesOperator(task_id="mark", table="core.things")
        return task.execute(pipelines.context("mark"))
    if folder == "reconcile":
        return count(pipelines)
    return pipelines.load_things()


def count(pipelines: Pipelines) -> object:
    """The source's rows, by the file of the comparison."""
    spec = reconcile_spec.read(contracts.load("core.things"))
    assert spec
    assert spec.connection
    assert pipelines
    return count_by_day(spec.connection, spec.sql, WINDOW.start, WINDOW.end)


@each("sql")
def test_bad_sql_is_refused(pipelines: Pipelines, messages: Messages, case: Case) -> None:
    messages.refused(case, lambda: run(pipelines, case.input))


@pytest.mark.slow
def test_the_right_comparison_counts(pipelines: Pipelines) -> None:
    assert count(pipelines) == {WINDOW.start.date(): 2}
