"""Bad inputs as data: each file of this folder is one category, each entry of it an input and how it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parent
CATEGORIES = ("files", "rows", "answers", "contracts", "sql", "forms", "environment", "connections")
SLOW = ("files", "rows", "sql", "environment", "connections")
AT_LEAST = 15


@dataclass(frozen=True)
class Case:
    """One input that is not right: what the runner of its category makes of it, and what its refusal must be.

    ``error`` is the name of the error's class; ``names`` are texts that its message must have: the setting, column,
    key, file, line or field that a person has to look at.
    """

    category: str
    name: str
    input: Mapping[str, Any]
    error: str
    names: tuple[str, ...]


def read(category: str) -> tuple[Case, ...]:
    """The cases of one category, in their order. Raises ValueError for an entry that is not one."""
    entries = yaml.safe_load((FOLDER / f"{category}.yaml").read_text(encoding="utf-8"))
    return tuple(_case(category, entry) for entry in entries)


def _case(category: str, entry: Mapping[str, Any]) -> Case:
    if set(entry) != {"case", "input", "error", "names"} or not entry["names"]:
        raise ValueError(f"{category}.yaml: a case has `case`, `input`, `error` and `names`, not {sorted(entry)}")
    return Case(
        category, str(entry["case"]), entry["input"], str(entry["error"]), tuple(str(name) for name in entry["names"])
    )


def each(category: str) -> pytest.MarkDecorator:
    """Parametrizes a test by the cases of a category.

    Those of the fast categories run with the slow ones once more, so that the messages of all are compared there.
    """
    slow = [pytest.param(case, id=f"{case.name} (slow)", marks=pytest.mark.slow) for case in read(category)]
    fast = [] if category in SLOW else [pytest.param(case, id=case.name) for case in read(category)]
    return pytest.mark.parametrize("case", [*fast, *slow])
