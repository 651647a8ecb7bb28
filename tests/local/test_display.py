from __future__ import annotations

import pytest

from local.cli import console


def test_a_table_lines_up_and_says_what_is_missing() -> None:
    text = console.table(
        ("table", "rows", "window", "seconds"), [("core.a", 1452, None, 5.72), ("mart.bc", 27, "x", None)]
    )

    assert text.splitlines() == [
        "table     rows  window  seconds",
        "-------  -----  ------  -------",
        "core.a   1,452       -      5.7",
        "mart.bc     27       x        -",
    ]


def test_a_log_has_one_line_for_what_lasts_and_each_step_that_ended(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Progress() as progress:
        progress.now("loading 1 of 9")
        progress.now("loading 2 of 9")
        progress.done("loaded")

    lines = [line.split("s  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["loading 1 of 9", "loaded"]
