"""S3 on 127.0.0.1: moto's S3, with objects that survive stop, start and a kill, for one access key.

moto stores everything in memory. A wrapper around it writes what each successful request changed to a SQLite file
before the response is sent, and restores it at start. Buckets are addressed by path, as boto3 does for an IP
address. Versions, tags and ACLs are not stored. Signatures are checked, and no other service of moto is served.

    python -m local.stack.moto_server

with S3_PORT, S3_DATA, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; S3_HOST (default 127.0.0.1), S3_BUCKETS (a,b)
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.s3.models import s3_backends

from local_redshift.storage import s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# The account of every access key that moto did not create itself (moto.core.DEFAULT_ACCOUNT_ID).
ACCOUNT = "123456789012"
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, region TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT, key TEXT, etag TEXT, metadata TEXT, content BLOB, PRIMARY KEY (bucket, key)
);
"""


class Mirror:
    """moto's S3 backend and a SQLite copy of it, updated one key at a time."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._backend = s3_backends[ACCOUNT]["aws"]
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.executescript(_SCHEMA)

    def restore(self) -> None:
        """Put every stored bucket and object into moto."""
        for name, region in self._db.execute("SELECT name, region FROM buckets"):
            self._backend.create_bucket(name, region)
        rows = self._db.execute("SELECT bucket, key, etag, metadata, content FROM objects")
        for bucket, key, etag, metadata, content in rows:
            entry = self._backend.put_object(bucket, key, content, etag=etag, disable_notification=True)
            entry.set_metadata(json.loads(metadata), replace=True)

    def create_bucket(self, name: str, region: str) -> None:
        """Create a bucket unless it exists."""
        if name not in self._backend.buckets:
            self._backend.create_bucket(name, region)
        self.save(name, "")

    def save(self, bucket: str, key: str) -> None:
        """Update the file for one key; with `key` empty, for the bucket and all keys deleted from it."""
        with self._lock:
            if key:
                self._save_key(bucket, key)
                return
            entry = self._backend.buckets.get(bucket)
            if entry is None:
                self._db.execute("DELETE FROM buckets WHERE name = ?", (bucket,))
            else:
                self._db.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?)", (bucket, entry.region_name))
            present = set(entry.keys) if entry else set()
            stored = [key for (key,) in self._db.execute("SELECT key FROM objects WHERE bucket = ?", (bucket,))]
            deleted = [(bucket, key) for key in stored if key not in present]
            self._db.execute("BEGIN")
            self._db.executemany("DELETE FROM objects WHERE bucket = ? AND key = ?", deleted)
            self._db.execute("COMMIT")

    def _save_key(self, bucket: str, key: str) -> None:
        entry = self._backend.buckets[bucket].keys.get(key) if bucket in self._backend.buckets else None
        if entry is None:
            self._db.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
            return
        row = (bucket, key, entry.etag.strip('"'), json.dumps(dict(entry.metadata)), entry.value)
        self._db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", row)


def persistent(app: WSGIApplication, mirror: Mirror) -> WSGIApplication:
    """Wrap moto: save what a successful request changed before the response is sent."""

    def handle(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request; a part of a multipart upload is not saved, its completion is."""
        statuses: list[str] = []

        def record_status(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
            """Start the response, and record its status."""
            statuses.append(status)
            return start_response(status, headers, exc_info)

        response = app(environ, record_status)
        bucket, _, key = environ["PATH_INFO"].lstrip("/").encode("latin-1").decode().partition("/")
        changes = environ["REQUEST_METHOD"] not in ("GET", "HEAD") and "partNumber=" not in environ["QUERY_STRING"]
        if changes and bucket and statuses[0].startswith("2"):
            mirror.save(bucket, key)
        return response

    return handle


def main() -> None:
    """Serve until SIGTERM."""
    host, port = os.environ.get("S3_HOST", "127.0.0.1"), int(os.environ["S3_PORT"])
    data = Path(os.environ["S3_DATA"])
    os.umask(0o077)  # the objects are its user's alone
    data.mkdir(parents=True, exist_ok=True)
    mirror = Mirror(data / "objects.sqlite")
    mirror.restore()
    for bucket in filter(None, os.environ.get("S3_BUCKETS", "").split(",")):
        mirror.create_bucket(bucket, os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))
    app = persistent(s3_server.application(), mirror)
    keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    s3_server.serve(s3_server.signed(app, *keys), host, port)


if __name__ == "__main__":
    main()
