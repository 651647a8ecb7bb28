"""After a task's last try: one report for a cause, a row, an alert; and reporting never fails the task."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from redshift_etl import __version__, dag
from redshift_etl.catalog import incident_reports
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.incidents import lake_store, model, table_store
from redshift_etl.incidents import on_failure as failures
from redshift_etl.incidents.failure import Failure, describe_error
from redshift_etl.incidents.on_failure import on_failure, on_retry
from redshift_etl.incidents.report import RUN_AGAIN
from redshift_etl.lake.storage import Lake
from tests.integration.batches import INCREMENTAL, LoadTarget
from tests.integration.operations import connect_airflow, instance

pytestmark = pytest.mark.slow

DAY = SimpleNamespace(
    run_id="scheduled__2013-01-01",
    run_type="scheduled",
    conf={},
    data_interval_start=datetime(2013, 1, 1, tzinfo=UTC),
    data_interval_end=datetime(2013, 1, 2, tzinfo=UTC),
    logical_date=datetime(2013, 1, 1, tzinfo=UTC),
)

THINGS = DAG("things", schedule=dag.daily(), start_date=DAY.logical_date)


@pytest.fixture
def lake(target: LoadTarget, monkeypatch: pytest.MonkeyPatch) -> Lake:
    target.create(INCREMENTAL)
    return connect_airflow(target, monkeypatch)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The list of alerts that a webhook on this machine has received."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = {"conn_type": "http", "host": f"http://127.0.0.1:{server.server_port}"}
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", json.dumps(url))
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__ALERTS", "pager")
    yield received
    server.shutdown()
    server.server_close()


def context(error: BaseException | None, **more: Any) -> dict[str, Any]:
    task = SimpleNamespace(outlets=[dag.table_asset("core.things")], get_flat_relative_ids=lambda **_: {"extract"})
    params = {"start": None, "end": None}
    store = {"task_state_store": Store(), "dag": THINGS}
    return store | {"ti": instance(**more), "task": task, "dag_run": DAY, "params": params, "exception": error}


def refused(rows: int = 5) -> SourceError:
    return SourceError(
        f"COPY refused a row: line {rows}.", fix="fix the file", table="core.things", column="name", line=rows,
        statement="COPY stage FROM 's3://lake/manifest'",
    )  # fmt: skip


def reports(lake: Lake) -> list[str]:
    found = lake.client.list_objects_v2(Bucket=lake.location.bucket, Prefix=lake.location.key("incidents/"))
    keys = [entry["Key"] for entry in found.get("Contents", ()) if entry["Key"].endswith(".md")]
    return [lake.client.get_object(Bucket=lake.location.bucket, Key=key)["Body"].read().decode() for key in keys]


def rows(target: LoadTarget) -> list[tuple[Any, ...]]:
    return target.rows("SELECT dag_id, table_name, occurrences, resolved_at FROM etl.incidents ORDER BY opened_at")


def test_a_failure_leaves_a_report_that_answers_the_first_questions(target: LoadTarget, lake: Lake) -> None:
    target.load(INCREMENTAL, [(1, "2013-01-01", "2013-01-01", "a", None)])
    on_failure(context(refused()))
    (text,) = reports(lake)
    for expected in (
        "**SourceError on core.things**, for the owner of the source to act",
        "| Window | [2013-01-01T00:00:00Z, 2013-01-02T00:00:00Z) |",
        "| Task | load |",
        "| Try | 4 |",
        "| Run | scheduled__2013-01-01 |",
        "| column | name |",
        "| line | 5 |",
        "The SQL step:\n\n```sql\nCOPY stage FROM 's3://lake/manifest'\n```",
        "| last load of core.things, run |",
        "it failed; this report",
        "extract: success, 1.2 s",
        "- `core.things`: **no**. This attempt of the run has committed no load of it; the table is as load",
        "- `extract`: extracted 7, rows 6, rejected 1",
        "| 2 | – | killed, or ended without an error of its own: see its log |",
        "| SourceError: COPY refused a row: line 5. |",
        "airflow dags clear things --run-id scheduled__2013-01-01 --yes",
        "airflow dags backfill things -s 2013-01-01 -e 2013-01-01 --rerun-failed-tasks",
        "## Cause", "## Impact", "## Follow-up",
    ):  # fmt: skip
        assert expected in text, expected
    assert "could not be read or written" not in text
    assert text.endswith(f"\n_Reported by redshift-airflow {__version__}._\n")
    assert rows(target) == [("things", "core.things", 1, None)]


class UntilTheThreadsEnd(logging.Handler):
    """Once a message has been logged: unlocks the tables, and waits for the threads that wait for them."""

    def __init__(self, message: str, blocker: Any) -> None:
        super().__init__()
        self.message, self.blocker, self.before = message, blocker, set(threading.enumerate())

    def emit(self, record: logging.LogRecord) -> None:
        if self.message in record.getMessage():
            self.blocker.rollback()
            for thread in set(threading.enumerate()) - self.before:
                thread.join(30)


def test_what_the_warehouse_answers_too_late_is_not_in_the_report(
    target: LoadTarget, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "WAREHOUSE_SECONDS", 1)
    target.load(INCREMENTAL, [(1, "2013-01-01", "2013-01-01", "a", None)])
    blocker = target.connect()
    blocker.cursor().execute("LOCK TABLE etl.load_history")
    logger = logging.getLogger("redshift_etl.incidents.context")
    handler = UntilTheThreadsEnd("Could not read or write the warehouse", blocker)
    logger.addHandler(handler)
    try:
        on_failure(context(refused()))
    finally:
        logger.removeHandler(handler)
        blocker.close()
    (text,) = reports(lake)
    assert "the warehouse: TimeoutError: no answer in 1 s" in text
    assert "The warehouse could not be queried" in text
    assert "last load of core.things" not in text


def test_a_report_is_read_by_an_incident_s_id_only(lake: Lake) -> None:
    on_failure(context(refused()))
    (incident,) = lake_store.all_open(lake)
    text = incident_reports.read(lake, incident.incident_id)
    assert text
    assert text.startswith(f"# {incident.incident_id}")
    assert incident_reports.read(lake, f"{incident.incident_id}0") is None
    lake.put("incidents/secret.md", b"secret")
    for name in ("../secret", f"{incident.incident_id[:16]}/../../secret", "'; DROP TABLE x; --", ""):
        assert incident_reports.read(lake, name) is None


def test_one_cause_is_one_incident_however_many_tasks_it_stops(
    target: LoadTarget, lake: Lake, webhook: list[Any]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: on_failure(context(refused(n), run=f"run {n}")), range(6)))
    (text,) = reports(lake)
    for number in range(6):
        assert text.count(f"\nairflow dags clear things --run-id 'run {number}' --yes\n") == 1, "each run is named once"
    assert [row[2] for row in rows(target)] == [6]
    assert len(webhook) == 1
    assert webhook[0]["subject"] == "SourceError on core.things"
    assert webhook[0]["text"].endswith(f"\nredshift-airflow {__version__}")
    assert webhook[0]["incident"]["table_name"] == "core.things"


def test_of_two_that_find_no_incident_at_once_one_opens_it(lake: Lake) -> None:
    one = model.new_incident(failure_now(refused()))
    slow = Lake.connect()
    meanwhile: list[Any] = []

    def another_is_faster(**_: Any) -> None:
        if not meanwhile:
            meanwhile.append(None)
            meanwhile.append(lake_store.open_or_count(lake, one))

    slow.client.meta.events.register("before-send.s3.PutObject", another_is_faster)
    incident, new = lake_store.open_or_count(slow, one)
    assert meanwhile[1] == (one, True)
    assert (incident.occurrences, new) == (2, False)


def test_of_two_that_add_a_command_at_once_each_is_in_the_report(lake: Lake) -> None:
    one, _ = lake_store.open_or_count(lake, model.new_incident(failure_now(refused())))
    lake_store.put_report(lake, one, f"## {RUN_AGAIN}\n\n```sh\nfirst\n```\n\n## Cause\n")
    slow = Lake.connect()
    meanwhile: list[str] = []

    def another_is_faster(**_: Any) -> None:
        if not meanwhile:
            meanwhile.append("second")
            lake_store.add_command(lake, one, "second")

    slow.client.meta.events.register("before-send.s3.PutObject", another_is_faster)
    lake_store.add_command(slow, one, "third")
    assert meanwhile
    assert reports(lake) == [f"## {RUN_AGAIN}\n\n```sh\nfirst\nsecond\nthird\n```\n\n## Cause\n"]


def test_a_dag_that_fails_every_day_is_one_incident(lake: Lake) -> None:
    one = model.new_incident(failure_now(refused()))
    for day in range(4):
        at = one.opened_at + timedelta(days=day, minutes=7 * day)
        assert lake_store.open_or_count(lake, replace(one, opened_at=at, last_seen_at=at))[1] == (day == 0)


def test_another_cause_or_some_days_of_quiet_open_another_incident(lake: Lake) -> None:
    one = model.new_incident(failure_now(refused()))
    assert lake_store.open_or_count(lake, one)[1]
    assert not lake_store.open_or_count(lake, one)[1]
    later = replace(one, opened_at=one.opened_at + timedelta(hours=49), incident_id="later")
    assert lake_store.open_or_count(lake, later) == (later, True)
    assert lake_store.open_or_count(lake, model.new_incident(failure_now(KeyError("x"))))[1]


def test_a_closed_incident_is_not_counted_on(lake: Lake) -> None:
    one, _ = lake_store.open_or_count(lake, model.new_incident(failure_now(refused())))
    again, _ = lake_store.open_or_count(lake, replace(one, last_seen_at=one.last_seen_at + timedelta(minutes=1)))
    assert not lake_store.close(lake, again, last_seen_at=one.last_seen_at), "it failed again meanwhile"
    assert lake_store.close(lake, again, last_seen_at=again.last_seen_at)
    assert lake_store.all_open(lake) == []
    assert lake_store.open_or_count(lake, one)[1]


MARKS: dict[str, dict[str, object]] = {
    "a report elsewhere": {"report": "staged/core.flights/manifest.json"},
    "a report above": {"report": "incidents/2013-01-01/../../x.md"},
    "another cause": {"cause": "of-others"},
    "a number for a text": {"summary": 7},
    "a text for a number": {"occurrences": "many"},
    "a time of no zone": {"last_seen_at": "2013-01-01T00:00:00"},
    "a year that is none": {"opened_at": "99999-01-01T00:00:00+00:00"},
    "a field more": {"unknown": 1},
    "a run that is none": {"parts": [[]]},
}


@pytest.mark.parametrize("change", [*MARKS.values(), "", "{", "null", "[]", "7"], ids=[*MARKS, *"abcde"])
def test_a_mark_that_somebody_else_has_written_is_no_incident(lake: Lake, change: dict[str, object] | str) -> None:
    one = model.new_incident(failure_now(refused()))
    other, _ = lake_store.open_or_count(lake, model.new_incident(failure_now(KeyError("x"))))
    text = change if isinstance(change, str) else json.dumps({**one.as_dict(), **change})
    lake.put(f"incidents/open/{one.cause}.json", text.encode())
    assert lake_store.all_open(lake) == [other]
    assert not lake_store.is_open(lake, one.cause)
    assert lake_store.open_or_count(lake, one) == (one, True)
    assert lake_store.open_or_count(lake, one)[0].occurrences == 2


def failure_now(error: BaseException) -> Failure:
    return Failure("things", "r", "load", failed_at=datetime.now(UTC), **describe_error(error))


def test_a_warehouse_that_is_down_leaves_the_report_alone(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", nowhere("redshift"))
    on_failure(context(TransientError("The warehouse cannot be reached: refused.", fix="nothing yet")))
    (text,) = reports(lake)
    assert "The warehouse could not be queried" in text
    assert "- the warehouse: TransientError: The warehouse cannot be reached" in text


@pytest.mark.usefixtures("lake")
def test_without_a_lake_the_report_is_in_the_log_and_people_are_told(
    target: LoadTarget, webhook: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__LAKE", "s3://there-is-no-such-bucket/lake")
    on_failure(context(refused()))
    assert "## What failed" in caplog.text
    assert len(webhook) == 1
    assert [row[0] for row in rows(target)] == ["things"]


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    ("broken", "logged"),
    [
        ({}, "The incident report could not be written: KeyError"),
        ({"ti": None}, "The incident report could not be written: AttributeError"),
        ({"ti": SimpleNamespace()}, "The incident report could not be written: AttributeError"),
        ({"ti": instance(), "params": 7}, "Could not read or write the window"),
    ],
)
def test_an_incident_inside_the_incident_writer_is_only_logged(
    broken: Any, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    on_failure(broken)
    assert logged in caplog.text


def test_a_task_that_airflow_killed_has_a_report_too(lake: Lake) -> None:
    on_failure({"ti": instance(get_task_breadcrumbs=None), "exception": None})
    (text,) = reports(lake)
    assert "killed, or lost" in text
    assert "the run's tasks: TypeError" in text


def test_no_secret_is_in_a_report_a_row_or_an_alert(target: LoadTarget, lake: Lake, webhook: list[Any]) -> None:
    password = target.database.password
    url = f"postgresql://awsuser:{password}@{target.database.host}:5439/db"
    on_failure(context(ValueError(f"cannot reach {url}; aws_secret_access_key={target.server.secret_key}")))
    on_failure(context(SourceError(f"bad {url}", fix=f"check {url}", table="core.things", statement=f"COPY … {url}")))
    written = "\n".join([*reports(lake), repr(target.rows("SELECT * FROM etl.incidents")), repr(webhook)])
    assert len(reports(lake)) == 2
    assert password not in written
    assert target.server.secret_key not in written


def test_html_and_braces_of_an_error_stay_text(lake: Lake, webhook: list[Any]) -> None:
    on_failure(context(SourceError("<script>x</script> {{ 1/0 }} | a", fix="", table="core.<b>t</b>")))
    (text,) = reports(lake)
    assert "core.&lt;b>t&lt;/b>" in text
    assert "{{ 1/0 }}" in webhook[0]["text"]


@pytest.mark.usefixtures("lake")
def test_an_alert_that_cannot_be_sent_does_not_keep_the_next_from_being_sent(
    webhook: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DEAF", nowhere("http"))
    monkeypatch.setenv("AIRFLOW_CONN_ODD", nowhere("ftp"))
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__ALERTS", "missing, odd, deaf, pager")
    on_failure(context(refused()))
    assert len(webhook) == 1


def nowhere(kind: str) -> str:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as probe:
        port = probe.server_address[1]
    return json.dumps({"conn_type": kind, "host": "127.0.0.1", "port": port, "login": "u", "password": "p"})


def test_an_incident_is_resolved_once_and_says_how(target: LoadTarget, lake: Lake) -> None:
    on_failure(context(refused()))
    (incident,) = lake_store.all_open(lake)
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert table_store.resolve(target.connect, incident, now, "a later load")
    assert table_store.resolve(target.connect, incident, now + timedelta(days=1), "again")
    assert target.rows("SELECT resolved_at, resolution FROM etl.incidents") == [(datetime(2030, 1, 1), "a later load")]


def test_an_incident_that_has_failed_again_is_not_resolved_in_the_table(target: LoadTarget, lake: Lake) -> None:
    on_failure(context(refused()))
    (before,) = lake_store.all_open(lake)
    on_failure(context(refused(), run="another"))
    assert not table_store.resolve(target.connect, before, before.opened_at, "a load of before")
    assert rows(target)[0][2:] == (2, None)


def test_a_failure_during_the_closing_keeps_the_incident_open(lake: Lake) -> None:
    one, _ = lake_store.open_or_count(lake, model.new_incident(failure_now(refused())))
    slow, again = Lake.connect(), replace(one, last_seen_at=one.last_seen_at + timedelta(seconds=1))
    slow.client.meta.events.register("before-send.s3.DeleteObject", lambda **_: counted(lake, again))
    assert not lake_store.close(slow, one, last_seen_at=one.last_seen_at)
    assert [it.occurrences for it in lake_store.all_open(lake)] == [2]


def counted(lake: Lake, incident: model.Incident) -> None:
    lake_store.open_or_count(lake, incident)


def test_a_report_begins_with_what_counts_and_ends_with_the_traceback(target: LoadTarget, lake: Lake) -> None:
    target.load(INCREMENTAL, [(1, "2013-01-01", "2013-01-01", "a", None)])
    on_failure(context(refused()))
    (text,) = reports(lake)
    first, headline, summary, *_ = text.split("\n\n")
    assert first.startswith("# ")
    assert headline == "**SourceError on core.things**, for the owner of the source to act."
    # Other tests may have made "wrong" a password, which is masked everywhere.
    assert summary.startswith("`core.things` **is late** and not ")
    assert ": it is as it was since " in summary
    assert "UTC, its last load and its data until 2013-01-02 00:00 UTC." in summary
    assert summary.endswith(
        "First: fix the file. Then run: `airflow dags clear things --run-id scheduled__2013-01-01 --yes`"
    )
    sections = [line for line in text.splitlines() if line.startswith("## ")]
    assert sections[-1] == "## Traceback"


def test_what_an_earlier_attempt_of_the_run_has_loaded_is_not_what_this_one_has(target: LoadTarget, lake: Lake) -> None:
    run = replace(target.batch(INCREMENTAL, []).run, dag_id="things", run_id=DAY.run_id)
    target.load(INCREMENTAL, [(1, "2013-01-01", "2013-01-01", "a", None)], run=run)
    before, cleared = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC)
    on_failure(context(refused()) | {"dag_run": SimpleNamespace(**vars(DAY), start_date=cleared)})
    on_failure(context(KeyError("x")) | {"dag_run": SimpleNamespace(**vars(DAY), start_date=before)})
    first, second = sorted(reports(lake), key=lambda text: "KeyError" in text)
    assert "`core.things` **is late** and not " in first
    assert "- `core.things`: **no**. This attempt of the run has committed no load of it; the table is as load" in first
    assert "`core.things` is right, and has what this run loaded before it failed." in second
    assert "- `core.things`: **yes**, 1 load(s) of this run were committed before it failed." in second


def test_a_report_says_when_rows_are_wrong_and_not_only_late(target: LoadTarget, lake: Lake) -> None:
    target.load(INCREMENTAL, [(1, "2013-01-01", "2013-01-01", "a", None)])
    on_failure(context(ConfigError("A key is there twice.", fix="delete one", table="core.things").of_wrong_data()))
    (text,) = reports(lake)
    assert " rows**: something other than this pipeline has written to it since " in text


def test_a_report_has_the_error_of_each_try(lake: Lake) -> None:
    store = Store()
    for number in (1, 2):
        on_retry(context(TransientError("Lost.", fix="it is retried"), try_number=number) | {"task_state_store": store})
    on_failure(context(refused()) | {"task_state_store": store})
    (text,) = reports(lake)
    tries = [line for line in text.splitlines() if line.startswith(("| 1 |", "| 2 |", "| 3 |", "| 4 |"))]
    killed = "killed, or ended without an error of its own: see its log |"
    lost, last = "TransientError: Lost. |", "SourceError: COPY refused a row: line 5. |"
    assert [line.split(" | ")[-1] for line in tries] == [lost, lost, killed, last]


def test_the_tries_before_a_run_was_cleared_are_not_listed(lake: Lake) -> None:
    cleared = context(refused(), max_tries=4)  # its first two succeeded, or are of another failure
    cleared["task"].retries = 2
    on_failure(cleared)
    (text,) = reports(lake)
    assert [line[:5] for line in text.splitlines() if line.startswith(tuple(f"| {n} |" for n in range(1, 5)))] == [
        "| 3 |", "| 4 |",
    ]  # fmt: skip


def test_a_report_of_a_failure_that_makes_nothing_late_says_so(target: LoadTarget, lake: Lake) -> None:
    target.load(INCREMENTAL, [(1, "2013-01-01", "2013-01-01", "a", None)])
    on_failure(context(refused()))
    (text,) = reports(lake)
    assert "## What is late or stale now\n\nNone: each table with a contract is within its limits." in text


class Store(dict[str, Any]):
    """The task's state store as the callbacks see it: Airflow's needs a running task."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))
