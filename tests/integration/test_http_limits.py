"""An API that sends too much, or leads elsewhere: answers, pages, redirects and addresses have limits."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any

import pytest

from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.extract import http, http_page
from redshift_etl.lake.batch import Batch
from redshift_etl.lake.storage import Lake
from tests.integration.http_service import Answer, Service
from tests.integration.raw_files import DAY
from tests.integration.tides_api import QUICK, hours, other, service, sql_dir, tides

__all__ = ["other", "service", "sql_dir", "tides"]

pytestmark = pytest.mark.slow

MIB = 1 << 20


def extract(lake: Lake, table: str, **options: Any) -> Batch:
    settings: dict[str, Any] = {"query": {}, "places": {"Busan": {"id": "1"}}, "retry": QUICK, "run": "run-try1"}
    return http.extract("tides_api", "/v1/tides", table=table, window=DAY, lake=lake, **{**settings, **options})


@pytest.mark.parametrize("times", [1, 2])
def test_a_compressed_answer_is_unpacked_to_the_limit_only(
    service: Service, lake: Lake, tides: str, times: int
) -> None:
    body = b" " * (200 * MIB)
    for _ in range(times):
        body = gzip.compress(body)
    service.answers = [Answer(body, headers={"Content-Encoding": ", ".join(["gzip"] * times)})]
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=r"32 MiB") as error:
            extract(lake, tides)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * http_page.MAX_BYTES, f"{peak / MIB:.0f} MiB"
    assert "/v1/tides" in str(error.value.where["url"])
    assert "window" in error.value.fix


@pytest.mark.parametrize("status", [400, 503])
def test_of_an_error_page_the_beginning_is_read_only(service: Service, lake: Lake, tides: str, status: int) -> None:
    body = gzip.compress(b"no such station " * (4 * MIB))
    service.answers = [Answer(body, status, {"Content-Encoding": "gzip"})]
    tracemalloc.start()
    try:
        with pytest.raises(Exception, match="no such station"):
            extract(lake, tides)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * MIB, f"{peak / MIB:.0f} MiB"


def test_an_answer_as_large_as_the_limit_is_read(
    service: Service, lake: Lake, tides: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = hours("2013-01-01T00:00")
    monkeypatch.setattr(http_page, "MAX_BYTES", len(answer.body))
    service.answers = [answer]
    assert extract(lake, tides).rows == 1
    monkeypatch.setattr(http_page, "MAX_BYTES", len(answer.body) - 1)
    with pytest.raises(SourceError, match="larger"):
        extract(lake, tides)


def test_pages_without_an_end_are_refused(
    service: Service, lake: Lake, tides: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_PAGES", 5)
    service.answers = [
        hours("2013-01-01T00:00", Link=f'</v1/tides?page={number}>; rel="next"') for number in range(2, 20)
    ]
    with pytest.raises(SourceError, match="more than 5 pages") as error:
        extract(lake, tides)
    assert len(service.asked) == 5
    assert "window" in error.value.fix


def test_all_answers_of_a_run_have_a_limit_that_a_setting_raises(
    service: Service, lake: Lake, tides: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = hours("2013-01-01T00:00")
    places = {name: {"id": name} for name in ("Busan", "Incheon", "Jeju")}
    service.answers = [answer]
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__MAX_BATCH_GB", str(2.5 * len(answer.body) / 1e9))
    with pytest.raises(SourceError, match="MAX_BATCH_GB") as error:
        extract(lake, tides, places=places)
    assert error.value.where["table"] == tides
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__MAX_BATCH_GB", str(3 * len(answer.body) / 1e9))
    assert extract(lake, tides, places=places, run="run-try2").files == 3


def test_few_redirects_are_followed(service: Service, lake: Lake, tides: str) -> None:
    def redirects(number: int) -> list[Answer]:
        return [Answer(b"", 302, {"Location": f"/v{step}/tides"}) for step in range(number)]

    service.answers = [*redirects(http_page.MAX_REDIRECTS), hours("2013-01-01T00:00")]
    assert extract(lake, tides).rows == 1
    service.asked.clear()
    service.answers = redirects(1)
    with pytest.raises(SourceError, match="do not end"):
        extract(lake, tides, run="run-try2")
    assert len(service.asked) == http_page.MAX_REDIRECTS + 1


OTHERS = (
    "http://localhost:{other}\\@127.0.0.1:{own}/v1/tides",
    "http://localhost:{other}\\\\@127.0.0.1:{own}/v1/tides",
    "http://localhost:{other}#@127.0.0.1:{own}/v1/tides",
    "http://127.0.0.1:{own}@localhost:{other}/v1/tides",
    "http://127.0.0.1:{own}@localhost:{other}\\@127.0.0.1:{own}/",
    "\\\\localhost:{other}/v1/tides",
    "//localhost:{other}/v1/tides",
    "///localhost:{other}/v1/tides",
    "http:localhost:{other}/v1/tides",
    "http://localhost:{other}\t@127.0.0.1:{own}/v1/tides",
    "http://127.0.0.1:{own}.localhost:{other}/",
    "file:///etc/passwd",
)


@pytest.mark.parametrize("target", OTHERS)
def test_an_address_that_parsers_read_differently_gets_nothing(
    service: Service, other: Service, lake: Lake, tides: str, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr(http, "MAX_PAGES", 5)
    location = target.format(own=service.server.server_port, other=other.server.server_port)
    for answer in (Answer(b"", 302, {"Location": location}), hours("2013-01-01T00:00", Link=f"<{location}>; rel=next")):
        service.answers = [answer]
        with pytest.raises((ConfigError, SourceError)) as error:
            extract(lake, tides)
        assert other.asked == []
        assert "very-secret" not in str(error.value)


def test_the_connections_login_goes_to_its_own_service_where_the_next_page_names_another(
    service: Service, lake: Lake, tides: str
) -> None:
    port = service.server.server_port
    service.answers = [
        hours("2013-01-01T00:00", Link=f'<http://somebody:else@127.0.0.1:{port}/v1/tides?page=2>; rel="next"'),
        hours("2013-01-01T01:00"),
    ]
    batch = extract(lake, tides)
    assert service.asked[0][2] == service.asked[1][2] is not None
    assert "else@" not in str([entry.about for entry in lake.read_manifest(batch.manifest)])


def test_a_nested_answer_is_refused(service: Service, lake: Lake, tides: str) -> None:
    service.answers = [Answer(b"[" * 100_000)]
    with pytest.raises(SourceError, match="JSON"):
        extract(lake, tides)


def test_a_pause_that_somebody_else_has_recorded_leads_to_no_other_host(
    service: Service, other: Service, lake: Lake, tides: str
) -> None:
    record = {
        "extracted_at": "2013-01-02T00:00:00+00:00", "entries": [], "done": [], "unpacked": 0, "expires": None,
        "following": f"{other.url}/v1/tides",
    }  # fmt: skip
    below = f"raw/{tides}/{DAY.slug}/run-try1"
    lake.put(f"{below}/progress.json", json.dumps(record).encode())
    with pytest.raises(SourceError, match="not of the connection's host"):
        extract(lake, tides)
    assert other.asked == []
    service.answers = [hours("2013-01-01T00:00")]
    for form in (b"", b"[]", b"{}", b"7", json.dumps({**record, "entries": [1]}).encode()):
        lake.put(f"{below}/progress.json", form)
        assert extract(lake, tides).rows == 1


@pytest.mark.parametrize(
    "changed", ["yesterday", "Thu, 01 Jan 1969 00:00:00 GMT", "Thu, 01 Jan 0101 00:00:00 GMT",
                "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 02 Jan 2099 12:00:00 GMT"]
)  # fmt: skip
def test_a_version_before_1970_or_to_come_is_refused(service: Service, lake: Lake, tides: str, changed: str) -> None:
    service.answers = [hours("2013-01-01T00:00", **{"Last-Modified": changed})]
    with pytest.raises(SourceError, match="Last-Modified") as error:
        extract(lake, tides)
    assert error.value.where["value"] == changed
