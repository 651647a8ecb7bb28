"""The weather API as a client meets it: pages, throttling, failures, error pages; and its answers as rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import zstandard

from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.extract import http
from redshift_etl.extract.retry import Retry
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from redshift_etl.window import Window
from tests.integration.http_service import Answer, Service, serving
from tests.integration.raw_files import DAY, read, staged, transform

VARIABLES = (
    "temperature_2m", "dew_point_2m", "relative_humidity_2m", "wind_direction_10m", "wind_speed_10m",
    "wind_gusts_10m", "precipitation", "pressure_msl", "visibility",
)  # fmt: skip
QUICK = Retry(attempts=3, first_wait=0.01)


UNITS = {
    "temperature_2m": "°F",
    "dew_point_2m": "°F",
    "relative_humidity_2m": "%",
    "wind_speed_10m": "mp/h",
    "wind_gusts_10m": "mp/h",
    "precipitation": "inch",
    "pressure_msl": "hPa",
    "visibility": "mi",
}


def hours(*times: str, **values: list[object]) -> bytes:
    """An answer of the archive, in the spacing a person would not choose: it must be kept as it came."""
    columns = {name: values.get(name, [1.5] * len(times)) for name in VARIABLES}
    answer = {"utc_offset_seconds": 0, "hourly_units": UNITS, "hourly": {"time": list(times), **columns}}
    return json.dumps(answer, indent=3).encode()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with serving() as service:
        monkeypatch.setenv("AIRFLOW_CONN_WEATHER_API", service.url.replace("//", "//reader:api-password@"))
        yield service


Extract = Callable[..., Batch]


@pytest.fixture
def extract(lake: Lake) -> Extract:
    def run(window: Window = DAY, **places: dict[str, str]) -> Batch:
        return http.extract(
            "weather_api",
            "/v1/archive",
            query={"hourly": ",".join(VARIABLES), "timezone": "GMT"},
            places=places or {"JFK": {"latitude": "40.6", "longitude": "-73.8"}},
            table="core.weather",
            window=window,
            run="run-try1",
            lake=lake,
            retry=QUICK,
        )

    return run


def test_each_place_is_asked_for_the_windows_days(service: Service, extract: Extract) -> None:
    service.answers = [Answer(hours())]
    extract(EWR={"latitude": "1"}, LGA={"latitude": "2"})
    path, query, login = service.asked[0]
    assert (path, query["start_date"], query["end_date"]) == ("/v1/archive", "2013-01-01", "2013-01-01")
    assert query["hourly"] == ",".join(VARIABLES)
    assert [asked[1]["latitude"] for asked in service.asked] == ["1", "2"]
    assert login


def test_answers_are_kept_byte_for_byte(service: Service, extract: Extract, lake: Lake) -> None:
    body = hours("2013-01-01T00:00")
    service.answers = [Answer(body)]
    [entry] = lake.read_manifest(extract().manifest)
    assert zstandard.ZstdDecompressor().decompress(read(lake, entry.url)) == body
    assert (entry.rows, entry.about["place"]) == (1, "JFK")


def test_pages_are_followed_to_the_last(service: Service, extract: Extract) -> None:
    service.answers = [
        Answer(hours("2013-01-01T00:00"), headers={"Link": f'<{service.url}/v1/archive?page=2>; rel="next"'}),
        Answer(hours("2013-01-01T01:00", "2013-01-01T02:00"), headers={"Link": '</v1/archive?page=3>; rel="next"'}),
        Answer(hours()),
    ]
    batch = extract()
    assert (batch.extracted, batch.files, len(service.asked)) == (3, 3, 3)


def test_a_next_page_on_another_host_is_not_given_the_login(service: Service, extract: Extract) -> None:
    service.answers = [Answer(hours(), headers={"Link": '<http://localhost:1/v1/archive?page=2>; rel="next"'})]
    with pytest.raises(SourceError, match="another host"):
        extract()


def test_pages_in_a_circle_end(service: Service, extract: Extract) -> None:
    service.answers = [Answer(hours(), headers={"Link": '</v1/archive?page=2>; rel="next"'})]
    with pytest.raises(SourceError, match="already read"):
        extract()


@pytest.mark.parametrize(
    "failure",
    [Answer(b"slow down", 429, {"Retry-After": "0"}), Answer(b"busy", 503), Answer(b"oops", 500)],
    ids=["throttled", "busy", "broken"],
)
def test_a_failure_that_may_pass_is_asked_again(service: Service, extract: Extract, failure: Answer) -> None:
    service.answers = [failure, failure, Answer(hours("2013-01-01T00:00"))]
    assert extract().rows == 1
    assert len(service.asked) == 3


def test_a_service_that_keeps_failing_is_left_to_airflows_retry(service: Service, extract: Extract) -> None:
    service.answers = [Answer(b"busy", 503)]
    with pytest.raises(TransientError, match="503"):
        extract()
    assert len(service.asked) == QUICK.attempts


def test_a_service_that_is_down_is_retried(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WEATHER_API", "http://127.0.0.1:1")
    with pytest.raises(TransientError):
        extract()


def test_a_connection_that_is_not_configured_is_named(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_WEATHER_API", raising=False)
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_WEATHER_API"):
        extract()


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refused_request_is_not_asked_again(service: Service, extract: Extract, status: int) -> None:
    service.answers = [Answer(b'{"error": true, "reason": "Parameter out of range"}', status)]
    with pytest.raises(ConfigError, match="out of range"):
        extract()
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"<html>Down for maintenance</html>", "Down for maintenance"),
        (b'{"error": true, "reason": "Daily limit"}', "Daily limit"),
        (b'{"hourly": {"time": []}}', "hourly.temperature_2m"),
        (b'{"latitude": 1}', "hourly"),
        (b'{"hourly": {"time": null}}', "hourly.time"),
        (b"[]", "not an object"),
        (b'{"utc_offset_seconds": 3600, "hourly": {}}', "3600"),
    ],
    ids=["html", "error", "missing variable", "no hours", "hours are null", "list", "local time"],
)
def test_a_wrong_answer_with_status_200_is_refused(service: Service, extract: Extract, body: bytes, named: str) -> None:
    service.answers = [Answer(body)]
    with pytest.raises(SourceError, match=named) as error:
        extract()
    assert str(error.value.where["url"]).startswith(service.url)


def test_an_answer_in_other_units_than_were_asked_for_is_refused(service: Service, extract: Extract) -> None:
    service.answers = [Answer(hours("2013-01-01T00:00").replace(b"mp/h", b"km/h"))]
    with pytest.raises(SourceError, match="another unit") as error:
        extract()
    assert error.value.where["expected"] == "mp/h"
    assert error.value.where["found"] == "km/h"


def test_arrays_of_unequal_length_are_named(service: Service, extract: Extract) -> None:
    service.answers = [Answer(hours("2013-01-01T00:00", "2013-01-01T01:00", precipitation=[0.1]))]
    with pytest.raises(SourceError) as error:
        extract()
    assert error.value.where["field"] == "hourly.precipitation"


def test_a_key_in_the_query_is_shown_nowhere(service: Service, extract: Extract, lake: Lake) -> None:
    service.answers = [Answer(hours())]
    batch = extract(JFK={"apikey": "very-secret"})
    assert service.asked[0][1]["apikey"] == "very-secret"
    assert "very-secret" not in str(lake.read_manifest(batch.manifest))
    service.answers = [Answer(b"no", 503)]
    with pytest.raises(TransientError) as error:
        extract(JFK={"apikey": "very-secret"})
    assert "very-secret" not in str(error.value)


def test_hours_become_rows_with_new_yorks_day_and_exact_numbers(service: Service, extract: Extract, lake: Lake) -> None:
    body = hours(
        "2013-01-01T04:00",
        "2013-01-01T05:00",
        temperature_2m=[39.02, None],
        wind_speed_10m=[10.357019999999999, 0],
        precipitation=[0.01, 0],
    )
    service.answers = [Answer(body, headers={"Last-Modified": "Wed, 01 Jan 2014 00:00:00 GMT"})]
    batch = transform(lake, extract())
    assert staged(lake, batch) == [
        ["JFK", "2013-01-01 04:00:00", "2012-12-31", "39.02", "1.50", "1.50", "1.5", "10.357019999999999", "1.5",
         "0.010", "1.5", "1.500", "2014-01-01 00:00:00"],
        ["JFK", "2013-01-01 05:00:00", "2013-01-01", None, "1.50", "1.50", "1.5", "0.0", "1.5",
         "0.000", "1.5", "1.500", "2014-01-01 00:00:00"],
    ]  # fmt: skip
    assert (batch.extracted, batch.rows, batch.rejected) == (2, 2, 0)


def test_daylight_saving_moves_new_yorks_midnight(service: Service, extract: Extract, lake: Lake) -> None:
    service.answers = [Answer(hours("2013-07-01T03:00", "2013-07-01T04:00"))]
    summer = Window(datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 7, 2, tzinfo=UTC))
    rows = staged(lake, transform(lake, extract(summer)))
    assert [row[2] for row in rows] == ["2013-06-30", "2013-07-01"]


def test_as_of_is_when_the_service_was_asked_if_it_does_not_say_more(
    service: Service, extract: Extract, lake: Lake
) -> None:
    service.answers = [Answer(hours("2013-01-01T04:00"))]
    before = datetime.now(UTC)
    [row] = staged(lake, transform(lake, extract()))
    assert before <= datetime.fromisoformat(f"{row[-1]}+00:00") <= datetime.now(UTC)


def test_a_number_of_too_many_digits_names_the_place_and_hour(service: Service, extract: Extract, lake: Lake) -> None:
    body = hours("2013-01-01T04:00", temperature_2m=["exact"])
    service.answers = [Answer(body.replace(b'"exact"', b"1234567890123456.789"))]
    with pytest.raises(SourceError) as error:
        transform(lake, extract())
    assert error.value.where["value"] == "1234567890123456.789"
    assert error.value.where["key"] == {"airport": "JFK", "observed_at": "2013-01-01 04:00:00"}


def test_a_window_without_any_hour_is_an_empty_batch(service: Service, extract: Extract, lake: Lake) -> None:
    service.answers = [Answer(hours())]
    batch = transform(lake, extract())
    assert (batch.rows, batch.files) == (0, 0)
