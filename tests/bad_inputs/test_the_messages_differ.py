"""What is compared over all categories that have run (this is the last file by name): all in `make test-slow`."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.bad_inputs.cases import AT_LEAST, CATEGORIES, FOLDER, SLOW, read
from tests.bad_inputs.messages import Messages


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_category_has_enough_cases_each_with_a_name_of_its_own(category: str) -> None:
    names = [case.name for case in read(category)]
    assert len(set(names)) == len(names) >= AT_LEAST


def test_each_file_of_cases_is_a_category() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(CATEGORIES)


@pytest.mark.parametrize(
    "categories",
    [
        pytest.param([name for name in CATEGORIES if name not in SLOW], id="fast"),
        pytest.param(CATEGORIES, id="all", marks=pytest.mark.slow),
    ],
)
def test_two_mistakes_never_have_the_same_message(messages: Messages, categories: Sequence[str]) -> None:
    run = {f"{category}: {case.name}" for category in categories for case in read(category)}
    assert run <= set(messages.seen), "not compared, as they did not run or were not refused: run the whole folder"
    alike = [f"{message}\n  {', '.join(names)}" for message, names in messages.alike()]
    if alike:
        pytest.fail("\n".join(alike), pytrace=False)
