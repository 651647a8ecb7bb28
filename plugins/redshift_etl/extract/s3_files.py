"""Files that others drop in the landing zone: pinned by key, etag and size, and read where they are.

A name stands for one key or for several: `expand` puts the days or hours of the run's window into it, ``*`` stands for
any characters but ``/``, and a name that ends in ``/`` for everything below it. All other characters mean themselves.
"""

from __future__ import annotations

import logging
import re
import string
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice

from redshift_etl import settings
from redshift_etl.contracts import contract as contracts
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.lake.batch import NOT_COUNTED, RAW, Batch, Entry, prefix
from redshift_etl.lake.storage import DOWNLOAD_THREADS, Lake
from redshift_etl.window import Window

log = logging.getLogger(__name__)

DAY, HOUR = "day", "hour"
_PERIODS = {DAY: timedelta(days=1), HOUR: timedelta(hours=1)}
_FORMATS = {DAY: "%Y-%m-%d", HOUR: "%H"}
_TEMPLATE = re.compile(r"\{\{\s+.*\}\}")
_SHOWN_NAMES = 5
MAX_FILES = 50_000
"""How many files one run may load."""


def extract(
    files: Sequence[str], *, table: str, run: str, lake: Lake, window: Window | None = None, read: Window | None = None
) -> Batch:
    """Write a manifest of the files (below the landing zone) that the names stand for now. Nothing is copied.

    The transform reads these versions or fails. ``read`` is the window whose days and hours the names have, unless it
    is the batch's ``window``. Raises ConfigError for a name that is not well-formed, SourceError for a file without
    bytes, and for a name, of one day even, without a file, unless the contract has ``may_be_absent``.
    """
    landing, extracted_at = settings.landing(), datetime.now(UTC)
    names = [name for file in files for name in expand(file, read or window)]
    with ThreadPoolExecutor(DOWNLOAD_THREADS) as pool:
        found = dict(zip(names, pool.map(lambda name: _entries(name, lake), names), strict=True))
    _verify([name for name in found if not found[name]], table, lake)
    entries = list({entry.url: _pinned(entry, table) for some in found.values() for entry in some}.values())
    size = sum(entry.bytes for entry in entries)
    _verify_size(len(entries), size, table)
    below = prefix(RAW, table, window, run)
    manifest = lake.write_manifest(below, entries, extracted_at)
    log.info("Pinned %s %s: %d files, %d bytes, below %s", table, window, len(entries), size, landing.prefix)
    return Batch(table, window, run, manifest, NOT_COUNTED, size, len(entries), NOT_COUNTED, 0, extracted_at)


def periods(name: str) -> set[str]:
    """The placeholders of a name. Raises ConfigError for one that is neither a day nor an hour, and for an address."""
    if name.startswith("s3://"):
        what = "The name of a file is an address: names are below the landing zone."
        raise ConfigError(what, fix=f"leave out what [{settings.SECTION}] landing has: {_landing_url()}", name=name)
    try:
        fields = {field for _, field, _, _ in string.Formatter().parse(name) if field is not None}
    except ValueError as error:
        raise ConfigError(f"The name of a file is not well-formed: {error}.", fix=_fix(name), name=name) from error
    if fields - set(_PERIODS) or _TEMPLATE.search(name):
        raise ConfigError("The name of a file has a placeholder that does not exist.", fix=_fix(name), name=name)
    return fields


def _landing_url() -> str:
    return settings.landing().url(settings.landing().prefix)


def _fix(name: str) -> str:
    return f"write {{day}} or {{hour}}, e.g. {{day:%Y/%m/%d}}, and {{{{ for a brace: {name}"


