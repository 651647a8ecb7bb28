"""The state directory of a local stack: its data, logs, generated passwords and ports.

It is `$LOCAL_HOME`, by default `.local` in the repository. Two state directories are two independent stacks.
"""

from __future__ import annotations

import base64
import json
import os
import random
import secrets
import socket
import string
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

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


class StateDirInUseError(Exception):
    """Another stack already runs in this state directory."""


@dataclass(frozen=True)
class StateDir:
    """A stack's folder, its ports by service, and its secrets by name."""

    path: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str]

    @property
    def logs(self) -> Path:
        """One log file a service."""
        return self.path / "logs"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.path / "airflow"

    @property
    def postgres(self) -> Postgres:
        """The one PostgreSQL of this stack."""
        return Postgres(self.path / "postgres", self.ports["postgres"], self.secrets["postgres"])

    def url(self, service: str) -> str:
        """The HTTP address of `ui`, `s3` or `weather_api`."""
        return f"http://{HOST}:{self.ports[service]}"


def default_path() -> Path:
    """`$LOCAL_HOME`, or `.local` in the repository."""
    return Path(os.environ.get("LOCAL_HOME") or REPOSITORY / ".local").resolve()


def create(path: Path, *, new_ports: bool = False) -> StateDir:
    """Open a state directory, creating its folder, secrets and ports where they are missing.

    With `new_ports`, a port that another program has taken since is replaced: only for a stack that does not run.
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / "logs").mkdir(exist_ok=True)
    secret_values = _read(path / "secrets.json")
    if missing := {name: value for name, value in _new_secrets().items() if name not in secret_values}:
        secret_values |= missing
        write_private(path / "secrets.json", json.dumps(secret_values, indent=1))
    recorded = _read(path / "ports.json")
    ports = _ports(recorded, check=new_ports)
    if ports != recorded:
        write_private(path / "ports.json", json.dumps(ports, indent=1))
    return StateDir(path, ports, secret_values)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(text)
    temporary.rename(path)


@contextmanager
def lock(path: Path, *, timeout: float = 2.0) -> Iterator[None]:
    """Lock a state directory for the stack that runs in it; the system releases it when the process dies.

    Waits for `timeout` seconds, because `is_locked` also holds the lock for a moment. Raises StateDirInUseError.
    """
    path.mkdir(parents=True, exist_ok=True)
    try:
        acquired = FileLock(path / "lock").acquire(timeout=timeout)
    except Timeout:
        raise StateDirInUseError(f"A local stack already runs in {path}.") from None
    with acquired:
        yield


def is_locked(path: Path) -> bool:
    """Whether a stack runs in this state directory."""
    if not (path / "lock").exists():
        return False
    try:
        with lock(path, timeout=0):
            return False
    except StateDirInUseError:
        return True


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _new_secrets() -> dict[str, str]:
    capitals = string.ascii_uppercase + string.digits
    return {
        "postgres": secrets.token_urlsafe(24),
        "airflow_database": secrets.token_urlsafe(24),
        "airline_database": secrets.token_urlsafe(24),
        # Redshift requires an upper-case letter, a lower-case letter and a digit.
        "redshift": "Rs1" + secrets.token_urlsafe(24),
        "ui": secrets.token_urlsafe(12),
        "jwt": secrets.token_urlsafe(48),
        "api_secret_key": secrets.token_urlsafe(48),
        "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "aws_access_key_id": "AKIA" + "".join(secrets.choice(capitals) for _ in range(16)),
        "aws_secret_access_key": secrets.token_urlsafe(30),
    }


def _ports(recorded: Mapping[str, int], *, check: bool) -> dict[str, int]:
    ports: dict[str, int] = {}
    for service, preferred in PREFERRED_PORTS.items():
        if service in recorded and not check:
            ports[service] = recorded[service]
            continue
        candidates = [port for port in (recorded.get(service), preferred) if port]
        candidates += random.sample(_PORT_RANGE, 50)
        ports[service] = next(port for port in candidates if port not in ports.values() and is_free(port))
    return ports


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
