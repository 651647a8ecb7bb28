"""The contracts of pyproject.toml hold, and each kind of forbidden import breaks them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path, module: str = "", line: str = "") -> subprocess.CompletedProcess[str]:
    """Run lint-imports over a copy of the package in which a module has one more line."""
    shutil.copy(PACKAGE / "pyproject.toml", folder)
    shutil.copytree(
        PACKAGE / "local_redshift", folder / "local_redshift", ignore=shutil.ignore_patterns("__pycache__", "data")
    )
    if module:
        with (folder / "local_redshift" / module).open("a") as file:
            file.write(f"\n{line}\n")
    # It puts the current folder first on its path.
    return subprocess.run(
        [str(LINT), "--no-cache", "pyproject.toml"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_package_keeps_its_floors(tmp_path: Path) -> None:
    done = lint(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("sql/lexer.py", "import local_redshift.statements.plan", "Floors of local_redshift"),
        ("protocol/messages.py", "import local_redshift.statements.plan", "Floors of local_redshift"),
        ("copy/columns.py", "import local_redshift.copy.run", "No cycle of modules or folders"),
        ("config.py", "import redshift_etl.errors", "Nothing of the repository that uses it"),
    ],
)
def test_a_forbidden_import_or_a_cycle_fails(tmp_path: Path, module: str, line: str, broken: str) -> None:
    done = lint(tmp_path, module, line)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{broken} BROKEN" in done.stdout
