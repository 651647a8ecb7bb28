"""S3's errors as those of this package: who must act, or that it is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 — that of botocore
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)

from redshift_etl import settings
from redshift_etl.connections import unreadable
from redshift_etl.errors import ConfigError, SourceError, TransientError

_NOT_CONFIGURED = (NoCredentialsError, PartialCredentialsError, ProfileNotFound, NoRegionError)
_DENIED = (401, 403)
_MISSING = 404
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_ANOTHER_REGION = f"the bucket is in another region: correct region_name in the extra of the connection {settings.AWS}"
_LOGIN = f"correct the access key and the secret of the connection {settings.AWS}"
_FIXES = {
    "NoSuchBucket": f"correct the bucket in the settings of [{settings.SECTION}], or create it",
    "PermanentRedirect": _ANOTHER_REGION,
    "AuthorizationHeaderMalformed": _ANOTHER_REGION,
    "InvalidAccessKeyId": _LOGIN,
    "SignatureDoesNotMatch": _LOGIN,
    "ExpiredToken": f"renew the session token of the connection {settings.AWS}",
    "InvalidToken": f"renew the session token of the connection {settings.AWS}",
    "RequestTimeTooSkewed": "set the clock of the machine that runs the task",
}


@contextmanager
def connecting() -> Iterator[None]:
    """The errors of making a client of S3 as ours. Airflow takes a connection that it cannot read for none."""
    if wrong := unreadable(settings.AWS):
        raise wrong
    try:
        yield
    except (ClientError, ConnectionError, HTTPClientError) as error:  # of STS, for a connection with a role
        raise (
            _from_client_error(error, "sts", None)
            if isinstance(error, ClientError)
            else TransientError(f"AWS did not respond: {error}.", fix="it is retried", connection=settings.AWS)
        ) from error
    except (BotoCoreError, ValueError, TypeError) as error:
        raise ConfigError(
            f"The Airflow connection makes no client of S3: {error}.",
            fix="correct the connection and its extra",
            connection=settings.AWS,
        ) from error


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
    except ParamValidationError as error:
        raise ConfigError(f"S3 has no such name: {error}.", fix="correct the name", url=url) from error
    except BotoCoreError as error:
        raise TransientError(f"S3 did not respond: {error}.", fix="it is retried", url=url) from error


def _from_client_error(error: ClientError, url: str, manifest: str | None) -> Exception:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    if code in _FIXES or status in _DENIED:
        fix = _FIXES.get(code, f"check the bucket's policy, and the rights of the connection {settings.AWS}")
        return ConfigError(f"S3 refuses: {error}.", fix=fix, url=url)
    if status == _MISSING:
        what = "An S3 object is missing that the manifest names." if manifest else "There is no such S3 object."
        return SourceError(
            what,
            fix="ask who writes it; where it is the lake's own, clear the extract task",
            key=url,
            manifest=manifest,
        )
    return TransientError(f"S3 failed: {error}.", fix="it is retried", url=url)
