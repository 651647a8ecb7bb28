"""S3's errors as those of this package: who must act, or that it is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from redshift_etl import settings
from redshift_etl.errors import ConfigError, SourceError, TransientError

_NOT_CONFIGURED = (NoCredentialsError, PartialCredentialsError, ProfileNotFound, NoRegionError)
_DENIED = (401, 403)
_MISSING = 404


@contextmanager
def translated(url: str, manifest: str | None = None) -> Iterator[None]:
    """S3's errors as ours."""
    try:
        yield
    except _NOT_CONFIGURED as error:
        raise ConfigError(
            f"There are no AWS credentials, or no Region: {error}.",
            fix=f"configure the Airflow connection {settings.AWS}",
            url=url,
        ) from error
    except ClientError as error:
        raise _from_client_error(error, url, manifest) from error
    except BotoCoreError as error:
        raise TransientError(f"S3 did not respond: {error}.", fix="it is retried", url=url) from error


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
