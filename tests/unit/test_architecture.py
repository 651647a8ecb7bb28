"""docs/architecture.md: each step is a file and a function that exist, and the floors are those that lint enforces."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text()
STEPS = re.findall(r"^\| .+ \| `([\w./-]+\.py)` \| (?:`(\w+)`)? ?\|$", TEXT, re.MULTILINE)
FLOORS = {
    "### plugins/redshift_etl": ROOT / "pyproject.toml",
    "### packages/local-redshift/local_redshift": ROOT / "packages" / "local-redshift" / "pyproject.toml",
}


def names_defined(path: Path) -> set[str]:
    """The functions, methods and classes of a module."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}


def floors_enforced(config: Path) -> list[set[str]]:
    """The folders of each floor, highest first, as import-linter reads them."""
    contracts = tomllib.loads(config.read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [set(re.split(r" [:|] ", layer)) for layer in layers]


def test_the_three_walks_have_steps() -> None:
    assert len(STEPS) > 30


@pytest.mark.parametrize(("path", "name"), STEPS, ids=lambda value: value.rsplit("/", 1)[-1])
def test_each_step_is_a_file_and_a_function_that_exist(path: str, name: str) -> None:
    assert (ROOT / path).is_file()
    assert not name or name in names_defined(ROOT / path)


@pytest.mark.parametrize(("heading", "config"), FLOORS.items(), ids=["plugins", "local-redshift"])
def test_the_floors_are_those_that_lint_enforces(heading: str, config: Path) -> None:
    section = TEXT.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| \d+ \*? ?\| (.+) \|$", section, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == floors_enforced(config)
