from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from local.cli import console

ROWS = [("core.a", 1452, None, 5.72), ("mart.bc", 27, "failed", None)]


def printed(*, terminal: bool) -> str:
    file = io.StringIO()
    Console(file=file, force_terminal=terminal, width=100, _environ={"TERM": "xterm-256color"}).print(
        console.table(("table", "rows", "state", "seconds"), ROWS)
    )
    return file.getvalue()


def test_a_table_is_aligned_and_marks_missing_values() -> None:
    lines = [line.rstrip() for line in printed(terminal=False).splitlines() if line.strip()]

    assert lines[0] == "table      rows    state   seconds"
    assert set(lines[1].strip()) == {"─"}
    assert lines[2:] == ["core.a    1,452        -       5.7", "mart.bc      27   failed         -"]


def test_only_a_terminal_gets_colours() -> None:
    assert "\x1b[" in printed(terminal=True)
    assert "\x1b" not in printed(terminal=False)


def test_a_log_has_one_line_for_a_long_step_and_each_step_that_ended(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Progress() as progress:
        progress.now("loading 1 of 9")
        progress.now("loading 2 of 9")
        progress.done("loaded [9 of 9]")

    lines = [line.split("s  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["loading 1 of 9", "loaded [9 of 9]"]


def test_a_log_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Progress() as progress:
        progress.done("x" * 500)

    assert capsys.readouterr().out.endswith("x" * 500 + "\n")
    assert not sys.stdout.isatty()
