"""Starting the local Redshift and what it needs as processes on free ports, and ending them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from local_redshift.config import Config

_START_SECONDS = 60


def environment(config: Config) -> dict[str, str]:
    """The environment of `python -m local_redshift` for a configuration."""
    found = {
        "LOCAL_REDSHIFT_PORT": str(config.port),
        "LOCAL_REDSHIFT_PG_HOST": config.pg_host,
        "LOCAL_REDSHIFT_PG_PORT": str(config.pg_port),
        "LOCAL_REDSHIFT_PG_PASSWORD": config.pg_password,
        "LOCAL_REDSHIFT_DATABASE": config.database,
        "LOCAL_REDSHIFT_USER": config.user,
        "LOCAL_REDSHIFT_PASSWORD": config.password,
        "LOCAL_REDSHIFT_IAM_ROLE": config.iam_role,
        "LOCAL_REDSHIFT_ISOLATION": config.isolation,
        "LOCAL_REDSHIFT_S3_ENDPOINT": config.s3_endpoint or "",
        "AWS_ACCESS_KEY_ID": config.access_key or "",
        "AWS_SECRET_ACCESS_KEY": config.secret_key or "",
        "AWS_DEFAULT_REGION": config.region,
    }
    if config.tls_folder:
        found["LOCAL_REDSHIFT_TLS_FOLDER"] = config.tls_folder
    return found


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Wait until somebody listens. Raises TimeoutError."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on 127.0.0.1:{port} after {_START_SECONDS} s")


@contextlib.contextmanager
def process(command: list[str], log: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a command, its errors in a file; it is ended with the block."""
    with log.open("w") as errors:
        started = subprocess.Popen(
            command,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