def expand(name: str, window: Window | None) -> Iterator[str]:
    """The name for each day of the window, or for each hour when it has ``{hour}``; else the name once.

    ``{day}`` is 2013-01-31 and ``{hour}`` is 05, in UTC; a format of strftime may follow a colon. The window's days or
    hours are those that it touches. Raises ConfigError for a name with a placeholder and no window.
    """
    fields = periods(name)
    if not fields:
        yield name.format()
        return
    if window is None:
        raise ConfigError("The name of a file has a day, but the run has no window.", fix="pass the window", name=name)
    step = _PERIODS[HOUR if HOUR in fields else DAY]
    moment = window.start.replace(minute=0, second=0, microsecond=0)
    if HOUR not in fields:
        moment = moment.replace(hour=0)
    while moment < window.end:
        yield name.format(**{field: _Period(moment, _FORMATS[field]) for field in _PERIODS})
        moment += step


class _Period:
    """A moment that a name may format; without a format, in the one that is usual."""

    def __init__(self, moment: datetime, usual: str) -> None:
        self._moment, self._usual = moment, usual

    def __format__(self, spec: str) -> str:
        return self._moment.strftime(spec or self._usual)


def _entries(name: str, lake: Lake) -> list[Entry]:
    """The objects that a name without placeholders stands for."""
    landing = settings.landing()
    full = landing.key(name)
    if "*" not in name and not name.endswith("/"):
        try:
            return [lake.head(landing, full)]
        except SourceError:  # there is none
            return []
    matches = re.compile(_regex(full), re.DOTALL).fullmatch
    # A key that ends in / is what the S3 console makes for an empty folder.
    found = (
        entry
        for entry in lake.list_entries(landing, full.partition("*")[0])
        if matches(entry.object[1]) and not entry.url.endswith("/")
    )
    return list(islice(found, MAX_FILES + 1))


def _regex(pattern: str) -> str:
    return "[^/]*".join(map(re.escape, pattern.split("*"))) + (".*" if pattern.endswith("/") else "")


def _verify(absent: Sequence[str], table: str, lake: Lake) -> None:
    """Raise SourceError for names without a file, unless the contract allows it."""
    if not absent:
        return
    landing = settings.landing()
    contract = contracts.load(table)
    if contract.may_be_absent:
        log.warning("No file for %s; may_be_absent allows it", ", ".join(absent[:_SHOWN_NAMES]))
        return
    raise SourceError(
        _absence(absent[0], lake),
        fix="ask who writes it; where a day may have no file, write `may_be_absent: true` in "
        f"tables/{contract.schema}/{contract.path.name}",
        table=table,
        key=landing.url(landing.key(absent[0])),
        absent=", ".join(absent[:_SHOWN_NAMES]) if len(absent) > 1 else None,
        of=len(absent) if len(absent) > _SHOWN_NAMES else None,
    )


def _absence(name: str, lake: Lake) -> str:
    """What is wrong with a name that stands for no file. Raises ConfigError when it is that of a folder."""
    landing = settings.landing()
    if name.endswith("/"):
        return "There is no S3 object below the prefix."
    if "*" in name:
        return "There is no S3 object that the pattern matches."
    if any(lake.list_entries(landing, f"{landing.key(name)}/")):
        raise ConfigError(
            "The name of a file is that of a folder.",
            fix=f"write `{name}/` for all files below it, or the name of one of them",
            key=landing.url(landing.key(name)),
        )
    return "There is no such S3 object."


def _verify_size(number: int, size: int, table: str) -> None:
    """Raise SourceError for more files, or more bytes, than one run may have."""
    if number > MAX_FILES:
        what = f"The names stand for more than {MAX_FILES} files."
        raise SourceError(what, fix="shorten the window, or ask who writes them for fewer larger ones", table=table)
    if size > settings.max_batch():
        raise SourceError(
            f"The files have {size / 1e9:g} GB together, which is more than {settings.max_batch() / 1e9:g}.",
            fix=f"shorten the window, or raise {settings.MAX_BATCH} where the disk has the space",
            table=table,
            files=number,
        )


def _pinned(entry: Entry, table: str) -> Entry:
    if not entry.bytes:
        raise SourceError("The file is empty.", fix="ask who writes it", table=table, key=entry.url)
    return entry
