"""A TCP relay in front of a warehouse, which takes connections at once and connects them when its gate is open."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class SlowWarehouse:
    """The relay: ``port``, and ``gate``, an event for which each new connection waits."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.gate = threading.Event()
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self.gate.wait()
        with client, socket.create_connection(self._target) as target:
            back = threading.Thread(target=_copy, args=(target, client), daemon=True)
            back.start()
            _copy(client, target)
            back.join()

    def close(self) -> None:
        """Take no more connections, and let those that wait go on."""
        self.gate.set()
        self._server.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def in_front_of(host: str, port: int) -> Iterator[SlowWarehouse]:
    """A relay with a closed gate."""
    relay = SlowWarehouse(host, port)
    try:
        yield relay
    finally:
        relay.close()
