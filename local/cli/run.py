"""`make run`: start the local stack, load real data, and print what the warehouse holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import requests

from local.cli import console, summary
from local.cli.airflow_api import AirflowApi, AirflowApiError
from local.cli.quickstart import YEAR_DAYS, Quickstart, StepFailedError, load
from local.stack import stack, state_dir, status

if TYPE_CHECKING:
    from pathlib import Path


def run(path: Path, days: int) -> int:
    """Start the stack unless it runs, load the first `days` days of 2013, print the tables; returns the exit code."""
    if not 1 <= days <= YEAR_DAYS:
        print(f"DAYS={days}: the data has 1 to {YEAR_DAYS} days.", file=sys.stderr)
        return 1
    has_begun = False
    with console.Progress() as progress:
        try:
            with state_dir.one_command(path, progress.now):
                has_begun = True
                return _start_and_load(path, days, progress)
        except KeyboardInterrupt:
            progress.done("interrupted")
            print(f"\n{_what_goes_on(path, has_begun=has_begun)}", file=sys.stderr)
            return 130


def _start_and_load(path: Path, days: int, progress: console.Progress) -> int:
    running = stack.start(path, progress.services)
    progress.done(f"the local stack runs, Airflow at {running.url('ui')}")
    try:
        load(Quickstart(path, AirflowApi(running), progress), days)
    except (StepFailedError, AirflowApiError, requests.RequestException) as error:
        progress.done("failed")
        print("\n".join(("", str(error), "", *_after_a_failure(path))), file=sys.stderr)
        return 1
    progress.stop()
    print()
    running = state_dir.create(path)
    console.create().print(console.table(summary.COLUMNS, summary.tables(running)))
    print(f"\n{console.login(running)}")
    return 0


def _after_a_failure(path: Path) -> list[str]:
    current = status.read(path)
    if current is None:
        return ["The local stack was stopped; `make run` starts it and continues."]
    return [*status.hints(path, current), "The stack stays up; `make run` continues, `make stop` stops it."]


def _what_goes_on(path: Path, *, has_begun: bool) -> str:
    """What an interrupted command leaves in the background, and how to see, continue and stop it."""
    commands = "`make status` shows it, `make run` continues, `make stop` stops all of it; the data stays."
    if not has_begun:
        return f"Nothing was begun. The other `make run` goes on in {path}: {commands}"
    return (
        f"The local stack in {path} goes on in the background, and its Airflow continues the runs and backfills that"
        f" were begun: {commands}"
    )
