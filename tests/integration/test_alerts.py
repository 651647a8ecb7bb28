"""Alerts by Airflow's own notifiers against real services on this machine: a Slack webhook and a mail server."""

from __future__ import annotations

import email
import json
import os
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from redshift_etl import __version__
from redshift_etl.incidents import alerts
from tests.integration.http_service import Answer, serving
from tests.integration.test_incidents import webhook

__all__ = ["webhook"]

ALERT = alerts.Alert("SourceError on core.t", "A <b>row</b> {{ 1/0 }} is bad", {"state": "open"})


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to hand in one message."""

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline().strip():
            word = line.split()[0].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                body = []
                while (part := self.rfile.readline().rstrip(b"\r\n")) != b".":
                    body.append(part)
                self.server.messages.append(b"\n".join(body).decode())  # type: ignore[attr-defined]
            if word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 fine\r\n")


@contextmanager
def mail_server() -> Iterator[Any]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail) as server:
        server.messages = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def set_connection(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__ALERTS", "people")


def test_e_mail_goes_to_the_connection_s_recipients_and_its_text_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as server:
        extra = {"from_email": "etl@x", "to": "oncall@x", "disable_ssl": True, "disable_tls": True}
        set_connection(monkeypatch, conn_type="smtp", host="127.0.0.1", port=server.server_address[1], extra=extra)
        assert alerts.send(ALERT) == ["people"]
        (message,) = server.messages
    assert "To: oncall@x" in message
    assert "Subject: SourceError on core.t" in message
    (body,) = [part for part in email.message_from_string(message).walk() if part.get_content_type() == "text/html"]
    expected = f"<pre>A &lt;b&gt;row&lt;/b&gt; {{{{ 1/0 }}}} is bad\nredshift-airflow {__version__}</pre>"
    payload = body.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert expected in payload.decode()


def test_a_name_with_a_line_break_in_it_adds_no_header_to_an_e_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as server:
        extra = {"from_email": "etl@x", "to": "oncall@x", "disable_ssl": True, "disable_tls": True}
        set_connection(monkeypatch, conn_type="smtp", host="127.0.0.1", port=server.server_address[1], extra=extra)
        assert alerts.send(alerts.Alert("SourceError on core.t\nBcc: all@x", "It is bad", {})) == ["people"]
        (message,) = server.messages
    assert email.message_from_string(message)["Subject"] == "SourceError on core.t Bcc: all@x"


def test_mail_without_a_recipient_is_logged_and_not_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_connection(monkeypatch, conn_type="smtp", host="127.0.0.1", port=1)
    assert alerts.send(ALERT) == []
    assert "has no recipients" in caplog.text


def test_slack_gets_the_subject_and_the_text_without_anything_that_it_would_interpret(
    monkeypatch: pytest.MonkeyPatch, webhook: list[Any]
) -> None:
    url = json.loads(os.environ["AIRFLOW_CONN_PAGER"])["host"]
    set_connection(monkeypatch, conn_type="slackwebhook", host=url, password="T0/B0/secret")
    alerts.send(replace(ALERT, text="A <b>row</b> {{ 1/0 }} & <!channel> is bad"))
    escaped = "A &lt;b&gt;row&lt;/b&gt; {{ 1/0 }} &amp; &lt;!channel&gt; is bad"
    assert webhook[0]["text"] == f"SourceError on core.t\n{escaped}\nredshift-airflow {__version__}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_webhook_that_redirects_has_not_accepted_and_its_headers_go_nowhere(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    with serving() as hook, serving() as other:
        hook.answers, other.answers = [Answer(b"", status, {"Location": other.url})], [Answer(b"")]
        set_connection(monkeypatch, conn_type="http", host=hook.url, extra={"X-Api-Key": "very-secret"})
        assert alerts.send(ALERT) == []
        assert (len(hook.asked), other.asked) == (1, [])


@pytest.mark.parametrize(
    ("conn_type", "extra"),
    [
        ("http", {}),
        ("slackwebhook", {}),
        ("smtp", {"from_email": "etl@x", "to": "oncall@x", "disable_ssl": True, "timeout": 1, "retry_limit": 1}),
    ],
)
def test_a_service_that_never_answers_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, conn_type: str, extra: dict[str, Any]
) -> None:
    monkeypatch.setattr(alerts, "TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        address = {"host": "127.0.0.1", "port": port} if conn_type == "smtp" else {"host": f"http://127.0.0.1:{port}"}
        set_connection(monkeypatch, conn_type=conn_type, password="T0/B0/secret", extra=extra, **address)
        started = time.monotonic()
        assert alerts.send(ALERT) == []
        assert time.monotonic() - started < 10
    assert re.search("timed out|unable to connect to smtp", caplog.text, re.IGNORECASE)
    assert "secret" not in caplog.text


def test_with_nothing_configured_no_alert_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__REDSHIFT_ETL__ALERTS", raising=False)
    assert alerts.send(ALERT) == []
