"""A JSON API that takes a range of dates: one call a place and window, page by page, each response stored unchanged.

An error page with status 200 is told from data by the fields that the transform's front matter requires. When the
service asks for a long pause, the task is rescheduled, and goes on where it was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from airflow.sdk.exceptions import AirflowRescheduleException

from redshift_etl import settings
from redshift_etl.contracts import contract as contracts
from redshift_etl.contracts import transform_spec
from redshift_etl.errors import SourceError
from redshift_etl.extract import columnar_json
from redshift_etl.extract.http_client import Client, connected
from redshift_etl.extract.http_page import Page
from redshift_etl.extract.retry import Retry
from redshift_etl.lake.batch import RAW, Batch, Entry, prefix
from redshift_etl.lake.part_writer import compress
from redshift_etl.lake.storage import Lake
from redshift_etl.redaction import is_public
from redshift_etl.redaction import redact_urls as shown
from redshift_etl.window import Window

log = logging.getLogger(__name__)

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK_DIFFERENCE = timedelta(days=1)
MAX_PAGES = 10_000
"""How many pages one call may have."""
_PROGRESS = "progress.json"


@dataclass
class _Progress:
    """What an extract has in the lake: its files, the places that are done, the next page of the one that is not.

    ``unpacked`` are the bytes of all responses.
    """

    extracted_at: datetime
    entries: list[Entry] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    following: str | None = None
    unpacked: int = 0

    def write(self, lake: Lake, below: str, query: Mapping[str, str], deadline: datetime | None) -> None:
        """Store it, for the same try after its pause. ``query`` is that of the place that is not done."""
        values = {
            "extracted_at": self.extracted_at.isoformat(),
            "entries": [entry.as_dict() for entry in self.entries],
            "done": self.done,
            "following": _without_secrets(self.following, query) if self.following else None,
            "unpacked": self.unpacked,
            "expires": deadline.isoformat() if deadline else None,
        }
        lake.put(f"{below}/{_PROGRESS}", json.dumps(values).encode())

    @classmethod
    def read(cls, lake: Lake, below: str) -> _Progress:
        """That of this try before its pause; else a new one. What a run that has ended left behind is not read."""
        now, stored = datetime.now(UTC), lake.get(f"{below}/{_PROGRESS}")
        try:
            values = json.loads(stored[0]) if stored else None
            if not values or (values["expires"] and datetime.fromisoformat(values["expires"]) < now):
                return cls(now)
            entries = list(map(Entry.from_dict, values["entries"]))
            began = datetime.fromisoformat(values["extracted_at"])
            progress = cls(began, entries, list(values["done"]), values["following"], int(values["unpacked"]))
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            log.warning("Begun anew: %s/%s has another form: %r", below, _PROGRESS, error)
            return cls(now)
        # `airflow dags test` gives the next run the same keys: what it resumes must be of a try that is not over.
        lake.put(f"{below}/{_PROGRESS}", b"null")
        log.info("Continued after a pause: %d responses are in the lake", len(entries))
        return progress

    def count(self, page: Page, table: str) -> None:
        """Count a page's bytes. Raises SourceError when all responses together have more than a run may."""
        self.unpacked += len(page.content)
        if self.unpacked > settings.max_batch():
            raise SourceError(
                f"The responses have more than {settings.max_batch() / 1e9:g} GB together, unpacked.",
                fix=f"shorten the window, or raise {settings.MAX_BATCH} where the disk has the space",
                table=table,
                url=shown(page.url),
            )


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
    deadline: datetime | None = None,
    read: Window | None = None,
) -> Batch:
    """Request the days of ``read`` for each place, following ``Link: <…>; rel="next"``.

    That is the ``window`` of the batch unless more is to be read.

    The manifest has each response's ``place``, and ``as_of``: its Last-Modified, else the time of the request
    (UTC). The batch counts hours. ``deadline`` is when the run ends. Raises ConfigError for a connection that is not
    there or a request that is refused, SourceError for a response of another form, unit or day, TransientError when
    every attempt failed, AirflowRescheduleException when the service asks for a pause that ends before the deadline:
    called again with the same ``run``, it requests what is not in the lake yet.
    """
    contract = contracts.load(table)
    spec = transform_spec.load(contract)
    below = prefix(RAW, table, window, run)
    requested = (read or window).days
    days = {"start_date": f"{requested[0]}", "end_date": f"{requested[-1]}"}
    progress = _Progress.read(lake, below)
    with connected(conn_id, endpoint) as (session, url):
        api = Client(session, url, retry or Retry(), deadline, contract.may_be_absent)
        try:
            for place in [name for name in places if name not in progress.done]:
                parameters = {**query, **days, **places[place]}
                for page in _pages(api, parameters, progress):
                    progress.count(page, table)
                    hours = columnar_json.parse(page.content, spec.arrays, shown(page.url), spec.units, requested)
                    key = f"{below}/part-{len(progress.entries):05d}.json.zst"
                    about = {"place": place, "as_of": _as_of(page), "requested": shown(page.url)}
                    rows = len(hours[spec.arrays[0]])
                    progress.entries.append(lake.put(key, compress(page.content), rows=rows, **about))
                progress.done.append(place)
        except AirflowRescheduleException:
            progress.write(lake, below, parameters, deadline)
            raise
    entries = progress.entries
    rows = sum(entry.rows or 0 for entry in entries)
    size = sum(entry.bytes for entry in entries)
    log.info("Extracted %s %s: %d hours in %d responses", table, window, rows, len(entries))
    manifest = lake.write_manifest(below, entries, progress.extracted_at)
    return Batch(table, window, run, manifest, rows, size, len(entries), rows, 0, progress.extracted_at)


