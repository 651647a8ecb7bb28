"""The lake in S3: objects below one prefix of a bucket, and the manifests that list a batch's files.

Every access of the library to S3 is here. Of a batch only the files that a manifest names are read, so what a killed
try has left is never read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from redshift_etl import settings
from redshift_etl.errors import SourceError
from redshift_etl.lake import manifest as parsed
from redshift_etl.lake.archives import suffix
from redshift_etl.lake.batch import Entry
from redshift_etl.lake.s3_errors import connecting, translated
from redshift_etl.settings import S3Location

DOWNLOAD_THREADS = 4
MAX_DOCUMENT_BYTES = 32 << 20
"""The size to which an object is read into memory: a manifest of some 80,000 files."""
_CHUNK = 1 << 20
_MANIFEST = "manifest.json"
_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404")
_DELETED_AT_ONCE = 1000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html


@dataclass(frozen=True)
class Listed:
    """An object of a listing: its key below the lake, its size in bytes and when it was written (UTC)."""

    key: str
    bytes: int
    written_at: datetime


class Lake:
    """The lake's bucket through one S3 client, which threads may share."""

    def __init__(self, client: Any, location: S3Location) -> None:
        self.client = client
        self.location = location

    @classmethod
    def connect(cls) -> Lake:
        """By the Airflow connection ``aws_default``; where there is none, by the machine's own AWS role."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        location = settings.lake()
        with connecting():
            return cls(S3Hook(aws_conn_id=settings.AWS).get_conn(), location)

    def put(self, key: str, body: bytes | bytearray, *, rows: int | None = None, **about: str) -> Entry:
        """Store one object under a key below the lake."""
        name = self.location.key(key)
        url = self.location.url(name)
        with translated(url):
            response = self.client.put_object(Bucket=self.location.bucket, Key=name, Body=body)
        return Entry(url, len(body), rows, response["ETag"], about)

    def put_file(self, key: str, path: Path) -> Entry:
        """Store a local file, streaming. The entry has no etag: COPY reads it, and COPY's manifests have none."""
        name = self.location.key(key)
        with translated(self.location.url(name)), path.open("rb") as body:
            self.client.put_object(Bucket=self.location.bucket, Key=name, Body=body)
        return Entry(self.location.url(name), path.stat().st_size)

    def put_if(self, key: str, body: bytes, *, etag: str | None) -> bool:
        """Replace the object that has this etag; with None, create it. Returns False when the condition fails.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        name = self.location.key(key)
        return self._conditional(
            key, lambda: self.client.put_object(Bucket=self.location.bucket, Key=name, Body=body, **condition)
        )

    def delete_if(self, key: str, *, etag: str) -> bool:
        """Delete the object that has this etag. Returns False when another has taken its place, or none is there.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
        """
        name = self.location.key(key)
        return self._conditional(
            key, lambda: self.client.delete_object(Bucket=self.location.bucket, Key=name, IfMatch=etag)
        )

    def _conditional(self, key: str, request: Callable[[], object]) -> bool:
        with translated(self.location.url(self.location.key(key))):
            try:
                request()
            except ClientError as error:
                if error.response["Error"]["Code"] in _CONDITION_FAILED:
                    return False
                raise
        return True

    def get(self, key: str, max_bytes: int | None = None) -> tuple[bytes, str] | None:
        """The (first ``max_bytes``) bytes of an object and its etag; None when there is no such object.

        Without ``max_bytes``, raises SourceError for one that is larger than MAX_DOCUMENT_BYTES.
        """
        name = self.location.key(key)
        with translated(self.location.url(name)):
            try:
                response = self.client.get_object(Bucket=self.location.bucket, Key=name)
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchKey":
                    return None
                raise
            body = self._whole(response, key) if max_bytes is None else response["Body"].read(max_bytes)
            return body, response["ETag"]

    def list_objects(self, below: str) -> Iterator[Listed]:
        """The objects below a key, in the order of their keys."""
        root = self.location.key("")
        with translated(self.location.url(self.location.key(below))):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.location.bucket, Prefix=self.location.key(below) + "/"
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(root).lstrip("/")
                    yield Listed(key, found["Size"], found["LastModified"])

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects by their keys below the lake. Raises SourceError when S3 refuses to delete some."""
        objects = iter([{"Key": self.location.key(key)} for key in keys])
        while some := list(islice(objects, _DELETED_AT_ONCE)):
            with translated(self.location.url(some[0]["Key"])):
                response = self.client.delete_objects(
                    Bucket=self.location.bucket, Delete={"Objects": some, "Quiet": True}
                )
            errors = response.get("Errors", ())
            if errors:
                raise SourceError(
                    f"S3 did not delete {len(errors)} files: {errors[0].get('Message')}.",
                    fix="check the bucket's policy and object locks",
                    key=errors[0].get("Key"),
                )

    def head(self, location: S3Location, name: str) -> Entry:
        """The size and etag of an object of any bucket by its full key. Raises SourceError when it is not there."""
        url = location.url(name)
        with translated(url):
            response = self.client.head_object(Bucket=location.bucket, Key=name)
        return Entry(url, response["ContentLength"], None, response["ETag"], _changed(response))

    def list_entries(self, location: S3Location, start: str) -> Iterator[Entry]:
        """The objects of any bucket whose full keys start so, by key: URL, size and etag."""
        with translated(location.url(start)):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=location.bucket, Prefix=start)
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Entry(location.url(found["Key"]), found["Size"], None, found["ETag"], _changed(found))

    def write_manifest(self, below: str, entries: Iterable[Entry], extracted_at: datetime | None = None) -> str:
        """Write the manifest of a try's files and return its key below the lake; of raw files with ``extracted_at``."""
        key = f"{below}/{_MANIFEST}"
        content: dict[str, object] = {"entries": [entry.as_dict() for entry in entries]}
        if extracted_at:
            content["extracted_at"] = extracted_at.isoformat()
        self.put(key, json.dumps(content, indent=1).encode())
        return key

    def manifests(self, below: str) -> list[str]:
        """The keys of the manifests below a key, in the order in which they were written."""
        found = (it for it in self.list_objects(below) if it.key.endswith(f"/{_MANIFEST}"))
        return [it.key for it in sorted(found, key=lambda it: it.written_at)]

    def read_extracted_at(self, key: str) -> datetime:
        """When the source of a raw manifest's files was read."""
        return parsed.extracted_at(self.read(key), key)

    def read_manifest(self, key: str) -> tuple[Entry, ...]:
        """The files that a manifest (a key below the lake) names. Raises SourceError for what it may not name."""
        return parsed.entries(self.read(key), key, self.location)

    def read(self, key: str) -> bytes:
        """The bytes of an object. Raises SourceError when there is none, or it is larger than MAX_DOCUMENT_BYTES."""
        name = self.location.key(key)
        with translated(self.location.url(name)):
            return self._whole(self.client.get_object(Bucket=self.location.bucket, Key=name), key)

    def _whole(self, response: dict[str, Any], key: str) -> bytes:
        if response["ContentLength"] > MAX_DOCUMENT_BYTES:
            raise SourceError(
                f"The object is larger than {MAX_DOCUMENT_BYTES >> 20} MiB, to which a document of the lake is read.",
                fix="if it is a manifest, load fewer files at once: shorten the window; else ask who has written it",
                key=self.location.url(self.location.key(key)),
                bytes=response["ContentLength"],
            )
        body: bytes = response["Body"].read()
        return body

    def fetch(self, manifest: str, folder: Path) -> list[tuple[Entry, Path]]:
        """Download a manifest's files in threads; each must be the one that the manifest means (etag and size).

        Returns the pairs in the manifest's order. Raises SourceError for an object that is gone or has changed.
        """
        entries = self.read_manifest(manifest)
        paths = [folder / f"{number:05d}{suffix(entry.url)}" for number, entry in enumerate(entries)]
        with ThreadPoolExecutor(DOWNLOAD_THREADS) as pool:
            list(pool.map(lambda entry, path: self._download(entry, path, manifest), entries, paths))
        return list(zip(entries, paths, strict=True))

    def _download(self, entry: Entry, path: Path, manifest: str) -> None:
        bucket, key = entry.object
        with translated(entry.url, manifest):
            response = self.client.get_object(Bucket=bucket, Key=key)
            with path.open("wb") as file:
                for chunk in response["Body"].iter_chunks(_CHUNK):
                    file.write(chunk)
                    if file.tell() > entry.bytes:
                        break
        got = (response["ETag"], path.stat().st_size)
        if got != (entry.etag or response["ETag"], entry.bytes):
            raise SourceError(
                "The S3 object is not the one that was extracted: it was written again since.",
                fix="clear the extract task and those after it",
                key=entry.url,
                manifest=manifest,
                expected=f"{entry.etag} of {entry.bytes} bytes",
                found=f"{got[0]} of {got[1]} bytes",
            )


def _changed(described: dict[str, Any]) -> dict[str, str]:
    return {"last_modified": described["LastModified"].isoformat()}
