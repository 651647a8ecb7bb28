"""A JSON API that takes a range of dates: one call a place and window, page by page, each response stored unchanged.

An error page with status 200 is told from data by the fields that the transform's front matter requires.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import transform_spec
from redshift_etl.errors import ConfigError, SourceError, TransientError, no_connection
from redshift_etl.extract import columnar_json
from redshift_etl.extract.retry import RequestFailed, Retry
from redshift_etl.lake.batch import RAW, Batch, Entry, prefix
from redshift_etl.lake.part_writer import compress
from redshift_etl.lake.storage import Lake
from redshift_etl.window import Window

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 60
_SHOWN_BYTES = 200
_SECRET = re.compile(r"((?:key|token|secret|password|signature)=)[^&]+", re.I)
_UNAUTHORIZED = (401, 403)
_TOO_MANY, _SERVER_ERROR, _BAD = 429, 500, 400


def extract(
    conn_id: str,
    endpoint: str,
    *,
    query: Mapping[str, str],
    places: Mapping[str, Mapping[str, str]],
    table: str,
    window: Window,
    run: str,
    lake: Lake,
    retry: Retry | None = None,
) -> Batch:
    """Request the window's days for each place, following ``Link: <…>; rel="next"``.

    The manifest has each response's ``place``, and ``as_of``: its Last-Modified, else the time of the request
    (UTC). The batch counts hours. Raises ConfigError for a connection that is not there or a request that is refused,
    SourceError for a response of another form or unit, TransientError when every attempt failed.
    """
    spec = transform_spec.load(contracts.load(table))
    below, extracted_at = prefix(RAW, table, window, run), datetime.now(UTC)
    days = {"start_date": f"{window.days[0]}", "end_date": f"{window.days[-1]}"}
    entries: list[Entry] = []
    with _session(conn_id, endpoint) as (session, url):
        for place, where in places.items():
            for page in _pages(session, url, {**query, **days, **where}, retry or Retry()):
                hours = len(
                    columnar_json.parse(page.content, spec.arrays, _shown(page.url), spec.units)[spec.arrays[0]]
                )
                key = f"{below}/part-{len(entries):05d}.json.zst"
                about = {"place": place, "as_of": _as_of(page), "requested": _shown(page.url)}
                entries.append(lake.put(key, compress(page.content), rows=hours, **about))
    rows = sum(entry.rows or 0 for entry in entries)
    size = sum(entry.bytes for entry in entries)
    log.info("Extracted %s %s: %d hours in %d responses", table, window, rows, len(entries))
    manifest = lake.write_manifest(below, entries)
    return Batch(table, window, run, manifest, rows, size, len(entries), rows, 0, extracted_at)


@contextmanager
def _session(conn_id: str, endpoint: str) -> Iterator[tuple[requests.Session, str]]:
    """The connection's session (its login, headers, proxies) and the endpoint's URL."""
    from airflow.providers.http.hooks.http import HttpHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    hook = HttpHook(method="GET", http_conn_id=conn_id)
    try:
        session = hook.get_conn()
    except AirflowNotFoundException as error:
        raise no_connection(conn_id) from error
    with session:
        yield session, hook.url_from_endpoint(endpoint)


def _pages(session: requests.Session, url: str, query: Mapping[str, str], retry: Retry) -> Iterator[requests.Response]:
    """The responses to one call, from the first page to the last."""
    page = _get(session, url, query, retry)
    visited = {page.url}
    yield page
    while following := page.links.get("next", {}).get("url"):
        following = urljoin(page.url, following)
        # The session carries the connection's credentials, which are no other host's business.
        if urlsplit(following)[:2] != urlsplit(url)[:2] or following in visited:
            raise SourceError(
                "The API's next page leads to another host or back to a page already read.",
                fix="ask the API's owner",
                url=_shown(page.url),
                next=_shown(following),
            )
        visited.add(following)
        page = _get(session, following, {}, retry)
        yield page


def _get(session: requests.Session, url: str, query: Mapping[str, str], retry: Retry) -> requests.Response:
    """One response with status 200, requested again where that can help."""

    def request() -> requests.Response:
        """One attempt."""
        try:
            page = session.get(url, params=query, timeout=TIMEOUT_SECONDS)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise RequestFailed(_shown(str(error))) from error
        if page.status_code >= _BAD:
            raise RequestFailed(_temporary_failure(page), page.headers.get("Retry-After"))
        return page

    try:
        return retry.call(request)
    except RequestFailed as failure:
        raise TransientError(
            f"The API failed in every attempt: {failure}.",
            fix="it is retried",
            url=_shown(url),
            retry_after=failure.retry_after,
        ) from failure


def _temporary_failure(page: requests.Response) -> str:
    """The message of a failed response. Raises ConfigError where another request cannot help."""
    shown = f"{page.status_code} {page.reason}: {page.content[:_SHOWN_BYTES].decode('utf-8', errors='replace')}"
    if page.status_code == _TOO_MANY or page.status_code >= _SERVER_ERROR:
        return shown
    fix = "correct the DAG's query"
    if page.status_code in _UNAUTHORIZED:
        fix = "correct the login or the headers of the Airflow connection"
    raise ConfigError(f"The API refuses the request: {shown}.", fix=fix, url=_shown(page.url))


def _as_of(page: requests.Response) -> str:
    changed: Any = page.headers.get("Last-Modified")
    moment = parsedate_to_datetime(changed).astimezone(UTC) if changed else datetime.now(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _shown(url: str) -> str:
    """A URL without its secrets."""
    return _SECRET.sub(r"\1***", url)
