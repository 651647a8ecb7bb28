"""Runs `airflow dags backfill`: checks, creates the backfill by Airflow's own command, waits, and reports the outcome.

The exit code comes from the states of the runs: a backfill that is completed for Airflow has ended, not succeeded.
"""

import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from logging import WARNING
from types import FrameType

from airflow._shared.logging.structlog import PER_LOGGER_LEVELS
from airflow.sdk.exceptions import AirflowException
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from sqlalchemy.exc import OperationalError

from airflow_dags_backfill import dates, errors, state
from airflow_dags_backfill.arguments import Request, UsageError, create_argv, read
from airflow_dags_backfill.dates import RunByHand
from airflow_dags_backfill.progress import Snapshot, bar, clock, line
from airflow_dags_backfill.state import BackfillError

SIGNALS = {signal.SIGINT, signal.SIGTERM}
POLL_SECONDS = 1.0
# Longer than a restart of the scheduler takes.
SCHEDULER_GRACE_SECONDS = 120.0
SHOWN = 10


class InterruptError(Exception):
    """Ctrl-C or SIGTERM during the wait."""


@providers_configuration_loaded
def backfill(args: Namespace) -> None:
    """Run the command and exit with its code."""
    try:
        code = _cancel(args.dag_id) if args.cancel else _run(read(args))
    except UsageError as error:
        code = _report(error, 2)
    except OperationalError as error:
        code = _report(f"the metadata database does not respond: {error.orig}", 1)
    except (BackfillError, AirflowException, ValueError) as error:
        code = _report(error, 1)
    raise SystemExit(code)


def _cancel(dag_id: str) -> int:
    print(f"Cancelled backfill {state.cancel(dag_id)} of {dag_id}: its queued runs failed, running ones go on.")
    return 0


def _report(error: object, code: int) -> int:
    print(f"airflow dags backfill: {error}", file=sys.stderr)
    return code


def _run(request: Request) -> int:
    if not request.dry_run:
        state.require_scheduler()
        state.require_runnable(request.dag_id)
    request = dates.in_timetable(request)
    by_hand = dates.runs_by_hand(request)
    to_run = dates.to_run(request, by_hand)
    if request.dry_run:
        return _dry_run(request, to_run)
    if not to_run:
        return _nothing_to_run(request)
    started = time.monotonic()
    backfill_id, covered = None, list[datetime]()
    try:
        with _signals_raised():
            with _signals_deferred():
                _release(request, by_hand)
                backfill_id = _create(request)
                covered = state.dates_of(backfill_id)
            print(f"Backfill {backfill_id} of {request.dag_id}: {len(covered)} dates, {len(to_run)} to run", flush=True)
            last = _wait(request, backfill_id, covered, started)
    except InterruptError:
        return _interrupted(request, backfill_id, covered)
    return _outcome(request, last, time.monotonic() - started)


def _dry_run(request: Request, to_run: list[datetime]) -> int:
    print(f"{len(to_run)} runs of {request.dag_id} would start:")
    for date in to_run:
        print(f"  {date.isoformat()}")
    return 0


def _release(request: Request, by_hand: Sequence[RunByHand]) -> None:
    if by_hand:
        print(
            f"{request.dag_id}: {len(by_hand)} dates have a run that was started by hand for another data interval. It "
            "loses its logical date, and the date is run:"
        )
        for run in by_hand[:SHOWN]:
            print(f"  {run.date.isoformat()}, {run.run_id}")
        dates.release(by_hand)


def _nothing_to_run(request: Request) -> int:
    covered = dates.with_runs(request)
    if not covered:
        raise BackfillError(
            f"DAG {request.dag_id} has no complete data interval from {request.start.isoformat()} "
            f"to {request.end.isoformat()}"
        )
    print(f"{request.dag_id}: all {len(covered)} dates have a run already; --reset-dagruns runs them again")
    started = time.monotonic()
    try:
        with _signals_raised():
            last = _wait(request, None, covered, started)
    except InterruptError:
        return _interrupted(request, None, covered)
    return _outcome(request, last, time.monotonic() - started)


