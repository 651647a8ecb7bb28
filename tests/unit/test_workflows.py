"""The workflows repeat nothing: each step is a make target, or installs what the runner lacks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
INSTALL = re.compile(r"(sudo apt-get (update|install -y [\w. -]+)|brew install (--cask )?[\w. -]+)")
MAKE = re.compile(rf"make ({'|'.join(TARGETS)})( [A-Z]+=\w+)*")
ACTIONS = {"actions/checkout", "actions/setup-python"}


def steps(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def is_allowed(command: str) -> bool:
    """Whether each line of a `run:` is `make TARGET` with a target of the Makefile, or installs a package."""
    lines = command.strip().splitlines()
    return bool(lines) and all(INSTALL.fullmatch(line) or MAKE.fullmatch(line) for line in lines)


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        ("make test", True),
        ("sudo apt-get install -y chromium", True),
        ("make faults N=1000 SEED=1", True),
        ("make faults N=$(whoami)", False),
        ("make tests", False),
        ("make test\n.venv/bin/pytest tests", False),
        ("make test && curl example.org", False),
        ("", False),
    ],
)
def test_only_make_targets_and_installations_are_allowed(command: str, allowed: bool) -> None:
    assert is_allowed(command) is allowed


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_make_targets_and_nothing_else(path: Path) -> None:
    commands = [step["run"] for step in steps(path) if "run" in step]
    assert commands
    assert [command for command in commands if not is_allowed(command)] == []
    used = {step["uses"].split("@")[0] for step in steps(path) if "uses" in step}
    assert used - {"actions/upload-artifact"} == ACTIONS


def test_the_workflows_run_the_tests_the_slow_tests_the_benchmarks_and_the_audit() -> None:
    commands = {step["run"] for path in WORKFLOWS for step in steps(path) if "run" in step}
    assert commands == {
        "make test",
        "make test-slow",
        "make faults N=1000 SEED=1",
        "make faults-mutations",
        "make test-clients",
        "make test-stack",
        "make bench",
        "make audit",
        "make sbom",
    }


def test_the_matrix_has_every_python_that_the_product_supports_on_linux_and_macos() -> None:
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))["jobs"]["test"]
    assert job["strategy"]["matrix"] == {
        "os": ["ubuntu-latest", "macos-latest"],
        "python": ["3.11", "3.12", "3.13"],
    }
