"""The lake: where a batch's files live in S3, the manifests that list them, and the value that tasks hand each other.

A key holds the table, the window and the try that wrote it, so no two tries ever share one, and only what a manifest
names is ever read: what a killed try left behind is invisible. Nothing here lists a prefix.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from redshift_etl import settings
from redshift_etl.errors import ConfigError, SourceError, TransientError
from redshift_etl.settings import S3Location
from redshift_etl.window import Window

RAW, STAGED, REJECTS = "raw", "staged", "rejects"
NOT_COUNTED = -1
DOWNLOAD_THREADS = 4
_CHUNK = 1 << 20
_MANIFEST = "manifest.json"
_NO_WINDOW = "full"
_DENIED = (401, 403)
_MISSING = 404


@dataclass(frozen=True)
class Batch:
    """What one task hands the next: the manifest and its counts, never rows. A dict of it is well under 4 KiB.

    ``window`` is None for a whole table; ``manifest`` is a key of the lake; ``bytes`` and ``files`` are the manifest's;
    ``extracted`` rows came from the source (NOT_COUNTED until an S3 file has been read), ``rows`` of them are in the
    files, ``rejected`` are not; ``extracted_at`` says when the source was read (UTC).
    """

    table: str
    window: Window | None
    run: str
    manifest: str
    rows: int
    bytes: int
    files: int
    extracted: int
    rejected: int
    extracted_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """For XCom."""
        window = self.window.as_dict() if self.window else None
        return {**vars(self), "window": window, "extracted_at": self.extracted_at.isoformat()}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Batch:
        """Back from XCom."""
        window = Window.from_dict(value["window"]) if value["window"] else None
        return cls(**{**value, "window": window, "extracted_at": datetime.fromisoformat(value["extracted_at"])})


@dataclass(frozen=True)
class Entry:
    """One file of a manifest. ``rows`` is None when nobody counted; ``about`` says what the file's bytes do not."""

    url: str
    bytes: int
    rows: int | None = None
    etag: str = ""
    about: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The entry as COPY takes it (AWS, "Using a manifest to specify data files"): a missing file is an error."""
        meta = {"content_length": self.bytes, "record_count": self.rows, "etag": self.etag, **self.about}
        kept = {name: value for name, value in meta.items() if value not in (None, "")}
        return {"url": self.url, "mandatory": True, "meta": kept}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Entry:
        """Back from a manifest."""
        meta = dict(value["meta"])
        size, rows, etag = meta.pop("content_length"), meta.pop("record_count", None), meta.pop("etag", "")
        return cls(value["url"], size, rows, etag, meta)


def run_slug(dag_id: str, run_id: str, try_number: int, map_index: int = -1) -> str:
    """A part of an S3 key that no other try of any run has: readable, and unique by a hash of what was shortened."""
    unique = hashlib.sha256(f"{dag_id}/{run_id}/{map_index}".encode()).hexdigest()[:10]
    return f"{re.sub('[^A-Za-z0-9]+', '-', run_id)[:60].strip('-')}-{unique}-try{try_number}"


def prefix(zone: str, table: str, window: Window | None, run: str) -> str:
    """The key prefix of one try, below the lake: ``raw/core.flights/20130101T000000-20130102T000000/<run>``."""
    return "/".join((zone, table, window.slug if window else _NO_WINDOW, run))


class Lake:
    """The lake's bucket through one S3 client, which threads may share."""

    def __init__(self, client: Any, location: S3Location) -> None:
        self.client = client
        self.location = location

    @classmethod
    def connect(cls) -> Lake:
        """By the Airflow connection ``aws_default``; where there is none, by the machine's own AWS role."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        return cls(S3Hook(aws_conn_id=settings.AWS).get_conn(), settings.lake())

    def put(self, key: str, body: bytes | bytearray, *, rows: int | None = None, **about: str) -> Entry:
        """Store one object under a key below the lake."""
        name = self.location.key(key)
        url = self.location.url(name)
        with _translated(url):
            answer = self.client.put_object(Bucket=self.location.bucket, Key=name, Body=body)
        return Entry(url, len(body), rows, answer["ETag"], about)

    def put_file(self, key: str, path: Path) -> Entry:
        """Store a local file, streaming. The entry has no etag: COPY reads it, and COPY's manifests know none."""
        name = self.location.key(key)
        with _translated(self.location.url(name)), path.open("rb") as body:
            self.client.put_object(Bucket=self.location.bucket, Key=name, Body=body)
        return Entry(self.location.url(name), path.stat().st_size)

    def head(self, location: S3Location, name: str) -> Entry:
        """Look at an object of any bucket by its full key. Raises SourceError when it is not there."""
        url = location.url(name)
        with _translated(url):
            answer = self.client.head_object(Bucket=location.bucket, Key=name)
        changed = answer["LastModified"].isoformat()
        return Entry(url, answer["ContentLength"], None, answer["ETag"], {"last_modified": changed})

    def write_manifest(self, below: str, entries: Iterable[Entry]) -> str:
        """Write the manifest of a try's files and return its key below the lake."""
        key = f"{below}/{_MANIFEST}"
        self.put(key, json.dumps({"entries": [entry.as_dict() for entry in entries]}, indent=1).encode())
        return key

    def read_manifest(self, key: str) -> tuple[Entry, ...]:
        """The files that a manifest (a key below the lake) names."""
        name = self.location.key(key)
        with _translated(self.location.url(name)):
            body = self.client.get_object(Bucket=self.location.bucket, Key=name)["Body"].read()
        return tuple(Entry.from_dict(entry) for entry in json.loads(body)["entries"])

    def fetch(self, manifest: str, folder: Path) -> list[tuple[Entry, Path]]:
        """Download a manifest's files in threads; each must be the one that the manifest means (etag and size).

        Returns the pairs in the manifest's order. Raises SourceError for an object that is gone or has changed.
        """
        entries = self.read_manifest(manifest)
        paths = [folder / f"{number:05d}-{entry.url.rsplit('/', 1)[-1]}" for number, entry in enumerate(entries)]
        with ThreadPoolExecutor(DOWNLOAD_THREADS) as pool:
            list(pool.map(lambda entry, path: self._download(entry, path, manifest), entries, paths))
        return list(zip(entries, paths, strict=True))

    def _download(self, entry: Entry, path: Path, manifest: str) -> None:
        url = urlsplit(entry.url)
        with _translated(entry.url, manifest):
            answer = self.client.get_object(Bucket=url.netloc, Key=url.path.lstrip("/"))
            with path.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    file.write(chunk)
        got = (answer["ETag"], path.stat().st_size)
        if got != (entry.etag or answer["ETag"], entry.bytes):
            raise SourceError(
                "The S3 object is not the one that was extracted: it was written again since.",
                fix="clear the extract task and those after it",
                key=entry.url,
                manifest=manifest,
                expected=f"{entry.etag} of {entry.bytes} bytes",
                found=f"{got[0]} of {got[1]} bytes",
            )


@contextmanager
def _translated(url: str, manifest: str | None = None) -> Iterator[None]:
    """S3's errors as ours."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise ConfigError(
            f"There are no AWS credentials: {error}.", fix=f"configure the Airflow connection {settings.AWS}", url=url
        ) from error
    except ClientError as error:
        raise _from_client_error(error, url, manifest) from error
    except BotoCoreError as error:
        raise TransientError(f"S3 did not answer: {error}.", fix="it is retried", url=url) from error


def _from_client_error(error: ClientError, url: str, manifest: str | None) -> Exception:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    if code == "NoSuchBucket" or status in _DENIED:
        return ConfigError(
            f"S3 refuses: {error}.", fix=f"check the bucket, and the rights of the connection {settings.AWS}", url=url
        )
    if status == _MISSING:
        what = "An S3 object is missing that the manifest names." if manifest else "There is no such S3 object."
        return SourceError(
            what,
            fix="ask who writes it; where it is the lake's own, clear the extract task",
            key=url,
            manifest=manifest,
        )
    return TransientError(f"S3 failed: {error}.", fix="it is retried", url=url)
