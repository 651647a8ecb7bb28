"""Which failures are one incident, and what is never written to a report."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, CronDataIntervalTimetable
from airflow.sdk.log import mask_secret

from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.incidents import model
from redshift_etl.incidents.context import IncidentContext
from redshift_etl.incidents.failure import Failure, describe_error, rerun_commands
from redshift_etl.incidents.on_failure import TRACEBACK_CHARS, read_failure
from redshift_etl.redaction import redact

NOW = datetime(2013, 1, 2, 3, 15, tzinfo=UTC)


def failure(error: BaseException, dag: str = "flights", task: str = "load", run: str = "r1") -> Failure:
    return Failure(dag_id=dag, run_id=run, task_id=task, failed_at=NOW, **describe_error(error))


def cause(error: BaseException, **where: str) -> str:
    return model.cause_of(failure(error, **where))


def manifest_error(rows: int, table: str = "core.flights") -> SourceError:
    return SourceError(f"The manifest promises {rows} rows and COPY staged 4.", fix="again", table=table)


def test_the_same_error_of_another_window_or_task_is_the_same_cause() -> None:
    assert cause(manifest_error(5)) == cause(manifest_error(77), task="other", run="r2")


def test_another_table_another_message_or_another_class_is_another_cause() -> None:
    causes = [
        cause(manifest_error(5)),
        cause(manifest_error(5, table="core.weather")),
        cause(SourceError("COPY refused a row: 22001.", fix="", table="core.flights")),
        cause(ConfigError("The manifest promises 5 rows and COPY staged 4.", fix="", table="core.flights")),
    ]
    assert len(set(causes)) == 4


def test_a_warehouse_that_is_down_is_one_cause_for_all_dags() -> None:
    down = "The warehouse cannot be reached: connection to 10.0.0.{} refused."
    assert cause(TransientError(down.format(7), fix=""), dag="flights") == cause(
        TransientError(down.format(9), fix=""), dag="weather"
    )


def test_an_error_of_no_class_of_the_library_is_a_cause_of_its_dag() -> None:
    assert cause(KeyError("x"), dag="flights") != cause(KeyError("x"), dag="weather")


def test_a_task_that_was_killed_still_has_a_message_and_someone_who_acts() -> None:
    fields = describe_error(None)
    assert "killed" in fields["message"]
    assert fields["who_acts"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("could not connect to postgresql://awsuser:s3cr3tpass@host:5439/db", "s3cr3tpass"),
        ("Authorization: Bearer abcdef0123456789xyz", "abcdef0123456789xyz"),
        ("IAM key AKIAIOSFODNN7EXAMPLE was refused", "AKIAIOSFODNN7EXAMPLE"),
        ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI/K7MDENG"),
        ("COPY t FROM 's3://x' SECRET_ACCESS_KEY 'wJalrXUtnFEMI'", "wJalrXUtnFEMI"),
        ("{'password': 'hunter2', 'user': 'me'}", "hunter2"),
        ('{"api_key": "k-123456"}', "k-123456"),
        ("password: hunter2, again", "hunter2"),
        ("GET https://x/y?X-Amz-Signature=deadbeef01&a=b", "deadbeef01"),
        ("posted to https://hooks.slack.com/services/T0/B0/zzz", "T0/B0/zzz"),
        ("token eyJhbGciOi.eyJzdWIi.sig", "eyJzdWIi"),
        ("postgresql://awsuser:s3cr/3tpass@host:5439/db", "3tpass"),
        ("postgresql://awsuser:s3cr@3tpass@host:5439/db", "3tpass"),
        ("ALTER USER etl PASSWORD 'O''Brien1'", "Brien1"),
        ("COPY t FROM 's3://x' SECRET_ACCESS_KEY 'wJalr XUtnFEMI… (500 characters)", "XUtnFEMI"),
        ("secret_key='wJalr XUtnFEMI… (500 characters)", "XUtnFEMI"),
        ("Authorization: Token abc123", "abc123"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=abc123", "abc123"),
        ("{'Authorization': 'Token abc123', 'Accept': '*/*'}", "abc123"),
        ('{\\"Authorization\\": \\"Token abc123\\"}', "abc123"),
        ("Cookie: first=1; session=abc123", "abc123"),
        ("{'Set-Cookie': \"id='abc123'; Path=/\"}", "abc123"),
        ("X-Api-Key: abc 123", "123"),
        ("x-amz-security-token=abc 123", "123"),
        ("Proxy-Authorization: Digest username=me, response=abc123", "abc123"),
        ("GET /v1?sig=abc123 HTTP/1.1", "abc123"),
        ("https://x/y?appid=abc123&page=2", "abc123"),
        ("https://x/y?page=2&auth=abc123", "abc123"),
        ("https://x/y?page=2&amp;anything=abc123", "abc123"),
        ("https://x/y#access_token=abc123", "abc123"),
        ("https://x/y?se=2013&sv=1&sp=r&sig=abc%2B123%3D", "123"),
        ("https://u:abc123@host/y", "abc123"),
        ("https://abc123@host/y?page=1", "abc123"),
        ("https://x-access-token:abc123@github.com/a/b.git", "abc123"),
        ("appid=abc123", "abc123"),
        ('passwd "abc123"', "abc123"),
        ('password "abc 123', "123"),
        ("ALTER USER etl PASSWORD $$abc'123$$", "123"),
        ("ALTER USER etl PASSWORD $a$abc$$123$a$ VALID UNTIL '2030-01-01'", "123"),
        ("CREATE USER etl PASSWORD'abc123'", "abc123"),
        ("CREATE USER etl PASSWORD /* of 'etl' */ 'abc123'", "abc123"),
        ("CREATE USER etl PASSWORD e'abc\\'123'", "123"),
        ("CREATE USER etl PASSWORD -- a line\n 'abc123'", "abc123"),
        ("CREATE USER etl PASSWORD $$abc 123", "123"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ\nabc\n-----END PRIVATE KEY-----", "MIIEvQ"),
    ],
)
def test_a_secret_is_removed_from_what_is_written(text: str, secret: str) -> None:
    assert secret not in redact(text)


def test_a_secret_is_removed_where_another_one_is_the_word_before_it() -> None:
    mask_secret("fernet_key")
    assert redact("fernet_key='wJalr XUtnFEMI… (500 characters)") == "fernet_key=***"
    assert "fernet_key" not in redact("the password fernet_key was refused")


@pytest.mark.parametrize(
    "text",
    [
        "The key 17 is NULL.",
        "token bucket empty",
        "keys: id=3 (name is z)",
        "s3://bucket/key",
        "12:30:05 at noon",
        "http://api:8080/v1?to=ada@example.org",
        "'a' is 'b'",
        "https://api/v1/tides?id=1&start_date=2013-01-01&end_date=2013-01-02&page=3",
        "s3://bucket/a#b=c@d.csv",
        "s3://bucket/who@where.csv",
        'password authentication failed for user "etl"',
        "The value costs $5$ and more",
        "postgresql://host:5439/dev",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redact(text) == text


def test_a_traceback_is_cut_after_its_secrets_are_removed() -> None:
    filler = "x" * (TRACEBACK_CHARS - len("passes@host/db\n") - 3)
    error = ValueError(f"postgresql://awsuser:first-half-passes@host/db {filler}")
    task_context = {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="t"), "exception": error}
    text = read_failure(task_context, IncidentContext()).traceback
    assert len(text) <= TRACEBACK_CHARS
    assert "passes" not in text


def test_a_secret_registered_with_airflow_is_removed_anywhere_in_a_text() -> None:
    mask_secret("correct-horse-battery")
    assert "correct-horse" not in redact("the server said correct-horse-battery is wrong")


def test_an_incident_comes_back_from_json_as_it_was() -> None:
    incident = model.new_incident(failure(manifest_error(5)))
    assert model.Incident.from_dict(incident.as_dict()) == incident
    assert incident.report.startswith("incidents/2013-01-02/20130102T031500-core-flights-")


def test_the_commands_run_just_the_failed_part_again() -> None:
    clear, backfill = rerun_commands(failure(manifest_error(5)), ["2013-01-01"])
    assert clear == "airflow dags clear flights --run-id r1 --yes", "the batch that was refused is not loaded again"
    assert backfill == "airflow dags backfill flights -s 2013-01-01 -e 2013-01-01 --rerun-failed-tasks"
    starts = datetime(2013, 1, 1, 7, tzinfo=UTC)
    failed = replace(failure(manifest_error(5)), window_start=starts, window_end=starts + timedelta(hours=1))
    hourly = rerun_commands(failed, ["2013-01-01"])
    moment = "2013-01-01T07:00:00+00:00"
    assert hourly[1] == f"airflow dags backfill flights -s {moment} -e {moment} --rerun-failed-tasks"
    by_form = rerun_commands(failure(manifest_error(5)), [], {"start": "2013-01-01", "end": "2013-01-31"})
    assert by_form[1] == """airflow dags trigger flights --conf '{"start": "2013-01-01", "end": "2013-01-31"}'"""


@pytest.mark.parametrize(
    ("schedule", "days", "form"),
    [
        (None, ("2013-01-02",), {"start": "2013-01-02", "end": "2013-01-02"}),
        ("0 6 * * *", (), None),
        (CronDataIntervalTimetable("0 0 * * *", timezone="UTC"), ("2013-01-02",), None),
    ],
)
def test_the_window_of_a_failure_is_that_of_the_dags_schedule(
    schedule: Any, days: tuple[str, ...], form: dict[str, str] | None
) -> None:
    run = SimpleNamespace(conf={}, logical_date=None, run_after=datetime(2013, 1, 3, 5, tzinfo=UTC), run_id="r")
    task_context = {
        "ti": SimpleNamespace(dag_id="d", run_id="r", task_id="t", log_url=""),
        "dag": DAG("d", schedule=schedule, start_date=run.run_after),
        "dag_run": run,
        "params": {"start": None, "end": None},
    }
    context = IncidentContext()
    read_failure(task_context, context)
    assert (context.days, context.form, context.missing) == (days, form, [])


def test_a_hostile_name_cannot_leave_the_folder_of_the_reports() -> None:
    hostile = replace(failure(KeyError("x")), dag_id="../../etc/passwd; rm -rf")
    assert ".." not in model.new_incident(hostile).report


def test_a_batch_is_kept_when_a_service_alone_has_failed() -> None:
    failed = failure(TransientError("The warehouse cannot be reached.", fix="it is retried"), run="manual run; rm")
    assert rerun_commands(failed, [])[0] == "airflow dags clear flights --run-id 'manual run; rm' --only-failed --yes"


def test_after_the_last_try_somebody_acts_and_it_is_not_retried() -> None:
    failed = failure(TransientError("Lost.", fix="it is retried; if it lasts, check the network"))
    assert failed.who_acts == "data engineering: every try has failed, and there is no further one"
    assert failed.fix == "check the network"
    assert "tried" not in failure(TransientError("Lost.", fix="nothing: it is tried again")).fix


def test_an_incident_belongs_to_the_table_that_is_late_and_names_the_source_apart() -> None:
    error = SourceError("The source lacks a column.", fix="ask", connection="airline_db", source="public.flights")
    incident = model.new_incident(replace(failure(error), tables=("core.flights",)))
    assert (incident.table_name, incident.tables) == ("core.flights", ("core.flights",))
    assert incident.source == "airline_db: public.flights"
    assert "-core-flights-" in incident.incident_id


def test_an_error_of_another_table_belongs_to_the_one_that_the_task_writes() -> None:
    error = ConfigError("The table is of another owner.", fix="grant", table="etl.load_history")
    assert replace(failure(error), tables=("core.flights",)).table == "core.flights"


def test_one_cause_is_counted_with_each_table_that_it_makes_late() -> None:
    down = TransientError("The connection to the source failed.", fix="", connection="airline_db")
    first = model.new_incident(replace(failure(down), tables=("core.flights",)))
    second = model.new_incident(replace(failure(down, dag="crews", run="r2"), tables=("core.crews",)))
    assert first.cause == second.cause
    both = first.with_failure(second)
    assert both.tables == ("core.flights", "core.crews")
    assert [(run.dag_id, run.table) for run in both.failed_runs] == [
        ("flights", "core.flights"),
        ("crews", "core.crews"),
    ]
    assert model.Incident.from_dict(both.as_dict()) == both


def test_a_mark_that_an_earlier_version_wrote_is_read() -> None:
    mark = model.new_incident(failure(manifest_error(5))).as_dict()
    old = {name: value for name, value in mark.items() if name not in ("source", "tables")} | {
        "parts": [["r1", None, None]]
    }
    incident = model.Incident.from_dict(old)
    assert (incident.tables, incident.failed_runs) == (("core.flights",), (model.FailedRun("r1"),))
