from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.cli import coverage
from local.stack import state_dir

# A process that starts another one, as a test starts a server.
PARENT = """
import subprocess, sys
sys.path.insert(0, "plugins")
import redshift_etl.errors
subprocess.run([sys.executable, "-c", "import local_redshift.sql.lexer"], check=True)
"""


@pytest.mark.slow
def test_lines_are_counted_in_every_process_that_a_test_starts(tmp_path: Path) -> None:
    recorded, details = tmp_path / "recorded", tmp_path / "details.json"
    recorded.mkdir()
    subprocess.run(
        [sys.executable, "-c", PARENT],
        env={**os.environ, **coverage.environment(recorded)},
        cwd=state_dir.REPOSITORY,
        check=True,
    )

    line = coverage.report(recorded, details)

    files = {
        Path(name).resolve().relative_to(state_dir.REPOSITORY).as_posix(): lines
        for name, lines in json.loads(details.read_text())["files"].items()
    }
    assert len(list(recorded.iterdir())) == 2
    assert len(files["plugins/redshift_etl/errors.py"]["executed_lines"]) > 1
    assert len(files["packages/local-redshift/local_redshift/sql/lexer.py"]["executed_lines"]) > 10
    assert files["packages/local-redshift/local_redshift/server.py"]["executed_lines"] == []
    assert line.startswith("Coverage: redshift_etl ")


def test_a_python_without_the_variables_records_nothing(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": coverage.environment(tmp_path)["PYTHONPATH"]}
    env.pop("COVERAGE_FOLDER", None)

    subprocess.run([sys.executable, "-c", "import local_redshift.sql.lexer"], env=env, check=True)

    assert list(tmp_path.iterdir()) == []
