"""Somebody else's API in the form of the archive: redirects, pauses, days without rows and answers for other days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException

from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.extract import http
from redshift_etl.extract.retry import Retry
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from redshift_etl.operators.extract import HttpToLakeOperator
from redshift_etl.window import Window
from tests.integration.http_service import Answer, Service
from tests.integration.raw_files import DAY, SqlDir, read, staged, transform
from tests.integration.tides_api import COLUMNS, PORTS, QUICK, TIDES, hours, other, service, sql_dir, tides

__all__ = ["other", "service", "sql_dir", "tides"]


def extract(lake: Lake, table: str, window: Window = DAY, **options: Any) -> Batch:
    settings: dict[str, Any] = {"query": {}, "places": {"Busan": {"id": "1"}}, "retry": QUICK, "run": "run-try1"}
    return http.extract("tides_api", "/v1/tides", table=table, window=window, lake=lake, **{**settings, **options})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_gets_nothing(
    service: Service, other: Service, lake: Lake, tides: str, status: int
) -> None:
    target = f"{other.url}/v1/tides?signature=very-secret"
    service.answers = [Answer(b"", status, {"Location": target, "Set-Cookie": "from=service; Path=/"})]
    with pytest.raises(ConfigError, match="redirects to another host") as error:
        extract(lake, tides)
    assert other.asked == []
    assert error.value.where["target"] == f"{other.url}/v1/tides"
    assert "very-secret" not in str(error.value)


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1:{port}/x", "http://localhost:{port}/x", "http://127.0.0.1/x", "//[::1", "ftp://x/y"]
)
def test_another_scheme_port_or_name_is_another_host(service: Service, lake: Lake, tides: str, target: str) -> None:
    location = target.format(port=service.server.server_port)
    service.answers = [Answer(b"", 302, {"Location": location})]
    with pytest.raises(ConfigError, match=r"another host|not well-formed"):
        extract(lake, tides)
    service.answers = [hours("2013-01-01T00:00", Link=f'<{location}>; rel="next"')]
    with pytest.raises(SourceError, match="another host"):
        extract(lake, tides)


def test_a_redirect_within_the_host_keeps_the_connections_headers(service: Service, lake: Lake, tides: str) -> None:
    service.answers = [Answer(b"", 308, {"Location": "/v2/tides?id=1"}), hours("2013-01-01T00:00")]
    assert extract(lake, tides).rows == 1
    assert [(path, query.get("id")) for path, query, _ in service.asked] == [("/v1/tides", "1"), ("/v2/tides", "1")]
    assert [(head["X-Api-Key"], head["Cookie"]) for head in service.headers] == [
        ("very-secret", "session=very-secret")
    ] * 2
    assert service.asked[1][2] == service.asked[0][2] is not None


def test_redirects_in_a_circle_end(service: Service, lake: Lake, tides: str) -> None:
    service.answers = [Answer(b"", 302, {"Location": "/v1/tides"})]
    with pytest.raises(SourceError, match="do not end"):
        extract(lake, tides)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again(service: Service, lake: Lake, tides: str, status: int) -> None:
    service.answers = [Answer(b"later", status), hours("2013-01-01T00:00")]
    assert extract(lake, tides).rows == 1


def test_204_means_no_rows(service: Service, lake: Lake, tides: str) -> None:
    service.answers = [Answer(b"", 204), hours("2013-01-01T00:00")]
    batch = transform(lake, extract(lake, tides, places=PORTS))
    assert [row[2] for row in staged(lake, batch)] == ["Incheon"]
    service.answers = [Answer(b"", 204)]
    batch = transform(lake, extract(lake, tides, run="run-try2"))
    assert (batch.rows, batch.files, batch.window) == (0, 0, DAY)


def test_404_means_no_rows_where_the_contract_says_so(service: Service, lake: Lake, sql_dir: SqlDir) -> None:
    table = sql_dir.table("tides", COLUMNS, TIDES, load="incremental", version="tide_at", may_be_absent="true")
    service.answers = [Answer(b"nothing that day", 404)]
    assert transform(lake, extract(lake, table)).rows == 0
    assert len(service.asked) == 1


def test_404_is_else_an_error_that_says_how_to_allow_it(service: Service, lake: Lake, tides: str) -> None:
    service.answers = [Answer(b"nothing that day", 404)]
    with pytest.raises(ConfigError, match="may_be_absent"):
        extract(lake, tides)


@pytest.mark.parametrize(
    "hour",
    [
        "2014-06-01T00:00", "2012-12-31T23:00", "2013-01-02T00:00", "2013-01-01T00:00+09:00", "2013-01-02",
        "1357084800", 1357084800,
    ],
)  # fmt: skip
def test_an_answer_for_another_day_is_refused(service: Service, lake: Lake, tides: str, hour: object) -> None:
    service.answers = [hours("2013-01-01T00:00", hour)]
    with pytest.raises(SourceError, match="outside the days") as error:
        extract(lake, tides)
    assert error.value.where["requested"] == "2013-01-01 to 2013-01-01"


@pytest.mark.parametrize("hour", ["soon", None, True, ""])
def test_an_hour_that_is_no_time_is_refused(service: Service, lake: Lake, tides: str, hour: object) -> None:
    service.answers = [hours("2013-01-01T00:00", hour)]
    with pytest.raises(SourceError, match="ISO 8601"):
        extract(lake, tides)


@pytest.mark.parametrize(
    "hour", ["2013-01-01T23:59", "2013-01-02T01:00+09:00", "2013-01-01T00:00Z", "2013-01-01", 1357084799]
)
def test_an_hour_of_the_day_passes_in_any_writing(service: Service, lake: Lake, tides: str, hour: object) -> None:
    service.answers = [hours(hour)]
    assert extract(lake, tides).rows == 1


def test_an_hourly_window_takes_the_day_that_it_asks_for(service: Service, lake: Lake, tides: str) -> None:
    service.answers = [hours("2013-01-01T00:00", "2013-01-01T23:00")]
    assert extract(lake, tides, Window(DAY.start + timedelta(hours=5), DAY.start + timedelta(hours=6))).rows == 2


def throttled(seconds: object) -> Answer:
    return Answer(b"slow down", 429, {"Retry-After": str(seconds)})


def test_a_pause_is_made_by_rescheduling_and_nothing_is_requested_twice(
    service: Service, lake: Lake, tides: str
) -> None:
    first = hours("2013-01-01T00:00", Link='</v1/tides?id=1&apikey=very-secret&page=2>; rel="next"')
    second = hours("2013-01-01T01:00", Link='</v1/tides?id=1&apikey=very-secret&page=3>; rel="next"')
    query: dict[str, Any] = {"query": {"apikey": "very-secret"}, "places": PORTS}
    started = datetime.now(UTC)
    service.answers = [first, second, throttled(300)]
    with pytest.raises(AirflowRescheduleException) as pause:
        extract(lake, tides, deadline=started + timedelta(hours=6), **query)
    assert timedelta(seconds=300) <= pause.value.reschedule_date - started < timedelta(seconds=330)
    assert len(service.asked) == 3
    for listed in lake.list_objects("raw"):
        if listed.key.endswith(".json"):
            assert b"very-secret" not in read(lake, f"s3://{lake.location.bucket}/lake/{listed.key}")

    service.asked.clear()
    service.answers = [hours("2013-01-01T02:00"), throttled(300)]
    with pytest.raises(AirflowRescheduleException):
        extract(lake, tides, **query)
    service.answers = [hours("2013-01-01T03:00")]
    batch = extract(lake, tides, **query)
    pages = [(query["id"], query.get("page"), query["apikey"]) for _, query, _ in service.asked]
    assert pages == [("1", "3", "very-secret"), ("2", None, "very-secret"), ("2", None, "very-secret")]
    assert (batch.rows, batch.files) == (4, 4)
    assert batch.extracted_at < datetime.now(UTC)
    rows = [(row[2], row[0]) for row in staged(lake, transform(lake, batch))]
    assert rows == [*(("Busan", f"2013-01-01 0{hour}:00:00") for hour in range(3)), ("Incheon", "2013-01-01 03:00:00")]


def test_another_try_begins_anew(service: Service, lake: Lake, tides: str) -> None:
    service.answers = [hours("2013-01-01T00:00"), throttled(300)]
    with pytest.raises(AirflowRescheduleException):
        extract(lake, tides, places=PORTS)
    service.asked.clear()
    service.answers = [hours("2013-01-01T00:00")]
    assert extract(lake, tides, places=PORTS, run="run-try2").rows == 2
    assert len(service.asked) == 2


def test_the_same_try_of_another_run_begins_anew(service: Service, lake: Lake, tides: str) -> None:
    service.answers = [hours("2013-01-01T00:00"), throttled(61)]
    with pytest.raises(AirflowRescheduleException):
        extract(lake, tides, places=PORTS)
    service.answers = [hours("2013-01-01T00:00")]
    extract(lake, tides, places=PORTS)
    service.asked.clear()
    extract(lake, tides, places=PORTS)
    assert len(service.asked) == 2


def test_a_named_time_is_kept_when_the_attempts_are_used_up(service: Service, lake: Lake, tides: str) -> None:
    service.answers = [throttled(30)]
    with pytest.raises(AirflowRescheduleException):
        extract(lake, tides, retry=Retry(attempts=1))
    service.answers = [throttled(0)]
    with pytest.raises(TransientError):
        extract(lake, tides)


@pytest.mark.parametrize("retry_after", [86400, 10**30, "Fri, 02 Jan 2099 12:00:00 GMT"])
def test_a_pause_beyond_the_runs_end_names_the_hour(
    service: Service, lake: Lake, tides: str, retry_after: object
) -> None:
    service.answers = [throttled(retry_after)]
    now = datetime.now(UTC)
    with pytest.raises(SourceError, match=r"no request before \d{4}-\d\d-\d\d \d\d:\d\d") as error:
        extract(lake, tides, deadline=now + timedelta(hours=6))
    assert error.value.where["retry_after"] == str(retry_after)
    assert len(service.asked) == 1
    if retry_after == 86400:
        assert f"before {now + timedelta(days=1):%Y-%m-%d %H}" in str(error.value)


@pytest.mark.parametrize(("started_ago", "error"), [(0, AirflowRescheduleException), (110, SourceError)])
def test_the_operator_waits_as_long_as_the_run_may_take(
    service: Service, lake: Lake, tides: str, started_ago: int, error: type[Exception]
) -> None:
    assert lake
    service.answers = [throttled(900)]
    instance = SimpleNamespace(dag_id="tides", run_id="r", task_id="extract", try_number=1, map_index=-1)
    run = SimpleNamespace(conf={}, run_type="manual", start_date=datetime.now(UTC) - timedelta(minutes=started_ago))
    context: Any = {
        "ti": instance,
        "dag_run": run,
        "dag": SimpleNamespace(dagrun_timeout=timedelta(hours=2), start_date=datetime(2013, 1, 1, tzinfo=UTC)),
        "params": {"start": "2013-01-01", "end": "2013-01-01"},
    }
    task = HttpToLakeOperator(
        task_id="extract", table=tides, endpoint="/v1/tides", query={}, places=PORTS, http_conn_id="tides_api"
    )
    with pytest.raises(error):
        task.execute(context)
