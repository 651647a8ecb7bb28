"""The floors of the packages: an import that breaks one turns import-linter red, each alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("plugins", "packages/local-redshift", "packages/airflow-dags-backfill", ".")
PACKAGES = (
    "plugins/redshift_etl",
    "packages/local-redshift/local_redshift",
    "packages/airflow-dags-backfill/airflow_dags_backfill",
    "local",
)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The packages and the contracts, to be changed."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(root: Path) -> tuple[int, str]:
    """The exit code and output of import-linter."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    path = os.pathsep.join(str(root / source) for source in SOURCES)
    done = subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def add(root: Path, module: str, *lines: str) -> None:
    path = root / module
    path.write_text("\n".join((path.read_text(encoding="utf-8"), *lines, "")), encoding="utf-8")


def test_the_packages_have_their_floors(copied: Path) -> None:
    code, output = lint(copied)
    assert code == 0, output


@pytest.mark.parametrize(
    ("module", "lines", "contract"),
    [
        ("plugins/redshift_etl/lake/batch.py", ["import redshift_etl.warehouse.load"], "Floors of redshift_etl"),
        (
            "plugins/redshift_etl/errors.py",
            ["from typing import TYPE_CHECKING", "if TYPE_CHECKING:", "    import redshift_etl.dag"],
            "Floors of redshift_etl",
        ),
        ("plugins/redshift_etl/retention/files.py", ["import local"], "imports nothing of the laptop"),
        ("plugins/redshift_etl/lake/batch.py", ["import local_redshift"], "imports nothing of the laptop"),
        (
            "packages/local-redshift/local_redshift/__init__.py",
            ["import redshift_etl"],
            "import nothing of the product",
        ),
        ("local/__init__.py", ["import redshift_etl.errors"], "import nothing of the product"),
    ],
)
def test_an_import_of_a_higher_floor_or_of_the_other_side_is_refused(
    copied: Path, module: str, lines: list[str], contract: str
) -> None:
    add(copied, module, *lines)
    code, output = lint(copied)
    assert code == 1, output
    assert [line for line in output.splitlines() if contract in line and line.endswith("BROKEN")], output


@pytest.mark.parametrize(
    ("one", "other"),
    [("contracts.mart", "lake.batch"), ("warehouse.session", "warehouse.load")],
    ids=["of folders of one floor", "of modules of one folder"],
)
def test_a_cycle_within_a_floor_is_refused(copied: Path, one: str, other: str) -> None:
    for module, imported in ((one, other), (other, one)):
        add(copied, f"plugins/redshift_etl/{module.replace('.', '/')}.py", f"import redshift_etl.{imported}")
    code, output = lint(copied)
    assert code == 1, output
    assert "No cycles in redshift_etl BROKEN" in output
    assert "Floors of redshift_etl KEPT" in output
