"""Every way that starts a run, on a live Airflow: the window that it covers, of daily, hourly, weekly and other DAGs.

The expected windows are those of the scheduled runs, by the calendar; nothing of Airflow's timetables is used for them.
"""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from redshift_etl.settings import REPOSITORY
from tests.stack.airflow_alone import Airflow, running, wait_until_closed

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]

DAGS = f"""
import sys
sys.path.insert(0, {str(REPOSITORY / "plugins")!r})
from airflow.sdk import Asset, get_current_context
from redshift_etl import dag, window

@task
def covers():
    return window.resolve(get_current_context()).as_dict()

# Without an end_date: a run by hand after it has no tasks, and succeeds.
SHARED = dict(
    start_date=DATES["start_date"], catchup=False, is_paused_upon_creation=False, default_args=dag.default_args("us"),
    params=dag.date_form("Load"),
)

for name, expression, zone in (
    ("daily", "0 0 * * *", "UTC"),
    ("hourly", "0 * * * *", "UTC"),
    ("weekly", "0 0 * * 1", "UTC"),
    ("workdays", "30 4 * * 1-5", "UTC"),
    ("new_york", "0 0 * * *", "America/New_York"),
    ("new_york_hourly", "0 * * * *", "America/New_York"),
):
    with DAG(name, schedule=CronDataIntervalTimetable(expression, timezone=zone), **SHARED):
        covers()

with DAG("cron_string", schedule="0 0 * * *", **SHARED):
    covers()

with DAG("consumer", schedule=[Asset("orders")], **SHARED):
    covers()

@task(outlets=[Asset("orders")])
def writes():
    pass

with DAG("producer", schedule=None, **(SHARED | {{"params": None}})):
    writes()
"""

Interval = tuple[datetime, datetime]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def midnight(day: int) -> datetime:
    """Of a day of March 2013 in New York: the clocks go forward on the 10th."""
    return datetime(2013, 3, day, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)


WORKDAYS = [utc(2013, 2, day, 4, 30) for day in (6, 7, 8, 11, 12, 13, 14, 15, 18)]
# By DAG: the intervals of eight scheduled runs in a row. Each way takes one of them.
INTERVALS: dict[str, Callable[[int], Interval]] = {
    "daily": lambda n: (utc(2013, 2, 1 + n), utc(2013, 2, 2 + n)),
    "hourly": lambda n: (utc(2013, 2, 1, n), utc(2013, 2, 1, n + 1)),
    "weekly": lambda n: (utc(2013, 2, 4) + 7 * n * DAY, utc(2013, 2, 11) + 7 * n * DAY),
    "workdays": lambda n: (WORKDAYS[n], WORKDAYS[n + 1]),
    "new_york": lambda n: (midnight(6 + n), midnight(7 + n)),
    "new_york_hourly": lambda n: (utc(2013, 11, 3, 3 + n), utc(2013, 11, 3, 4 + n)),
}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    with running(tmp_path_factory.mktemp("airflow"), DAGS) as server:
        yield server


def dags_trigger(dag_id: str, logical: datetime) -> tuple[str, ...]:
    return "dags", "trigger", dag_id, "--logical-date", logical.isoformat()


def backfill_create(dag_id: str, logical: datetime, *more: str) -> tuple[str, ...]:
    moment = logical.isoformat()
    return "backfill", "create", "--dag-id", dag_id, "--from-date", moment, "--to-date", moment, *more


def test_each_way_covers_what_the_scheduled_run_of_the_logical_date_covers(airflow: Airflow) -> None:
    for dag_id, interval in INTERVALS.items():
        post(airflow, dag_id, interval(0)[0])
    airflow.run_all(
        *(dags_trigger(dag_id, interval(1)[0]) for dag_id, interval in INTERVALS.items()),
        *(backfill_create(dag_id, interval(2)[0]) for dag_id, interval in INTERVALS.items()),
    )
    wait_until_ended(airflow)
    expected = {dag_id: [interval(number) for number in range(3)] for dag_id, interval in INTERVALS.items()}
    found = {dag_id: [covered(airflow, dag_id, start) for start, _ in each] for dag_id, each in expected.items()}
    assert found == expected


def test_a_dag_or_a_task_that_is_tested_covers_it_too(airflow: Airflow) -> None:
    for dag_id in INTERVALS:
        pause(airflow, dag_id, True)  # or the scheduler runs the same tasks besides
    airflow.run_all(*(("dags", "test", dag_id, each(5)[0].isoformat()) for dag_id, each in INTERVALS.items()))
    assert {dag_id: covered(airflow, dag_id, each(5)[0]) for dag_id, each in INTERVALS.items()} == {
        dag_id: each(5) for dag_id, each in INTERVALS.items()
    }
    alone = [("tasks", "test", dag_id, "covers", each(6)[0].isoformat()) for dag_id, each in INTERVALS.items()]
    moments = re.findall(r"'start': '([^']+)', 'end': '([^']+)'", airflow.run_all(*alone))
    # Printed in the order of the commands, by some of them twice.
    printed = dict.fromkeys(tuple(map(datetime.fromisoformat, pair)) for pair in moments)
    assert list(printed) == [each(6) for each in INTERVALS.values()]
    for dag_id in INTERVALS:
        pause(airflow, dag_id, False)


