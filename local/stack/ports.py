"""TCP ports on 127.0.0.1: choosing free ones, and which process listens on one."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOST = "127.0.0.1"
PREFERRED = {"ui": 8080, "redshift": 5439, "metadata": None, "s3": None, "weather_api": None}
# Below the range that operating systems hand out to outgoing connections, so that a port is still free after a restart.
_RANGE = range(20_000, 32_000)


def choose(recorded: Mapping[str, int], *, check: bool) -> dict[str, int]:
    """A port for each of PREFERRED: the recorded one, the preferred one, or any other.

    With `check`, a recorded port that is not free is replaced.
    """
    chosen: dict[str, int] = {}
    for name, preferred in PREFERRED.items():
        if name in recorded and not check:
            chosen[name] = recorded[name]
            continue
        candidates = [port for port in (recorded.get(name), preferred) if port]
        chosen[name] = _first_free([*candidates, *random.sample(_RANGE, 50)], chosen.values())
    return chosen


def replace(current: Mapping[str, int], name: str) -> dict[str, int]:
    """The same ports, with a free one for `name`."""
    return {**current, name: _first_free(random.sample(_RANGE, 50), current.values())}


def _first_free(candidates: Iterable[int], used: Iterable[int]) -> int:
    return next(port for port in candidates if port not in used and is_free(port))


def is_free(port: int) -> bool:
    """Whether nothing listens on 127.0.0.1:port, on any address of this machine's loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        # macOS lets two programs bind 127.0.0.1 and 0.0.0.0 on one port: a connection detects the other one.
        if probe.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def listens(process: psutil.Process, port: int) -> bool:
    """Whether this process holds the socket that listens on 127.0.0.1:port."""
    with suppress(psutil.Error):  # ended, or another user's
        for connection in process.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr == (HOST, port):
                return True
    return False
