"""The objects of UNLOAD in S3: listing, deleting, and writing, encrypted with keys of S3 (SSE-S3).

Sources:
https://docs.aws.amazon.com/redshift/latest/dg/t_unloading_encrypted_files.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from local_redshift.s3.client import as_s3_error

_SSE_S3 = {"ServerSideEncryption": "AES256"}


def default_kms_key(s3: Any, bucket: str) -> str | None:
    """The KMS key of the bucket's default encryption, `aws/s3` where it names none; None for SSE-S3. Raises S3Error."""
    try:
        configuration = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ServerSideEncryptionConfigurationNotFoundError":
            return None
        raise as_s3_error(error, f"s3://{bucket}") from error
    except BotoCoreError as error:
        raise as_s3_error(error, f"s3://{bucket}") from error
    defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in configuration.get("Rules", [])]
    keys = [each.get("KMSMasterKeyID", "aws/s3") for each in defaults if each.get("SSEAlgorithm") != "AES256"]
    return keys[0] if keys else None


def list_keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    """All keys under a prefix. Raises S3Error."""
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]
    except (ClientError, BotoCoreError) as error:
        raise as_s3_error(error, f"s3://{bucket}/{prefix}") from error


def delete_objects(s3: Any, bucket: str, keys: list[str]) -> None:
    """Delete objects. Raises S3Error."""
    try:
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)
    except (ClientError, BotoCoreError) as error:
        raise as_s3_error(error, f"s3://{bucket}") from error


def upload_file(s3: Any, bucket: str, key: str, path: Path) -> None:
    """Put a file. Raises S3Error."""
    try:
        s3.upload_file(str(path), bucket, key, ExtraArgs=_SSE_S3)
    except (ClientError, BotoCoreError, S3UploadFailedError) as error:
        raise as_s3_error(error, f"s3://{bucket}/{key}") from error


def put_object(s3: Any, bucket: str, key: str, body: bytes) -> None:
    """Put a small object. Raises S3Error."""
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, **_SSE_S3)
    except (ClientError, BotoCoreError) as error:
        raise as_s3_error(error, f"s3://{bucket}/{key}") from error
