"""Tells people: Slack, e-mail or any webhook, by the connections that ``[redshift_etl] alerts`` names.

The connection's type decides: ``slackwebhook``, ``smtp`` (its extra ``to`` says to whom), and ``http`` for any service
that takes a JSON body. No connection named, nobody is told, and the report alone remains. Sending never raises: an
alert that fails is logged and the next one is tried.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk import BaseNotifier
from airflow.sdk.configuration import conf

from redshift_etl import settings
from redshift_etl.errors import ConfigError

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Notice:
    """What to say: one line, and the rest. ``about`` goes to webhooks as it is."""

    subject: str
    text: str
    about: Mapping[str, Any]


class WebhookNotifier(BaseNotifier):
    """POSTs ``{"text": …, "subject": …, **about}`` as JSON to the URL of an ``http`` connection."""

    def __init__(self, *, notice: Notice, http_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notice = notice
        self.http_conn_id = http_conn_id

    def notify(self, context: Any) -> None:  # noqa: ARG002 — Airflow's signature
        """Send it. Raises on a refusal."""
        from airflow.providers.http.hooks.http import HttpHook

        body = {"subject": self.notice.subject, "text": self.notice.text, **self.notice.about}
        HttpHook(method="POST", http_conn_id=self.http_conn_id).run(
            json=body, extra_options={"timeout": TIMEOUT_SECONDS, "check_response": True}
        )


def send(notice: Notice) -> list[str]:
    """Tell everyone who is named; returns the connections that took it. Never raises."""
    taken = []
    for conn_id in _named():
        try:
            # `notify` and not a call: calling renders templates, and an error's text may hold braces.
            notifier(conn_id, notice).notify({})
            taken.append(conn_id)
        except Exception as error:  # noqa: BLE001 — whatever a service does, the next one is tried
            log.warning("The alert %r could not be sent by %s: %s", notice.subject, conn_id, _safe(error))
    return taken


def _named() -> list[str]:
    try:
        names = str(conf.get(settings.SECTION, "alerts", fallback="") or "")
    except Exception as error:  # noqa: BLE001 — a configuration that cannot be read is no reason to fail here
        log.warning("The setting [%s] alerts cannot be read: %s", settings.SECTION, _safe(error))
        return []
    return [name.strip() for name in names.split(",") if name.strip()]


def _safe(error: Exception) -> str:
    from redshift_etl.redaction import redact

    return redact(f"{type(error).__name__}: {error}")


def notifier(conn_id: str, notice: Notice) -> BaseNotifier:
    """The notifier for a connection, by its type. Raises ConfigError for a type that is not one of the three."""
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection(conn_id)
    if connection.conn_type == "slackwebhook":
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        # Slack reads <!channel> and <https://…> in a text (Slack, "Formatting text for app surfaces: escaping").
        text = html.escape(f"{notice.subject}\n{notice.text}", quote=False)
        return SlackWebhookNotifier(slack_webhook_conn_id=conn_id, text=text, timeout=TIMEOUT_SECONDS)
    if connection.conn_type == "smtp":
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        to = connection.extra_dejson.get("to")
        if not to:
            raise ConfigError("The SMTP connection does not say to whom.", fix='add "to" to its extra', conn_id=conn_id)
        body = f"<pre>{html.escape(notice.text)}</pre>"
        subject = " ".join(notice.subject.split())  # a header is one line
        return SmtpNotifier(to=to, subject=subject, html_content=body, smtp_conn_id=conn_id)
    if connection.conn_type == "http":
        return WebhookNotifier(notice=notice, http_conn_id=conn_id)
    raise ConfigError(
        "Alerts go by connections of type slackwebhook, smtp or http.",
        fix=f"correct [{settings.SECTION}] alerts",
        conn_id=conn_id,
        type=connection.conn_type,
    )
