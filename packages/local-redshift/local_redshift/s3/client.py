"""The objects of COPY in S3: listing, and reading in constant memory, decompressed.

An object that changes between listing and reading is an error (If-Match), and so is a compressed stream that ends
early. Sources:
https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-source-s3.html
"""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import zstandard
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from local_redshift.config import Config
from local_redshift.s3.decompress import EndOfStreamError, decompressed
from local_redshift.statements.copy import CopyCommand
from local_redshift.statements.credentials import Credentials

_READ = 1 << 20
_MAX_DOCUMENT = 64 << 20  # bytes; a manifest of half a million files


class S3Error(Exception):
    """S3 does not have what the command needs, or refuses it; the message is in Redshift's form."""


@dataclass(frozen=True)
class Source:
    """One object to load."""

    bucket: str
    key: str
    size: int
    etag: str

    @property
    def url(self) -> str:
        """As Redshift's tables name it."""
        return f"s3://{self.bucket}/{self.key}"


def s3_client(config: Config, credentials: Credentials, region: str | None) -> Any:
    """A boto3 client for the command. Raises S3Error when the role is not the one this Redshift may assume."""
    if credentials.iam_role and credentials.iam_role not in (config.iam_role, "default"):
        raise S3Error(
            f"User arn:aws:redshift:{config.region}:dbuser:{config.user} is not authorized to assume "
            f"IAM Role {credentials.iam_role}"
        )
    keys: tuple[str | None, ...] = (config.access_key, config.secret_key, None)
    if not credentials.iam_role:
        keys = (credentials.access_key, credentials.secret_key, credentials.token)
    return _client(config.s3_endpoint, region or config.region, *keys)


@functools.lru_cache(maxsize=8)
def _client(
    endpoint: str | None, region: str, access_key: str | None, secret_key: str | None, token: str | None
) -> Any:
    session = boto3.session.Session(
        aws_access_key_id=access_key, aws_secret_access_key=secret_key, aws_session_token=token
    )
    limits = BotoConfig(
        retries={"max_attempts": 3, "mode": "standard"}, connect_timeout=5, read_timeout=60, max_pool_connections=50
    )
    return session.client("s3", endpoint_url=endpoint, region_name=region, config=limits)


def list_sources(s3: Any, command: CopyCommand) -> list[Source]:
    """The objects that a COPY reads, in order. Raises S3Error when there are none or a mandatory one is missing."""
    bucket, key = split_url(command.source)
    return _manifest(s3, bucket, key) if command.has("manifest") else _prefix(s3, bucket, key)


def split_url(url: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URL.

    Raises S3Error for an ARN: boto3 takes it for an access point, whose host is another than that of the endpoint.
    https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-s3-access-point-alias.html
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if bucket.startswith("arn:"):
        raise S3Error(f"The specified S3 bucket of {url} is an ARN; use the bucket's name or an access point's alias")
    return bucket, key.lstrip("/")


def _prefix(s3: Any, bucket: str, prefix: str) -> list[Source]:
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        sources = [
            Source(bucket, item["Key"], item["Size"], item["ETag"])
            for page in pages
            for item in page.get("Contents", [])
        ]
    except (ClientError, BotoCoreError) as error:
        raise as_s3_error(error, f"s3://{bucket}/{prefix}") from error
    sources = [source for source in sources if source.size or not source.key.endswith("/")]
    if not sources:
        raise S3Error(f"The specified S3 prefix '{prefix}' does not exist")
    return sources


def _manifest(s3: Any, bucket: str, key: str) -> list[Source]:
    entries = read_json(s3, bucket, key).get("entries")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "url" in entry for entry in entries):
        raise S3Error(
            f"Manifest file s3://{bucket}/{key} is not in correct json format: "
            "it needs a list of entries with a url each"
        )
    sources = [source for entry in entries if (source := _entry(s3, entry)) is not None]
    if not sources:
        raise S3Error(f"The manifest s3://{bucket}/{key} names no file that exists")
    return sources


def _entry(s3: Any, entry: dict[str, Any]) -> Source | None:
    bucket, key = split_url(entry["url"])
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        missing = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404
        if missing and not entry.get("mandatory", False):
            return None
        raise as_s3_error(error, entry["url"]) from error
    except BotoCoreError as error:
        raise as_s3_error(error, entry["url"]) from error
    expected = entry.get("meta", {}).get("content_length")
    if expected is not None and expected != head["ContentLength"]:
        raise S3Error(f"File size of {entry['url']} is {head['ContentLength']} bytes, but the manifest says {expected}")
    return Source(bucket, key, head["ContentLength"], head["ETag"])


def read_json(s3: Any, bucket: str, key: str) -> dict[str, Any]:
    """A small JSON object in S3: a manifest or a JSONPaths file. Raises S3Error."""
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read(_MAX_DOCUMENT + 1)
    except (ClientError, BotoCoreError) as error:
        raise as_s3_error(error, f"s3://{bucket}/{key}") from error
    if len(body) > _MAX_DOCUMENT:
        raise S3Error(
            f"s3://{bucket}/{key} has more than {_MAX_DOCUMENT >> 20} MB; the local Redshift reads no larger one"
        )
    try:
        document = json.loads(body)
    except ValueError as wrong:
        raise S3Error(f"Manifest file s3://{bucket}/{key} is not in correct json format: {wrong}") from wrong
    return document if isinstance(document, dict) else {}


def read_object(s3: Any, source: Source, compression: str | None) -> Iterator[bytes]:
    """The object's bytes, decompressed, about a megabyte at a time. Raises S3Error."""
    try:
        body = s3.get_object(Bucket=source.bucket, Key=source.key, IfMatch=source.etag)["Body"]
        chunks = iter(lambda: body.read(_READ), b"")
        yield from chunks if compression is None else _decompress(chunks, compression, source.url)
    except (ClientError, BotoCoreError, OSError) as error:
        raise as_s3_error(error, source.url) from error


def _decompress(chunks: Iterator[bytes], compression: str, url: str) -> Iterator[bytes]:
    try:
        yield from decompressed(chunks, compression)
    except EndOfStreamError as error:
        raise S3Error(f"{url} ends in the middle of its {compression} stream") from error
    except (zlib.error, OSError, EOFError, zstandard.ZstdError, ValueError) as error:
        raise S3Error(f"{url} is not a valid {compression} file: {error}") from error


def as_s3_error(error: Exception, url: str) -> S3Error:
    """A client library's error in the form of Redshift's."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return S3Error(
            f"S3ServiceException:{details.get('Message')},Status {status},Error {details.get('Code')} ({url})"
        )
    return S3Error(f"S3CurlException: {error}, CurlError 7, multiCurlError 0, CanRetry 1, UserError 0 ({url})")
