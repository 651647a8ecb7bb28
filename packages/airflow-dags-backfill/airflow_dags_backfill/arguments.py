"""The flags of `airflow dags backfill`, and the `airflow backfill create` command line that they become.

The flags are those of Airflow 2's command. A flag that Airflow 3 has a counterpart for is mapped; any other is an error
that names it, because ignoring it would run something else than was requested.
"""

import json
import re
from argparse import Namespace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow._shared.timezones.timezone import parse as parse_date


class UsageError(Exception):
    """The command line is invalid or has an unsupported flag; the message has what to write instead."""


@dataclass(frozen=True)
class UnsupportedFlag:
    """A flag of Airflow 2 that Airflow 3's backfills have no counterpart for."""

    flags: tuple[str, ...]
    instead: str
    takes_value: bool = False

    @property
    def dest(self) -> str:
        """The name under which argparse stores it."""
        return "unsupported" + self.flags[-1].replace("-", "_")


UNSUPPORTED = (
    UnsupportedFlag(
        ("-t", "--task-regex"),
        "a backfill runs whole DAG runs; clear single tasks with `airflow tasks clear -t`",
        takes_value=True,
    ),
    UnsupportedFlag(("-m", "--mark-success"), "mark runs as successful in the UI or through the REST API"),
    UnsupportedFlag(("-l", "--local"), "the scheduler's executor runs the tasks"),
    UnsupportedFlag(("-x", "--donot-pickle"), "Airflow 3 never pickles DAGs; leave it out"),
    UnsupportedFlag(("-i", "--ignore-dependencies"), "Airflow 3 cannot run tasks against their dependencies"),
    UnsupportedFlag(("-I", "--ignore-first-depends-on-past"), "Airflow 3 cannot ignore depends_on_past"),
    UnsupportedFlag(("-S", "--subdir"), "the scheduler runs the DAGs of its own bundles", takes_value=True),
    UnsupportedFlag(("--pool",), "the pool is set on the task", takes_value=True),
    UnsupportedFlag(
        ("--delay-on-limit",), "the scheduler paces the runs; limit them with --max-active-runs", takes_value=True
    ),
    UnsupportedFlag(("--disable-retry",), "retries are set on the task"),
    UnsupportedFlag(("--treat-dag-as-regex",), "name one DAG a command"),
    UnsupportedFlag(("--treat-dag-id-as-regex",), "name one DAG a command"),
    UnsupportedFlag(
        ("-v", "--verbose"),
        "the tasks' logs are in the UI; for the command's own set AIRFLOW__LOGGING__LOGGING_LEVEL=DEBUG",
    ),
)


@dataclass(frozen=True)
class Request:
    """One requested backfill.

    `start` and `end` are inclusive logical dates, and `typed` is what they were on the command line: a date without a
    time is a whole day of the DAG's timetable, which is not known here. `timeout` is seconds or None.
    """

    dag_id: str
    start: datetime
    end: datetime
    typed: tuple[str, str]
    conf: str | None = None
    dry_run: bool = False
    backwards: bool = False
    reprocess: str = "none"
    max_active_runs: int | None = None
    timeout: float | None = None


def read(args: Namespace) -> Request:
    """Check a parsed command line and return the backfill that it requests.

    Raises UsageError for an unsupported flag, a date that is missing, invalid or out of order, two flags that
    contradict each other, or a conf that is not a JSON object.
    """
    _reject_unsupported(args)
    typed, (start, end) = _dates(args.start_date, args.end_date)
    return Request(
        dag_id=args.dag_id,
        start=start,
        end=end,
        typed=typed,
        conf=_conf(args.conf),
        dry_run=args.dry_run,
        backwards=args.run_backwards,
        reprocess=_reprocess(args),
        max_active_runs=_positive(args.max_active_runs, "--max-active-runs", int),
        timeout=_positive(args.timeout, "--timeout", float),
    )


def create_argv(request: Request) -> list[str]:
    """Return the arguments of `airflow` that create this backfill."""
    argv = ["backfill", "create", "--dag-id", request.dag_id]
    argv += ["--from-date", request.start.isoformat(), "--to-date", request.end.isoformat()]
    argv += ["--reprocess-behavior", request.reprocess]
    if request.conf is not None:
        argv += ["--dag-run-conf", request.conf]
    if request.max_active_runs is not None:
        argv += ["--max-active-runs", str(request.max_active_runs)]
    argv += ["--run-backwards"] * request.backwards
    argv += ["--dry-run"] * request.dry_run
    return argv


def _reject_unsupported(args: Namespace) -> None:
    flags = [flag for flag in UNSUPPORTED if getattr(args, flag.dest, None)]
    if flags:
        reasons = (f"{'/'.join(flag.flags)} has no counterpart in Airflow 3: {flag.instead}" for flag in flags)
        raise UsageError("; ".join(reasons))


def is_day(text: str) -> bool:
    """Whether a date on the command line has no time."""
    return re.fullmatch(r"\d{4}-?\d\d-?\d\d", text.strip()) is not None


def _dates(start: str | None, end: str | None) -> tuple[tuple[str, str], tuple[datetime, datetime]]:
    first, last = start or end, end or start
    if first is None or last is None:
        raise UsageError("give a first day with -s, a last day with -e, or both")
    parsed = _date(first, "-s"), _date(last, "-e")
    over = parsed[1] + timedelta(days=1, microseconds=-1) if is_day(last) else parsed[1]
    if parsed[0] > over:
        raise UsageError(f"the end, {last}, is before the start, {first}")
    if parsed[0] > datetime.now(UTC):
        raise UsageError(f"the start, {first}, is in the future, and a run covers what is over")
    return (first, last), parsed


def _date(text: str, flag: str) -> datetime:
    try:
        return parse_date(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text} is no date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS+HH:MM") from error


def _conf(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"-c is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise UsageError("-c must be a JSON object, such as '{\"key\": 1}'")
    return text


def _reprocess(args: Namespace) -> str:
    if args.rerun_failed_tasks and args.reset_dagruns:
        raise UsageError("--rerun-failed-tasks runs failed runs again, --reset-dagruns all runs: choose one")
    if args.rerun_failed_tasks:
        return "failed"
    return "completed" if args.reset_dagruns else "none"


def _positive(text: str | None, flag: str, kind: type[Any]) -> Any:
    if text is None:
        return None
    try:
        value = kind(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text} is not a number") from error
    if not value > 0:
        raise UsageError(f"{flag} {text} is not a number above zero")
    return value