def test_a_run_by_hand_that_is_cleared_or_backfilled_again_covers_the_same(airflow: Airflow) -> None:
    """Airflow's own backfill makes a run by hand one of its own and leaves it the data interval that it had."""
    wait_until_closed(airflow)
    expected: dict[tuple[str, datetime], Interval] = {}
    commands = []
    for dag_id in ("daily", "new_york"):
        first, second = (INTERVALS[dag_id](number) for number in (0, 1))
        expected |= {(dag_id, first[0]): first, (dag_id, second[0]): second}
        forget(airflow, dag_id)
        commands += [
            ("tasks", "clear", dag_id, "-y", "-s", first[0].isoformat(), "-e", first[0].isoformat()),
            backfill_create(dag_id, second[0], "--reprocess-behavior", "completed"),
        ]
    airflow.run_all(*commands)
    wait_until_ended(airflow)
    assert {(dag_id, start): covered(airflow, dag_id, start) for dag_id, start in expected} == expected


def test_a_run_by_hand_without_dates_covers_the_last_complete_interval(airflow: Airflow) -> None:
    now = datetime.now(UTC)
    for dag_id in ("daily", "hourly"):
        post(airflow, dag_id, None)
        post(airflow, dag_id, now - timedelta(seconds=30))  # what the trigger form fills in
    wait_until_ended(airflow)
    for dag_id in ("daily", "hourly"):
        length = DAY if dag_id == "daily" else HOUR
        start = now.replace(minute=0, second=0, microsecond=0)
        start = (start.replace(hour=0) if dag_id == "daily" else start) - length
        assert covered(airflow, dag_id, None) == (start, start + length)
        assert covered(airflow, dag_id, now - timedelta(seconds=30)) == (start, start + length)


def test_a_run_that_an_asset_wakes_covers_the_last_complete_day(airflow: Airflow) -> None:
    assert airflow.run("dags", "trigger", "producer").returncode == 0
    deadline = time.monotonic() + 60
    while not runs(airflow, "consumer"):
        assert time.monotonic() < deadline
        time.sleep(1)
    wait_until_ended(airflow)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert covered(airflow, "consumer", None) == (today - DAY, today)


@pytest.mark.parametrize(
    ("dag_id", "request_", "message"),
    [
        ("daily", {"conf": {"date": "2013-01-02"}}, "does not know: date. [dag=daily] Fix: use end, shadow, start"),
        ("producer", {"conf": {"start": "2013-01-02"}}, "does not know: start. [dag=producer] Fix: start it without"),
        ("daily", {"logical_date": f"{datetime.now(UTC):%Y-%m-%d}T00:00:00Z"}, "is not over"),
        ("daily", {"logical_date": "2013-05-01T00:00:00Z", "data_interval_start": "2013-05-01T00:00:00Z",
                   "data_interval_end": "2013-05-09T00:00:00Z"}, "has a data interval of its own"),
        ("cron_string", {"logical_date": "2013-05-01T00:00:00Z"}, "has no data intervals"),
    ],
)  # fmt: skip
def test_a_run_that_would_cover_something_else_is_refused(
    airflow: Airflow, dag_id: str, request_: dict[str, Any], message: str
) -> None:
    run_id = post(airflow, dag_id, None, **request_)
    wait_until_ended(airflow)
    with psycopg.connect(airflow.database) as database:
        query = "SELECT state FROM dag_run WHERE dag_id = %s AND run_id = %s"
        assert database.execute(query, [dag_id, run_id]).fetchone() == ("failed",)
    logs = (airflow.folder / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}").rglob("*.log")
    assert message in "".join(path.read_text() for path in logs)


