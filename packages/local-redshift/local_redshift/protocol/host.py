"""What COPY and UNLOAD need of the session that runs them."""

from __future__ import annotations

from typing import Protocol

from local_redshift.config import Config
from local_redshift.protocol.backend import Backend, BackendError
from local_redshift.sql.refusal import Refusal


class Host(Protocol):
    """A session: its settings, its connection to PostgreSQL, and how it fails.

    `parameters` are those of the client's start-up packet, among them `user` and `database`.
    """

    config: Config
    backend: Backend
    parameters: dict[str, str]

    async def failure(self, refusal: Refusal) -> BackendError:
        """Fail the open transaction, if there is one, and return the error to raise."""
        ...