def _create(request: Request) -> int:
    from airflow.cli.cli_parser import get_parser

    # Two lines a run that add nothing to the progress.
    PER_LOGGER_LEVELS.update({"airflow.models.backfill": WARNING, "airflow.serialization.definitions.dag": WARNING})
    before = state.newest_backfill(request.dag_id)
    args = get_parser().parse_args(create_argv(request))
    args.func(args)
    created = state.newest_backfill(request.dag_id)
    if created == before:
        raise BackfillError(f"Airflow created no backfill of {request.dag_id}, and reported no reason")
    return created


def _wait(request: Request, backfill_id: int | None, covered: list[datetime], started: float) -> Snapshot:
    show = _progress_printer(request.dag_id)
    last_alive = time.monotonic()
    while True:
        seconds = time.monotonic() - started
        now = state.snapshot(request.dag_id, covered)
        show(now, seconds)
        if now.ended and (backfill_id is None or state.is_closed(backfill_id)):
            return now
        if state.scheduler_is_alive():
            last_alive = time.monotonic()
        elif time.monotonic() - last_alive > SCHEDULER_GRACE_SECONDS:
            raise BackfillError(
                f"no live scheduler for {SCHEDULER_GRACE_SECONDS:.0f} s; {now.unended} runs are left. "
                f"Start it (`airflow scheduler`) and they go on; to drop them: {_cancel_command(request)}"
            )
        if request.timeout is not None and seconds > request.timeout:
            raise BackfillError(f"timed out, with {line(request.dag_id, now, seconds)}. {_continues(request)}")
        time.sleep(POLL_SECONDS)


def _cancel_command(request: Request) -> str:
    return f"airflow dags backfill {request.dag_id} --cancel"


def _continues(request: Request) -> str:
    return f"The backfill goes on in the scheduler; to stop it: {_cancel_command(request)}"


def _progress_printer(dag_id: str) -> Callable[[Snapshot, float], None]:
    """Return a function that prints a snapshot: a bar redrawn in place on a terminal, else a line for each change."""
    terminal = sys.stdout.isatty()
    shown: Snapshot | None = None

    def show(now: Snapshot, seconds: float) -> None:
        """Print it, unless nothing has changed."""
        nonlocal shown
        if terminal and not (now.ended and now == shown):
            print(f"\r\x1b[K{bar(dag_id, now, seconds)}", end="\n" if now.ended else "", flush=True)
        elif now != shown:
            print(line(dag_id, now, seconds), flush=True)
        if now.ended and now != shown:
            print("All runs have ended; the scheduler closes a backfill within 30 s.", flush=True)
        shown = now

    return show


def _interrupted(request: Request, backfill_id: int | None, covered: list[datetime]) -> int:
    now = state.snapshot(request.dag_id, covered)
    print(f"\nInterrupted: {now.total} dates, {now.unended} runs left.")
    print(f"Backfill {backfill_id}: {_continues(request)}" if backfill_id else "No backfill was created.", flush=True)
    return 130


def _outcome(request: Request, last: Snapshot, seconds: float) -> int:
    unsuccessful = last.unsuccessful
    print(f"{request.dag_id}: {last.count('success')} of {last.total} succeeded in {clock(seconds)}")
    if not unsuccessful:
        return 0
    for run in state.failed_runs(request.dag_id, unsuccessful[:SHOWN]):
        print(f"  failed: {run.date.isoformat()}, task {', '.join(run.tasks) or 'none (failed by hand, or cancelled)'}")
    if len(unsuccessful) > SHOWN:
        print(f"  and {len(unsuccessful) - SHOWN} more")
    _print_errors(errors.of_runs(request.dag_id, unsuccessful[:SHOWN]))
    print(
        f"Their logs are in the UI. To run them again: airflow dags backfill {request.dag_id} "
        f"-s {request.typed[0]} -e {request.typed[1]} --rerun-failed-tasks"
    )
    return 1


def _print_errors(found: errors.Errors) -> None:
    """Print each different error once."""
    for (task, text), times in list(found.items())[:SHOWN]:
        print(f"  {task}{f' ({times} times)' if times > 1 else ''}: {text}")
    if len(found) > SHOWN:
        print(f"  and {len(found) - SHOWN} other errors")


@contextmanager
def _signals_deferred() -> Iterator[None]:
    """Block Ctrl-C and SIGTERM while the backfill is created: interrupted, it would be active without runs."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        # Airflow's create command installs a SIGTERM handler that exits with 0.
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextmanager
def _signals_raised() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        """End the wait."""
        raise InterruptError

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
