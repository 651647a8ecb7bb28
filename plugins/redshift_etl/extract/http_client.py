"""Requests to one service: its redirects, statuses and pauses. Credentials go to the connection's own host only."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import requests
from airflow.sdk.exceptions import AirflowRescheduleException

from redshift_etl.connections import no_connection
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.extract import http_page
from redshift_etl.extract.http_page import Page
from redshift_etl.extract.retry import RequestFailed, Retry
from redshift_etl.redaction import redact_urls as shown

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 60
_UNAUTHORIZED = (401, 403)
_NO_CONTENT, _REDIRECT, _NOT_FOUND, _SERVER_ERROR = 204, 300, 404, 500
_FAILURES = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
_TLS_SETTINGS = re.compile(r"WRONG_VERSION_NUMBER|CERTIFICATE|certificate|RECORD_LAYER_FAILURE")
_HEADER = re.compile(rb"\S[^\r\n]*|")
# RFC 9110, 15.5.9 (408); RFC 8470, 5.2 (425); RFC 6585, 4 (429)
_TEMPORARY = (408, 425, 429)
# What the tasks' retry_delay is at least (dag.default_args): no reason to reschedule.
_RETRY_SECONDS = 10


@dataclass(frozen=True)
class Client:
    """A session with the connection's login and headers, for the endpoint ``url``.

    ``deadline`` is when the run ends. ``may_be_absent``: the status 404 means no rows, as 204 always does.
    """

    session: requests.Session
    url: str
    retry: Retry
    deadline: datetime | None = None
    may_be_absent: bool = False

    def get(self, url: str, query: Mapping[str, str]) -> Page | None:
        """The response, requested again where that can help; None when the service has no rows.

        Raises AirflowRescheduleException when the service names a later time, SourceError when the run ends before it,
        TransientError when every attempt failed, ConfigError when the request is refused or redirected to another host.
        """
        if url != self.url and not self.is_own(url):  # that of the lake's record of a pause
            what = "The next page's address is not of the connection's host: not requested."
            raise SourceError(what, fix="clear the extract task", url=shown(url), host=shown(self.url))
        try:
            page = self.retry.call(lambda: self._attempt(url, query))
        except RequestFailed as failure:
            self._give_up(failure, url)
        return None if page.status in (_NO_CONTENT, _NOT_FOUND) else page

    def _attempt(self, url: str, query: Mapping[str, str]) -> Page:
        try:
            return self._redirected(url, query)
        except requests.exceptions.SSLError as error:
            if not _TLS_SETTINGS.search(str(error)):
                raise RequestFailed(shown(str(error))) from error
            raise ConfigError(
                f"There is no TLS with the API: {shown(str(error))}.",
                fix="correct schema (http or https), host and port of the Airflow connection, or install the API's "
                "certificate authority",
                url=shown(url),
            ) from error
        except _FAILURES as error:
            raise RequestFailed(shown(str(error))) from error

    def _redirected(self, url: str, query: Mapping[str, str]) -> Page:
        """The response, after redirects within the host. requests would take all headers but one to any other."""
        for _ in range(http_page.MAX_REDIRECTS + 1):
            with self._send(url, query) as response:
                target = self.session.get_redirect_target(response)
                if target is None:
                    return self._read(response)
                url, query = http_page.joined(response.url, target), {}
                if not self.is_own(url):
                    raise ConfigError(
                        "The API redirects to another host, which gets no credentials of the connection: not followed.",
                        fix="if it is the API's address now, correct schema, host and port of the Airflow connection",
                        url=shown(response.url),
                        target=shown(url).partition("?")[0],
                    )
        raise SourceError(
            f"The API's redirects do not end: {http_page.MAX_REDIRECTS} were followed.",
            fix="ask the API's owner",
            url=shown(self.url),
        )

    def _send(self, url: str, query: Mapping[str, str]) -> requests.Response:
        """The response, of which only the headers were read."""
        try:
            return self.session.get(url, params=query, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True)
        except (requests.exceptions.InvalidHeader, UnicodeError) as error:
            raise self._wrong_header() from error
        except ValueError as error:
            what = f"The request has an address that is not well-formed: {shown(str(error))}."
            raise ConfigError(
                what, fix="correct the Airflow connection, or ask the API's owner", url=shown(url)
            ) from error

    def _read(self, response: requests.Response) -> Page:
        status = response.status_code
        if status < _REDIRECT or (status == _NOT_FOUND and self.may_be_absent):
            return http_page.read(response)
        raise RequestFailed(_temporary_failure(response), response.headers.get("Retry-After"))

    def _wrong_header(self) -> ConfigError:
        """The error of a login or header that cannot be sent. Their values are secrets, so it has the names alone."""
        wrong = ", ".join(name for name, value in self.session.headers.items() if not _is_header(value))
        if wrong:
            what, fix = "A header of the Airflow connection cannot be sent.", "write each value of its extra as a text"
        else:
            what, fix = "The login of the Airflow connection cannot be sent.", "correct login and password"
        return ConfigError(what, fix=f"{fix} of one line, in Latin-1", url=shown(self.url), headers=wrong or None)

    def is_own(self, url: str) -> bool:
        """Whether a URL has the scheme, host and port of the connection."""
        return http_page.is_own(url, self.url)

    def _give_up(self, failure: RequestFailed, url: str) -> NoReturn:
        where = {"url": shown(url), "retry_after": failure.retry_after}
        if failure.wait is None or failure.wait <= _RETRY_SECONDS:
            what = f"The API failed in every attempt: {failure}."
            raise TransientError(what, fix="it is retried", **where) from failure
        # A century is beyond any run, and still a date.
        moment = datetime.now(UTC) + timedelta(seconds=min(failure.wait, 100 * 365 * 86400))
        if self.deadline and moment > self.deadline:
            raise SourceError(
                f"The API takes no request before {moment:%Y-%m-%d %H:%M:%S} UTC, when the run has ended: {failure}.",
                fix="clear the task after that time; ask the API's owner for a higher limit",
                run_ends=f"{self.deadline.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
                **where,
            ) from failure
        log.warning("The API asks for a pause until %s: %s", moment, failure)
        raise AirflowRescheduleException(moment) from failure


@contextmanager
def connected(conn_id: str, endpoint: str) -> Iterator[tuple[requests.Session, str]]:
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


def _is_header(value: object) -> bool:
    try:
        return isinstance(value, bytes) or (isinstance(value, str) and bool(_HEADER.fullmatch(value.encode("latin-1"))))
    except UnicodeError:
        return False


def _temporary_failure(page: requests.Response) -> str:
    """The message of a failed response. Raises ConfigError where another request cannot help."""
    message = f"{page.status_code} {page.reason}: {http_page.beginning(page)}"
    if page.status_code in _TEMPORARY or page.status_code >= _SERVER_ERROR:
        return message
    fix = "correct the DAG's query"
    if page.status_code in _UNAUTHORIZED:
        fix = "correct the login or the headers of the Airflow connection"
    elif page.status_code == _NOT_FOUND:
        fix += "; where it means that there are no rows, write `may_be_absent: true` in the table's contract"
    raise ConfigError(f"The API refuses the request: {message}.", fix=fix, url=shown(page.url))
