"""S3 on 127.0.0.1 for one access key: moto's S3 and no other of its services, behind a check of each signature.

    python -m local_redshift.storage.s3_server    with S3_PORT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY

Objects are in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

from local_redshift.storage import s3_signature

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def application() -> WSGIApplication:
    """Moto's S3 as one WSGI application; what its other services and its own API serve are keys of no bucket here."""
    app: WSGIApplication = create_backend_app("s3")
    return app


def signed(app: WSGIApplication, access_key: str, secret_key: str) -> WSGIApplication:
    """Pass on requests that are signed with the key; no response lets a web page of another origin read it."""

    def handle(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        try:
            s3_signature.check(environ, access_key, secret_key, datetime.now(UTC))
        except s3_signature.RefusedError as refused:
            # The body is not read: what follows on the connection would be taken for the next request.
            headers = [("Content-Type", "application/xml"), ("Connection", "close")]
            start_response(f"{refused.status} Refused", headers)
            return [_document(refused.code, str(refused))]

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            """Start the response without moto's CORS headers, which allow any origin."""
            kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
            return start_response(status, kept, exc_info)

        return app(environ, start)

    return handle


def _document(code: str, message: str) -> bytes:
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode()


def serve(app: WSGIApplication, host: str, port: int) -> None:
    """Serve until SIGTERM."""
    run_simple(host, port, app, threaded=True, request_handler=MotoRequestHandler)


def main() -> None:
    """Serve S3 with the settings of the environment."""
    app = signed(application(), os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    serve(app, "127.0.0.1", int(os.environ["S3_PORT"]))


if __name__ == "__main__":
    main()
