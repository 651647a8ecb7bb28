"""HTTP to a service of the stack on the port that it has now, and to no other program on that port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import NewConnectionError

from local.stack import ownership, state_dir

if TYPE_CHECKING:
    from pathlib import Path


class OwnServerAdapter(HTTPAdapter):
    """Connects to `service` of the stack in `path`, whatever port the address has.

    A connection to another program is closed before anything is sent, and counts as a failed connection: the retries
    last until the supervisor has moved the service to another port.
    """

    def __init__(self, path: Path, service: str, **settings: Any) -> None:
        self._path, self._service = path, service
        super().__init__(**settings)

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        """Make a pool of connections that check the server."""
        super().init_poolmanager(*arguments, **settings)
        path, service = self._path, self._service

        class Connection(HTTPConnection):
            """Checks who listens before and after: what listens at both times has accepted the connection."""

            def connect(self) -> None:
                """Connect. Raises NewConnectionError."""
                stack = state_dir.create(path)
                self.port = stack.ports[ownership.PORTS[service]]
                try:
                    ownership.check(stack, service)
                    super().connect()
                    ownership.check(stack, service)
                except ownership.ForeignServerError as error:
                    self.close()
                    raise NewConnectionError(self, str(error)) from error

        class Pool(HTTPConnectionPool):
            """A pool of these connections."""

            ConnectionCls = Connection

        self.poolmanager.pool_classes_by_scheme = {"http": Pool}