def test_the_command_runs_the_whole_days_that_it_names(airflow: Airflow) -> None:
    wait_until_closed(airflow)
    expected = {
        "hourly": (utc(2013, 6, 1), 24),
        "daily": (utc(2013, 6, 1), 1),
        "new_york": (utc(2013, 6, 1, 4), 1),
        "weekly": (utc(2013, 5, 27), 1),
        "workdays": (utc(2013, 5, 31, 4, 30), 1),
    }
    day = ("-s", "2013-06-01", "-e", "2013-06-01")
    started = {dag_id: airflow.spawn_backfill(dag_id, *day) for dag_id in expected}
    for dag_id, (first, runs_of_the_day) in expected.items():
        output = started[dag_id].communicate(timeout=300)[0]
        assert f"{dag_id}: {runs_of_the_day} of {runs_of_the_day} succeeded" in output, output
        assert started[dag_id].returncode == 0, output
        assert covered(airflow, dag_id, first)[0] == first
    with psycopg.connect(airflow.database) as database:
        query = """SELECT min(data_interval_start), max(data_interval_end) FROM dag_run WHERE dag_id = 'hourly'
            AND logical_date >= '2013-06-01' AND logical_date < '2013-07-01'"""
        assert database.execute(query).fetchone() == (utc(2013, 6, 1), utc(2013, 6, 2))


def test_a_date_that_a_run_by_hand_has_taken_is_not_counted_as_done(airflow: Airflow) -> None:
    wait_until_closed(airflow)
    dates = [utc(2013, 7, day) for day in (1, 2, 3)]
    post(airflow, "plain", dates[0])
    airflow.run_all(dags_trigger("plain", dates[1]))
    post(airflow, "daily", dates[0], conf={"start": "2013-09-01", "end": "2013-09-01"})
    wait_until_ended(airflow)
    days = ("-s", "2013-07-01", "-e", "2013-07-03")
    for expected, more in (
        (["3 runs of"], ["-n"]),
        (["3 dates, 3 to run", "started by hand for another data interval", "3 of 3 succeeded"], []),
        (["all 3 dates have a run already"], []),
    ):
        for started in [airflow.spawn_backfill(dag_id, *days, *more) for dag_id in ("plain", "daily")]:
            output = started.communicate(timeout=300)[0]
            assert started.returncode == 0, output
            assert [text for text in expected if text not in output] == [], output
    for dag_id in ("plain", "daily"):
        with psycopg.connect(airflow.database) as database:
            query = """SELECT data_interval_start, data_interval_end FROM dag_run WHERE dag_id = %s
                AND logical_date BETWEEN '2013-07-01' AND '2013-07-03' ORDER BY 1"""
            assert database.execute(query, [dag_id]).fetchall() == [(date, date + DAY) for date in dates]
    assert [covered(airflow, "daily", date) for date in dates] == [(date, date + DAY) for date in dates]


def post(airflow: Airflow, dag_id: str, logical: datetime | None, **more: Any) -> str:
    """Start a run as the trigger form does, by the REST API; returns the run's id."""
    address = airflow.environment["AIRFLOW__API__BASE_URL"]
    passwords = json.loads((airflow.folder / "simple_auth_manager_passwords.json.generated").read_text())
    token = request(f"{address}/auth/token", {"username": "admin", "password": passwords["admin"]})["access_token"]
    body = {"logical_date": logical.isoformat() if logical else None, **more}
    return str(request(f"{address}/api/v2/dags/{dag_id}/dagRuns", body, token)["dag_run_id"])


def request(url: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def wait_until_ended(airflow: Airflow) -> None:
    deadline = time.monotonic() + 240
    with psycopg.connect(airflow.database, autocommit=True) as database:
        query = "SELECT dag_id, run_id FROM dag_run WHERE state NOT IN ('success', 'failed')"
        while left := database.execute(query).fetchall():
            assert time.monotonic() < deadline, left
            time.sleep(1)


def runs(airflow: Airflow, dag_id: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(airflow.database) as database:
        return database.execute("SELECT run_id FROM dag_run WHERE dag_id = %s", [dag_id]).fetchall()


def pause(airflow: Airflow, dag_id: str, paused: bool) -> None:
    with psycopg.connect(airflow.database, autocommit=True) as database:
        database.execute("UPDATE dag SET is_paused = %s WHERE dag_id = %s", [paused, dag_id])


def forget(airflow: Airflow, dag_id: str) -> None:
    """Delete what the runs returned, so that it is not read in the place of what they return when they run again."""
    with psycopg.connect(airflow.database, autocommit=True) as database:
        database.execute("DELETE FROM xcom WHERE dag_id = %s", [dag_id])


def covered(airflow: Airflow, dag_id: str, logical: datetime | None) -> Interval:
    """The window that the newest run of a logical date resolved."""
    query = """SELECT x.value FROM dag_run r JOIN xcom x USING (dag_id, run_id) WHERE dag_id = %s
        AND key = 'return_value' AND r.logical_date IS NOT DISTINCT FROM %s ORDER BY r.id DESC LIMIT 1"""
    with psycopg.connect(airflow.database) as database:
        row = database.execute(query, [dag_id, logical]).fetchone()
    assert row, (dag_id, logical)
    value = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    return datetime.fromisoformat(value["start"]), datetime.fromisoformat(value["end"])
