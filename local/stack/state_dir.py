"""Where a local stack keeps everything: one folder with its data, logs, generated passwords and ports.

`$LOCAL_HOME` names it (default `.local` in the repository). Two homes are two stacks that do not know of each other.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import random
import secrets
import socket
import string
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_redshift.storage.embedded_postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
REGION = "us-east-1"
IAM_ROLE = "arn:aws:iam::123456789012:role/warehouse-copy"
DATABASE = "warehouse"
DATABASE_USER = "awsuser"
LAKE_BUCKET = "lake"
LANDING_BUCKET = "landing"
PREFERRED_PORTS = {"ui": 8080, "redshift": 5439, "postgres": None, "s3": None, "weather_api": None}
# Below the range that operating systems hand out to outgoing connections, so that a port is still free after a restart.
_PORT_RANGE = range(20_000, 32_000)


class HomeInUseError(Exception):
    """Another stack already runs in this home."""


@dataclass(frozen=True)
class Home:
    """A stack's folder, its ports by part, and its secrets by name."""

    path: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str]

    @property
    def logs(self) -> Path:
        """One log file a part."""
        return self.path / "logs"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.path / "airflow"

    @property
    def postgres(self) -> Postgres:
        """The one PostgreSQL of this home."""
        return Postgres(self.path / "postgres", self.ports["postgres"], self.secrets["postgres"])

    def url(self, part: str) -> str:
        """The HTTP address of `ui`, `s3` or `weather_api`."""
        return f"http://{HOST}:{self.ports[part]}"


def default_path() -> Path:
    """`$LOCAL_HOME`, or `.local` in the repository."""
    return Path(os.environ.get("LOCAL_HOME") or REPOSITORY / ".local").resolve()


def create(path: Path, *, new_ports: bool = False) -> Home:
    """Open a home, making its folder, secrets and ports where they are missing.

    With `new_ports`, a port that another program has taken since is replaced: only for a stack that does not run.
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / "logs").mkdir(exist_ok=True)
    secret_values = _read(path / "secrets.json")
    if missing := {name: value for name, value in _new_secrets().items() if name not in secret_values}:
        secret_values |= missing
        write_private(path / "secrets.json", json.dumps(secret_values, indent=1))
    known = _read(path / "ports.json")
    ports = _ports(known, check=new_ports)
    if ports != known:
        write_private(path / "ports.json", json.dumps(ports, indent=1))
    return Home(path, ports, secret_values)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.touch(mode=0o600)
    part.write_text(text)
    part.rename(path)


@contextmanager
def lock(path: Path, *, patience: float = 2.0) -> Iterator[None]:
    """Hold a home for the stack that runs in it; released by the system when the process dies.

    Tries for `patience` seconds, as somebody who only looks (`is_locked`) holds it for a moment. Raises HomeInUseError.
    """
    path.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    with (path / "lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise HomeInUseError(f"A local stack already runs in {path}.") from None
                time.sleep(0.05)
        yield


def is_locked(path: Path) -> bool:
    """Whether a stack runs in this home."""
    if not (path / "lock").exists():
        return False
    try:
        with lock(path, patience=0):
            return False
    except HomeInUseError:
        return True


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _new_secrets() -> dict[str, str]:
    capitals = string.ascii_uppercase + string.digits
    return {
        "postgres": secrets.token_urlsafe(24),
        "airflow_database": secrets.token_urlsafe(24),
        "airline_database": secrets.token_urlsafe(24),
        # Redshift asks for an upper-case letter, a lower-case letter and a digit.
        "redshift": "Rs1" + secrets.token_urlsafe(24),
        "ui": secrets.token_urlsafe(12),
        "jwt": secrets.token_urlsafe(48),
        "api_secret_key": secrets.token_urlsafe(48),
        "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "aws_access_key_id": "AKIA" + "".join(secrets.choice(capitals) for _ in range(16)),
        "aws_secret_access_key": secrets.token_urlsafe(30),
    }


def _ports(known: Mapping[str, int], *, check: bool) -> dict[str, int]:
    ports: dict[str, int] = {}
    for part, preferred in PREFERRED_PORTS.items():
        candidates = [port for port in (known.get(part), preferred) if port]
        if known.get(part) and not check:
            ports[part] = known[part]
            continue
        candidates += random.sample(_PORT_RANGE, 50)
        ports[part] = next(port for port in candidates if port not in ports.values() and is_free(port))
    return ports


def is_free(port: int) -> bool:
    """Whether nothing listens on 127.0.0.1:port, on any address of this machine's loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        # macOS lets two programs bind 127.0.0.1 and 0.0.0.0 on one port: asking for an answer shows the other one.
        if probe.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
