"""Sends alerts to Slack, by e-mail or to any webhook, through the connections that ``[redshift_etl] alerts`` names.

The connection's type decides: ``slackwebhook``, ``smtp`` (its extra ``to`` has the recipients), and ``http`` for any
service that accepts a JSON body. With no connection named no alert is sent. Sending never raises: an alert that fails
is logged, and the next connection is tried.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk import BaseNotifier
from airflow.sdk.configuration import conf

from redshift_etl import __version__, settings
from redshift_etl.connections import no_connection
from redshift_etl.errors import ConfigError

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Alert:
    """One line, a longer text, and fields that webhooks receive unchanged."""

    subject: str
    text: str
    fields: Mapping[str, Any]

    @property
    def body(self) -> str:
        """The text, and the version of the product as its last line."""
        return f"{self.text}\nredshift-airflow {__version__}"


class WebhookNotifier(BaseNotifier):
    """POSTs ``{"text": …, "subject": …, **fields}`` as JSON to the URL of an ``http`` connection."""

    def __init__(self, *, alert: Alert, http_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alert = alert
        self.http_conn_id = http_conn_id

    def notify(self, context: Any) -> None:  # noqa: ARG002 — Airflow's signature
        """Send the alert. Raises for a response that is not 2xx: a redirect would take the headers to another host."""
        from airflow.providers.http.hooks.http import HttpHook

        body = {"subject": self.alert.subject, "text": self.alert.body, **self.alert.fields}
        options = {"timeout": TIMEOUT_SECONDS, "check_response": True, "allow_redirects": False}
        response = HttpHook(method="POST", http_conn_id=self.http_conn_id).run(json=body, extra_options=options)
        if response.is_redirect:
            raise ConfigError(
                "The webhook redirects.", fix="correct the address of the connection", connection=self.http_conn_id
            )


def send(alert: Alert) -> list[str]:
    """Send the alert through every connection; returns those that accepted it. Never raises."""
    accepted = []
    for conn_id in _connections():
        try:
            # `notify` instead of a call: calling renders templates, and an error's text may contain braces.
            notifier(conn_id, alert).notify({})
            accepted.append(conn_id)
        except Exception as error:  # noqa: BLE001 — whatever a service does, the next one is tried
            log.warning("The alert %r could not be sent by %s: %s", alert.subject, conn_id, _redacted(error))
    return accepted


def _connections() -> list[str]:
    try:
        names = str(conf.get(settings.SECTION, "alerts", fallback="") or "")
    except Exception as error:  # noqa: BLE001 — an unreadable configuration is logged, not raised
        log.warning("The setting [%s] alerts cannot be read: %s", settings.SECTION, _redacted(error))
        return []
    return [name.strip() for name in names.split(",") if name.strip()]


def _redacted(error: Exception) -> str:
    from redshift_etl.redaction import redact

    return redact(f"{type(error).__name__}: {error}")


def notifier(conn_id: str, alert: Alert) -> BaseNotifier:
    """The notifier for a connection, by its type. Raises ConfigError for none, or a type that is not one of these."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise no_connection(conn_id) from error
    if connection.conn_type == "slackwebhook":
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        # Slack interprets <!channel> and <https://…> in a text (Slack, "Formatting text for app surfaces: escaping").
        text = html.escape(f"{alert.subject}\n{alert.body}", quote=False)
        return SlackWebhookNotifier(slack_webhook_conn_id=conn_id, text=text, timeout=TIMEOUT_SECONDS)
    if connection.conn_type == "smtp":
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        to = connection.extra_dejson.get("to")
        if not to:
            raise ConfigError("The SMTP connection has no recipients.", fix='add "to" to its extra', conn_id=conn_id)
        body = f"<pre>{html.escape(alert.body)}</pre>"
        subject = " ".join(alert.subject.split())  # a header is one line
        return SmtpNotifier(to=to, subject=subject, html_content=body, smtp_conn_id=conn_id)
    if connection.conn_type == "http":
        return WebhookNotifier(alert=alert, http_conn_id=conn_id)
    raise ConfigError(
        "Alerts go by connections of type slackwebhook, smtp or http.",
        fix=f"correct [{settings.SECTION}] alerts",
        conn_id=conn_id,
        type=connection.conn_type,
    )
