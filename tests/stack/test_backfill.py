"""`airflow dags backfill` against a live scheduler: what it does, prints and returns."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.stack.airflow_alone import AIRFLOW, Airflow, read_terminal, read_until, running, runs, wait_until_closed

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    with running(tmp_path_factory.mktemp("airflow")) as server:
        yield server


def test_a_week_runs_to_its_end_and_again_changes_nothing(airflow: Airflow) -> None:
    first = airflow.backfill("plain", "-s", "2013-01-01", "-e", "2013-01-07")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "plain: 7 of 7 succeeded" in first.stdout
    assert re.search(r"^plain: \d/7 done, \d running, 0:\d\d$", first.stdout, re.MULTILINE)
    assert "\r" not in first.stdout
    assert runs(airflow, "plain").count("success") == 7
    before = runs(airflow, "plain")
    again = airflow.backfill("plain", "-s", "2013-01-01", "-e", "2013-01-07")
    assert again.returncode == 0
    assert "all 7 dates have a run already" in again.stdout
    assert runs(airflow, "plain") == before
    # The first one is closed by now, so that Airflow's own command is not rejected.
    own = airflow.run("backfill", "create", "--dag-id", "plain", "--from-date", "2013-01-08", "--to-date", "2013-01-08")
    assert own.returncode == 0, own.stdout + own.stderr


def test_a_terminal_gets_a_bar(airflow: Airflow) -> None:
    wait_until_closed(airflow)
    ours, theirs = os.openpty()
    command = [AIRFLOW, "dags", "backfill", "plain", "-s", "2013-02-01", "-e", "2013-02-07"]
    with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
        process = subprocess.Popen(command, env=airflow.environment, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = read_terminal(terminal.fileno())
    assert process.wait(60) == 0, shown
    assert f"\r\x1b[K[{'#' * 30}] plain: 7/7 done" in shown


def test_a_dry_run_lists_the_dates_and_starts_none(airflow: Airflow) -> None:
    before = runs(airflow, "failing")
    dry = airflow.backfill("failing", "-s", "2014-01-01", "-e", "2014-01-03", "-n")
    assert dry.returncode == 0, dry.stderr
    assert re.findall(r"2014-01-\d\d", dry.stdout) == ["2014-01-01", "2014-01-02", "2014-01-03"]
    assert runs(airflow, "failing") == before


def test_a_failed_run_makes_the_exit_code_1_and_is_named_with_the_way_to_repeat_it(airflow: Airflow) -> None:
    done = airflow.backfill("failing", "-s", "2013-01-01", "-e", "2013-01-03")
    assert done.returncode == 1
    assert "failing: 2 of 3 succeeded" in done.stdout
    assert re.search(r"failed: 2013-01-02T00:00:00\S*, task work", done.stdout)
    assert "\n  work: ValueError: planted\n" in done.stdout
    assert "--rerun-failed-tasks" in done.stdout
    existing = airflow.backfill("failing", "-s", "2013-01-01", "-e", "2013-01-03")
    assert existing.returncode == 1, "a run that failed before is no success now"
    again = airflow.backfill("failing", "-s", "2013-01-01", "-e", "2013-01-03", "--rerun-failed-tasks")
    assert again.returncode == 1
    assert "3 dates, 1 to run" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["plian", "-s", "2013-01-01"], 1, "no DAG plian. Did you mean plain?"),
        (["paused", "-s", "2013-01-01"], 1, "airflow dags unpause paused"),
        (["plain", "-s", "2013-01-07", "-e", "2013-01-01"], 2, "is before the start"),
        (["plain", "-s", "2999-01-01"], 2, "the start, 2999-01-01, is in the future"),
        (["plain", "-s", "2013-01-01", "--pool", "small"], 2, "--pool has no counterpart in Airflow 3"),
        (["plain", "--cancel"], 1, "has no active backfill"),
    ],
)
def test_what_cannot_run_is_an_error_of_one_line(
    airflow: Airflow, arguments: list[str], code: int, message: str
) -> None:
    wait_until_closed(airflow)
    rejected = airflow.backfill(*arguments)
    assert rejected.returncode == code, rejected.stdout + rejected.stderr
    last = rejected.stderr.strip().splitlines()[-1]
    assert last.startswith("airflow dags backfill: ")
    assert message in last
    assert "Traceback" not in rejected.stderr


def test_ctrl_c_leaves_the_backfill_running_and_prints_how_to_cancel_it(airflow: Airflow) -> None:
    waiting = airflow.spawn_backfill("slow", "-s", "2013-01-01", "-e", "2013-01-06", "--max-active-runs", "1")
    output = read_until(waiting, "1 running")
    second = airflow.backfill("slow", "-s", "2013-02-01")
    assert second.returncode == 1
    assert "has an active backfill already" in second.stderr
    waiting.send_signal(signal.SIGINT)
    output += waiting.communicate(timeout=60)[0]
    assert waiting.returncode == 130, output
    assert "Traceback" not in output
    assert "airflow dags backfill slow --cancel" in output
    assert " running" in runs(airflow, "slow")
    cancelled = airflow.backfill("slow", "--cancel")
    assert cancelled.returncode == 0, cancelled.stderr
    assert "queued" not in runs(airflow, "slow")


def test_a_time_out_stops_the_waiting_and_not_the_backfill(airflow: Airflow) -> None:
    late = airflow.backfill("slow", "-s", "2013-03-01", "--timeout", "2")
    assert late.returncode == 1
    assert "timed out" in late.stderr
    assert airflow.backfill("slow", "--cancel").returncode == 0


def test_a_backfill_outlives_a_restart_of_the_scheduler(airflow: Airflow) -> None:
    waiting = airflow.spawn_backfill("plain", "-s", "2013-05-01", "-e", "2013-05-20", "--max-active-runs", "1")
    output = read_until(waiting, "2/20 done")
    airflow.stop("scheduler")
    airflow.start("scheduler", "--skip-serve-logs")
    output += waiting.communicate(timeout=240)[0]
    assert waiting.returncode == 0, output
    assert "plain: 20 of 20 succeeded" in output


def test_without_a_scheduler_nothing_is_created(airflow: Airflow) -> None:
    """The last one, as it leaves no scheduler behind."""
    airflow.stop("scheduler")
    before = runs(airflow, "plain")
    rejected = airflow.backfill("plain", "-s", "2013-06-01")
    assert rejected.returncode == 1
    assert "no live scheduler: none is running" in rejected.stderr
    # The row of a scheduler that was killed 8 s ago: Airflow still counts it as alive.
    with psycopg.connect(airflow.database, autocommit=True) as database:
        beat = "latest_heartbeat = now() - interval '8 s'"
        database.execute(f"UPDATE job SET state = 'running', {beat} WHERE job_type = 'SchedulerJob'")
    rejected = airflow.backfill("plain", "-s", "2013-06-01")
    assert rejected.returncode == 1
    assert "no live scheduler: the last one was heard of" in rejected.stderr
    assert runs(airflow, "plain") == before
