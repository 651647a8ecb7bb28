"""Contracts that cannot be read, do not hold together, or are not the table's that is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.bad_inputs.cases import Case, each
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import Pipelines

KEYS = {"change", "text", "hex", "also"}
FILE = "tables/core/things.sql"


def run(pipelines: Pipelines, given: Mapping[str, Any]) -> object:
    assert set(given) <= KEYS
    path = pipelines.sql / FILE
    if "change" in given:
        pipelines.edit(FILE, given["change"])
    else:
        path.unlink()
    if "hex" in given:
        path.write_bytes(bytes.fromhex(given["hex"]))
    elif given.get("text"):
        path.write_text(given["text"], encoding="utf-8")
    for name, changes in given.get("also", {}).items():
        pipelines.edit(name, changes)
    return pipelines.load_things()


@each("contracts")
def test_a_bad_contract_is_refused(pipelines: Pipelines, messages: Messages, case: Case) -> None:
    messages.refused(case, lambda: run(pipelines, case.input))
