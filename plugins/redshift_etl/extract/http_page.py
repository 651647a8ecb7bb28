r"""One response of a service within limits, and which addresses are the service's own.

An address is compared as requests sends it: ``urlsplit`` takes another host than requests out of ``http://a\@b/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests

from redshift_etl.errors import SourceError
from redshift_etl.redaction import redact, redact_urls

MAX_BYTES = 32 << 20
"""The size of a response, unpacked. As JSON it takes up to some 700 MiB of memory."""
MAX_REDIRECTS = 5
"""How many redirects are followed for one request."""
_STEP = 1 << 14
_SHOWN_BYTES = 200
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Page:
    """A response that was read whole. ``following`` is the address of the next page, None on the last."""

    url: str
    status: int
    content: bytes
    last_modified: str | None
    following: str | None


def read(response: requests.Response) -> Page:
    """Read a streamed response. Raises SourceError when it is larger than MAX_BYTES, and requests' errors."""
    content = bytearray()
    for step in response.iter_content(_STEP):
        content += step
        if len(content) > MAX_BYTES:
            raise SourceError(
                f"The response is larger than {MAX_BYTES / (1 << 20):g} MiB, unpacked.",
                fix="request less at once: by the query's parameter for the size of a page, else by a shorter window",
                url=redact_urls(response.url),
            )
    following = response.links.get("next", {}).get("url")
    url = joined(response.url, following) if following is not None else None
    return Page(response.url, response.status_code, bytes(content), response.headers.get("Last-Modified"), url)


def beginning(response: requests.Response) -> str:
    """The first bytes of a streamed response as text, for a message."""
    body: bytes = next(response.iter_content(_SHOWN_BYTES), b"")
    return redact(body.decode("utf-8", errors="replace"))


def joined(url: str, target: str) -> str:
    """A target relative to a URL; as it is when it is not well-formed, which no host's is."""
    try:
        return urljoin(url, target)
    except ValueError:
        return target


def is_own(url: str, own: str) -> bool:
    """Whether a URL has the scheme, host and port (RFC 6454) of another that is the service's own."""
    origin = _origin(url)
    return origin is not None and origin == _origin(own)


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """None for an address that requests does not send."""
    try:
        sent = requests.Request("GET", url).prepare().url or ""
        parts = urlsplit(sent)
        return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # requests' own are ValueErrors too
        return None
