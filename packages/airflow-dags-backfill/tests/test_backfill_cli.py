"""The command line of `airflow dags backfill`: what it becomes, what it rejects, and Airflow's other commands."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.cli import cli_parser
from airflow.cli.cli_config import GroupCommand

from airflow_dags_backfill.arguments import UNSUPPORTED, Request, UsageError, create_argv, read
from airflow_dags_backfill.command import add_to_dags_group
from airflow_dags_backfill.errors import first_line
from airflow_dags_backfill.progress import Snapshot, bar, clock, line

WEEK = ["-s", "2013-01-01", "-e", "2013-01-07"]


def request_of(*argv: str) -> Request:
    return read(cli_parser.get_parser().parse_args(["dags", "backfill", "flights", *argv]))


def test_a_week_becomes_airflows_own_create_command() -> None:
    assert create_argv(request_of(*WEEK)) == [
        *("backfill", "create", "--dag-id", "flights"),
        *("--from-date", "2013-01-01T00:00:00+00:00", "--to-date", "2013-01-07T00:00:00+00:00"),
        *("--reprocess-behavior", "none"),
    ]


@pytest.mark.parametrize(
    ("flags", "mapped"),
    [
        (["-c", '{"a": 1}'], ["--dag-run-conf", '{"a": 1}']),
        (["-n"], ["--dry-run"]),
        (["--dry-run"], ["--dry-run"]),
        (["-B"], ["--run-backwards"]),
        (["--run-backwards"], ["--run-backwards"]),
        (["--rerun-failed-tasks"], ["--reprocess-behavior", "failed"]),
        (["--reset-dagruns"], ["--reprocess-behavior", "completed"]),
        (["--max-active-runs", "3"], ["--max-active-runs", "3"]),
    ],
)
def test_each_flag_has_its_counterpart(flags: list[str], mapped: list[str]) -> None:
    argv = create_argv(request_of(*WEEK, *flags))
    assert any(argv[start : start + len(mapped)] == mapped for start in range(len(argv)))
    # Airflow's own parser accepts the result.
    assert cli_parser.get_parser().parse_args(argv).dag_id == "flights"


@pytest.mark.parametrize("flags", [["-y"], ["--yes"], ["--continue-on-failures"]])
def test_a_flag_for_what_always_happens_changes_nothing(flags: list[str]) -> None:
    assert request_of(*WEEK, *flags) == request_of(*WEEK)


@pytest.mark.parametrize("name", [name for flag in UNSUPPORTED for name in flag.flags])
def test_an_unsupported_flag_is_an_error_that_names_it(name: str) -> None:
    flag = next(flag for flag in UNSUPPORTED if name in flag.flags)
    with pytest.raises(UsageError, match=f"{name}.* has no counterpart in Airflow 3: {flag.instead[:20]}"):
        request_of(*WEEK, name, *(["1"] if flag.takes_value else []))


def test_unsupported_flags_are_not_in_the_help() -> None:
    text = help_of("dags", "backfill")
    assert "--reset-dagruns" in text
    assert not [name for flag in UNSUPPORTED for name in flag.flags if name.startswith("--") and name in text]


@pytest.mark.parametrize("flag", ["-s", "-e"])
def test_one_date_alone_is_a_backfill_of_that_date(flag: str) -> None:
    request = request_of(flag, "2013-01-03")
    assert request.start == request.end == datetime(2013, 1, 3, tzinfo=UTC)


def test_a_date_keeps_its_offset() -> None:
    assert request_of("-s", "2013-01-01T00:00:00-05:00").start == datetime(2013, 1, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "give a first day with -s"),
        (["-s", "2013-01-07", "-e", "2013-01-01"], "the end, 2013-01-01, is before the start, 2013-01-07"),
        (["-s", "2013-02-30"], "-s 2013-02-30 is no date"),
        (["-s", "2013-01-01", "-e", "soon"], "-e soon is no date"),
        ([*WEEK, "-c", "{"], "-c is no JSON"),
        ([*WEEK, "-c", "[1]"], "-c must be a JSON object"),
        ([*WEEK, "--rerun-failed-tasks", "--reset-dagruns"], "choose one"),
        ([*WEEK, "--max-active-runs", "0"], "--max-active-runs 0 is not a number above zero"),
        ([*WEEK, "--timeout", "nan"], "--timeout nan is not a number above zero"),
        ([*WEEK, "--timeout", "soon"], "--timeout soon is not a number"),
        (["-s", "2999-01-01"], "the start, 2999-01-01, is in the future"),
    ],
)
def test_an_invalid_command_line_is_an_error(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        request_of(*argv)


def test_the_command_is_added_once_however_often_airflow_calls_the_hook() -> None:
    assert add_to_dags_group() == []
    groups = [
        group for group in cli_parser.airflow_commands if isinstance(group, GroupCommand) and group.name == "dags"
    ]
    assert len(groups) == 1
    assert [command.name for command in groups[0].subcommands].count("backfill") == 1


@pytest.mark.parametrize("command", ["list", "trigger", "test", "list-runs"])
def test_airflows_other_dags_commands_are_still_there(command: str) -> None:
    assert command in help_of("dags")


def test_the_installed_command_line_lists_backfill_once_and_warns_of_nothing(tmp_path: Path) -> None:
    airflow = Path(sys.executable).with_name("airflow")
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run([airflow, "dags", "--help"], env=env, capture_output=True, text=True, check=True, timeout=120)
    assert [text.split()[0] for text in done.stdout.splitlines() if "backfill" in text.split()[:1]] == ["backfill"]
    assert "backfill" not in done.stderr


def test_progress_counts_what_has_ended_and_what_runs() -> None:
    days = [datetime(2013, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(4)]
    snapshot = Snapshot(dict(zip(days, ["success", "failed", "running", "queued"], strict=True)))
    assert line("flights", snapshot, 75) == "flights: 2/4 done, 1 running, 1 failed, 1:15"
    assert bar("flights", snapshot, 75).startswith("[" + "#" * 15 + "." * 15 + "] flights: 2/4")
    assert not snapshot.ended
    assert snapshot.unsuccessful == [days[1]]


def test_a_run_that_was_deleted_counts_as_failed() -> None:
    snapshot = Snapshot({datetime(2013, 1, 1, tzinfo=UTC): "gone"})
    assert snapshot.ended
    assert snapshot.unsuccessful


def failed(text: str, kind: str = "SourceError", event: str = "Task failed with exception") -> dict[str, object]:
    return {"event": event, "level": "error", "error_detail": [{"exc_type": kind, "exc_value": text, "frames": []}]}


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ([], None),
        ([{"event": "one"}, {"event": "two", "error_detail": []}], None),
        ([failed("the file is empty\nsecond line")], "SourceError: the file is empty"),
        (
            [failed("first"), failed("last"), failed("no lake", event="no report")],
            "SourceError: last",
        ),
        ([failed("", "KeyboardInterrupt")], "KeyboardInterrupt"),
        ([failed("killed", event="Process ended")], "SourceError: killed"),
        ([failed("x" * 9999)], "SourceError: " + "x" * 286 + "…"),
    ],
)
def test_the_error_of_a_task_is_the_first_line_of_the_exception_that_ended_it(
    entries: list[dict[str, object]], line: str | None
) -> None:
    assert first_line(entries) == line


def test_a_long_backfill_shows_hours() -> None:
    assert [clock(5), clock(65), clock(3_725)] == ["0:05", "1:05", "1:02:05"]


def help_of(*command: str) -> str:
    parser = cli_parser.get_parser()
    for name in command:
        parser = next(action for action in parser._actions if hasattr(action, "choices") and action.choices).choices[
            name
        ]  # type: ignore[index]
    return parser.format_help()
