"""The landing bucket: airlines.csv, airports.csv and planes.csv, as a partner would drop them, unchanged.

python -m local.sources.landing with S3_ENDPOINT, LANDING (s3://bucket/prefix) and AWS_* credentials
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from local.sources.nycflights13 import csv_path

TABLES = ("airlines", "airports", "planes")


def drop_files(s3: Any, landing: str) -> list[str]:
    """Write the files that are missing under `landing`, and return their keys; existing ones are left alone."""
    address = urlsplit(landing)
    prefix = address.path.strip("/")
    written = []
    for table in TABLES:
        key = f"{prefix}/{table}.csv".lstrip("/")
        if not _exists(s3, address.netloc, key):
            s3.put_object(Bucket=address.netloc, Key=key, Body=csv_path(table).read_bytes(), ContentType="text/csv")
            written.append(key)
    return written


def _exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return False
        raise
    return True


def main() -> None:
    """Drop the files into the bucket of the environment."""
    written = drop_files(boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"]), os.environ["LANDING"])
    print(f"landing: {len(written)} of {len(TABLES)} files written", flush=True)


if __name__ == "__main__":
    main()
