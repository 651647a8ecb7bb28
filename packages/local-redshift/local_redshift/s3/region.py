"""REGION of COPY and UNLOAD: the bucket's region, by default the cluster's (copy-parameters-data-source-s3)."""

from __future__ import annotations

import functools
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_redshift.config import Config
from local_redshift.s3.client import S3Error, split_url


def check_region(client: Any, config: Config, region: str | None, url: str) -> None:
    """Refuse a REGION that is not the bucket's. Raises S3Error."""
    bucket, _ = split_url(url)
    try:
        # An S3 that does not report a region is taken to be in the cluster's.
        bucket_region = _bucket_region(client, bucket) or config.region
    except (ClientError, BotoCoreError):
        return  # the command's own request reports the error
    if bucket_region != (region or config.region):
        raise S3Error(
            "S3ServiceException:The bucket you are attempting to access must be addressed using the specified "
            "endpoint. Please send all future requests to this endpoint.,Status 301,Error PermanentRedirect "
            f"(s3://{bucket} is in {bucket_region})"
        )


@functools.lru_cache(maxsize=64)
def _bucket_region(client: Any, bucket: str) -> str | None:
    """The bucket's region, which does not change. Raises ClientError, BotoCoreError."""
    headers = client.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    bucket_region: str | None = headers.get("x-amz-bucket-region")
    return bucket_region
