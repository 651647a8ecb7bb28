from __future__ import annotations

import re
import subprocess

import pytest

from local.stack import state_dir

MAKEFILE = (state_dir.REPOSITORY / "Makefile").read_text()


def make(*arguments: str) -> str:
    done = subprocess.run(["make", *arguments], cwd=state_dir.REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_lists_every_target_and_is_what_plain_make_prints() -> None:
    [phony] = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)

    listed = re.findall(r"^  make ([a-z-]+) +\S", make("help"), re.MULTILINE)

    assert listed == sorted(phony.split(), key=listed.index)
    assert make() == make("help")


def test_every_verb_that_make_calls_exists() -> None:
    from local.cli.__main__ import _parser

    for verb in re.findall(r"\$\(LOCAL\) ([a-z]+)", MAKEFILE):
        assert _parser().parse_args([verb]).verb == verb


@pytest.mark.slow
def test_docs_are_the_catalogue_of_every_contract() -> None:
    tables = {
        f"{path.parent.name}.{path.stem}" for path in (state_dir.REPOSITORY / "include/sql/tables").glob("*/*.sql")
    }

    make("docs")

    pages = {path.stem for path in (state_dir.REPOSITORY / "docs/catalog").glob("*.html")}
    assert pages == tables | {"index"}
