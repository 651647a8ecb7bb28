"""The state directory of a local stack: its data, logs, generated passwords and ports.

It is `$LOCAL_HOME`, by default `.local` in the repository. Two state directories are two independent stacks.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import stat
import string
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from local.stack import ports
from local_redshift.storage import postgres_programs
from local_redshift.storage.embedded_postgres import PORT, Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
HOST = ports.HOST
REGION = "us-east-1"
IAM_ROLE = "arn:aws:iam::123456789012:role/warehouse-copy"
DATABASE = "warehouse"
DATABASE_USER = "awsuser"
LAKE_BUCKET = "lake"
LANDING_BUCKET = "landing"
_WAIT_SECONDS = 0.5


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
    def run(self) -> Path:
        """The records of the services' processes."""
        return self.path / "run"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.path / "airflow"

    @property
    def metadata(self) -> Postgres:
        """The PostgreSQL of Airflow's metadata and of the sources."""
        return Postgres(self.path / "metadata", self.ports["metadata"], self.secrets["metadata"])

    @property
    def postgres(self) -> Postgres:
        """The PostgreSQL behind the local Redshift, which nothing else connects to."""
        return Postgres(self.path / "postgres", PORT, self.secrets["postgres"], private=True)

    @property
    def servers(self) -> dict[str, Postgres]:
        """The PostgreSQL servers by service."""
        return {"metadata": self.metadata, "postgres": self.postgres}

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
    _make_private(path)
    secret_values = _read(path / "secrets.json")
    if missing := {name: value for name, value in _new_secrets().items() if name not in secret_values}:
        secret_values |= missing
        write_private(path / "secrets.json", json.dumps(secret_values, indent=1))
    recorded = _read(path / "ports.json")
    chosen = ports.choose(recorded, check=new_ports)
    if chosen != recorded:
        _write_ports(path, chosen)
    return StateDir(path, chosen, secret_values)


def _make_private(path: Path) -> None:
    """Keep other users out of the folder, and of those that earlier versions made for everybody to read."""
    for folder in (path, *(path / name for name in ("logs", "s3", "airflow", "run"))):
        if folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o066:
            folder.chmod(0o700)
    postgres_programs.allow_entry(path)


def move_port(stack: StateDir, name: str) -> StateDir:
    """Record another port, a free one, for `name`."""
    moved = replace(stack, ports=ports.replace(stack.ports, name))
    _write_ports(stack.path, moved.ports)
    return moved


def _write_ports(path: Path, chosen: Mapping[str, int]) -> None:
    write_private(path / "ports.json", json.dumps(chosen, indent=1))


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


@contextmanager
def one_command(path: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other command starts or fills this stack, calling `waiting` with what it waits for.

    The system releases the lock of a command that is killed.
    """
    path.mkdir(parents=True, exist_ok=True)
    lock_file, holder = FileLock(path / "command.lock"), path / "command.pid"
    while True:
        try:
            acquired = lock_file.acquire(timeout=0)
            break
        except Timeout:
            waiting(f"another `make run` (process {_text(holder)}) works in {path}; waiting until it has ended")
            time.sleep(_WAIT_SECONDS)
    with acquired:
        write_private(holder, str(os.getpid()))
        yield


def is_unused(path: Path) -> bool:
    """Whether this folder holds nothing, or only what a command writes that ends before a stack is made."""
    return {entry.name for entry in path.iterdir()} <= {"command.lock", "command.pid", "lock"}


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else "unknown"


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _new_secrets() -> dict[str, str]:
    capitals = string.ascii_uppercase + string.digits
    return {
        "postgres": secrets.token_urlsafe(24),
        "metadata": secrets.token_urlsafe(24),
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
