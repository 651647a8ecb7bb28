"""AWS Signature Version 4 of a request to S3: whether it was made with one secret key, and is still valid.

Sources:
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
Version 2 is refused, as S3 refuses it for buckets made since June 2020.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import io
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote_to_bytes

_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    _ALGORITHM + r"\s+Credential=(?P<credential>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_SHA256 = re.compile("[0-9a-f]{64}")
_UNSIGNED = "UNSIGNED-PAYLOAD"
_SKEW = timedelta(minutes=15)
_MAX_EXPIRES = 604_800  # seconds: a week


class RefusedError(Exception):
    """S3 refuses the request; `code` is that of the error document, `status` the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass(frozen=True)
class _Signature:
    """What a request says about its signature; `expires` is for a presigned address."""

    access_key: str
    scope: tuple[str, str, str, str]  # date, region, service, aws4_request
    headers: tuple[str, ...]
    value: str
    moment: str
    payload: str
    expires: int | None = None


def check(environ: MutableMapping[str, Any], access_key: str, secret_key: str, now: datetime) -> None:
    """Raise RefusedError unless the WSGI request is signed with the key, at about `now` (UTC) or presigned until then.

    Reads the body where its hash is signed, and puts another stream in its place.
    """
    path, _, query = str(environ.get("RAW_URI") or environ["REQUEST_URI"]).partition("?")
    parameters = _parameters(query)
    signature = _presigned(dict(parameters)) if "HTTP_AUTHORIZATION" not in environ else _in_header(environ)
    if not hmac.compare_digest(signature.access_key.encode(), access_key.encode()):
        raise RefusedError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    _check_time(signature, now)
    unsigned = [name for name in _amazon_headers(environ) if name not in signature.headers]
    if "host" not in signature.headers or unsigned:
        raise RefusedError(
            "AccessDenied", f"There were headers present in the request which were not signed: {unsigned}"
        )
    request = "\n".join(
        (
            environ["REQUEST_METHOD"],
            _encoded(path, safe="/"),
            "&".join(f"{name}={value}" for name, value in sorted(parameters) if name != "X-Amz-Signature"),
            *(f"{name}:{_header(environ, name)}" for name in signature.headers),
            "",
            ";".join(signature.headers),
            signature.payload,
        )
    )
    if not hmac.compare_digest(signature.value, _sign(secret_key, signature, request)):
        raise RefusedError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing "
            "method.",
        )
    if _SHA256.fullmatch(signature.payload):
        _check_body(environ, signature.payload)


def _in_header(environ: Mapping[str, Any]) -> _Signature:
    match = _AUTHORIZATION.fullmatch(environ["HTTP_AUTHORIZATION"])
    if match is None:
        raise RefusedError(
            "InvalidRequest", f"The authorization mechanism you have provided is not supported. Use {_ALGORITHM}.", 400
        )
    headers = tuple(match["headers"].split(";"))
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    if not payload:
        raise RefusedError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256", 400)
    moment = environ.get("HTTP_X_AMZ_DATE", "")
    return _Signature(*_credential(match["credential"]), headers, match["signature"], moment, payload)


def _presigned(parameters: Mapping[str, str]) -> _Signature:
    if "AWSAccessKeyId" in parameters:
        raise RefusedError(
            "InvalidRequest", f"The authorization mechanism you have provided is not supported. Use {_ALGORITHM}.", 400
        )
    if parameters.get("X-Amz-Algorithm") != _ALGORITHM:
        raise RefusedError("AccessDenied", "Access Denied")
    values = {name: unquote_to_bytes(value).decode("utf-8", "replace") for name, value in parameters.items()}
    expires = values.get("X-Amz-Expires", "")
    if not expires.isdecimal() or not 0 < int(expires) <= _MAX_EXPIRES:
        raise RefusedError("AuthorizationQueryParametersError", "X-Amz-Expires must be from 1 to 604800 seconds", 400)
    return _Signature(
        *_credential(values.get("X-Amz-Credential", "")),
        tuple(values.get("X-Amz-SignedHeaders", "").split(";")),
        values.get("X-Amz-Signature", ""),
        values.get("X-Amz-Date", ""),
        _UNSIGNED,
        int(expires),
    )


def _credential(text: str) -> tuple[str, tuple[str, str, str, str]]:
    parts = text.split("/")
    if len(parts) != 5 or parts[3:] != ["s3", "aws4_request"]:
        raise RefusedError("AuthorizationHeaderMalformed", "The credential's scope must be …/s3/aws4_request", 400)
    return parts[0], (parts[1], parts[2], parts[3], parts[4])


def _check_time(signature: _Signature, now: datetime) -> None:
    try:
        signed = datetime.strptime(signature.moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=now.tzinfo)
    except ValueError:
        raise RefusedError("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    if signature.moment[:8] != signature.scope[0]:
        raise RefusedError("SignatureDoesNotMatch", "The credential's date is not the request's")
    if signature.expires is not None and now > signed + timedelta(seconds=signature.expires):
        raise RefusedError("AccessDenied", "Request has expired")
    if signed > now + _SKEW or (signature.expires is None and signed < now - _SKEW):
        raise RefusedError(
            "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
        )


def _sign(secret_key: str, signature: _Signature, request: str) -> str:
    scope, digest = "/".join(signature.scope), hashlib.sha256(request.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{signature.moment}\n{scope}\n{digest}"
    return _hmac(_signing_key(secret_key, signature.scope), text).hex()


@functools.lru_cache(maxsize=8)
def _signing_key(secret_key: str, scope: tuple[str, ...]) -> bytes:
    return functools.reduce(_hmac, scope, ("AWS4" + secret_key).encode())


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _check_body(environ: MutableMapping[str, Any], expected: str) -> None:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    if hashlib.sha256(body).hexdigest() != expected:
        raise RefusedError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            400,
        )


def _parameters(query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(_encoded(name), _encoded(value)) for name, _, value in pairs]


def _encoded(text: str, safe: str = "") -> str:
    """Percent-encoded as AWS requires it, however the client has encoded it."""
    return quote(unquote_to_bytes(text), safe=safe + "-_.~")


def _header(environ: Mapping[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    value = environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", "")
    return " ".join(str(value).split())


def _amazon_headers(environ: Mapping[str, Any]) -> list[str]:
    return [name[5:].lower().replace("_", "-") for name in environ if name.startswith("HTTP_X_AMZ_")]