def _pages(api: Client, query: Mapping[str, str], progress: _Progress) -> Iterator[Page]:
    """The responses to one call, from the page that progress names, else the first, to the last with rows.

    Progress moves to the next page when the caller asks for it, so when the page before is stored.
    """
    url, parameters = api.url, query
    if progress.following:
        url, parameters = progress.following, _secrets(query, progress.following)
    visited = {url}
    for _ in range(MAX_PAGES):
        page = api.get(url, parameters)
        if page is None:
            break
        visited.add(page.url)
        if page.following is not None and (not api.is_own(page.following) or page.following in visited):
            raise SourceError(
                "The API's next page leads to another host or back to a page already read.",
                fix="ask the API's owner",
                url=shown(page.url),
                next=shown(page.following),
            )
        yield page
        if page.following is None:
            break
        url, parameters = page.following, {}
        visited.add(url)
        progress.following = url
    else:
        raise SourceError(
            f"The API has more than {MAX_PAGES} pages for one call.",
            fix="request more rows a page by the query's parameter for it, or shorten the window; else ask the API's "
            "owner",
            url=shown(url),
        )
    progress.following = None


def _secrets(query: Mapping[str, str], url: str) -> dict[str, str]:
    """The parameters of the query that a URL does not have, of those that are stored nowhere."""
    present = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    return {name: value for name, value in query.items() if not is_public(name) and name not in present}


def _without_secrets(url: str, query: Mapping[str, str]) -> str:
    """A next page's URL as it may be stored: what is secret in it comes from the query, and is in the DAG."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if is_public(name) or query.get(name) != value]
    return url if kept == pairs else parts._replace(query=urlencode(kept)).geturl()


def _as_of(page: Page) -> str:
    """When the rows were last changed (UTC), which is their version."""
    now, changed = datetime.now(UTC), page.last_modified
    try:
        moment = parsedate_to_datetime(changed).astimezone(UTC) if changed else now
    except (ValueError, OverflowError) as error:
        raise _no_version(page) from error
    if not _EARLIEST <= moment <= now + _CLOCK_DIFFERENCE:
        raise _no_version(page)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _no_version(page: Page) -> SourceError:
    return SourceError(
        "The response's header Last-Modified, which is the version of its rows, is no date, or one before 1970 or to "
        "come.",
        fix="ask the API's owner",
        url=shown(page.url),
        value=page.last_modified,
    )
