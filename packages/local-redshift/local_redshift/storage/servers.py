"""A PostgreSQL and an S3 server (moto) for one local Redshift, as child processes with their files in one folder.

The PostgreSQL data and the passwords are kept in the folder and used again; moto's objects live in memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from local_redshift.config import Config
from local_redshift.storage import embedded_postgres, postgres_programs
from local_redshift.storage.processes import free_port, process, wait_for_port

BUCKET = "lake"


class FolderInUseError(Exception):
    """Another local Redshift runs on the folder."""


@contextlib.contextmanager
def running(
    folder: Path, postgres_settings: tuple[str, ...] = (), **settings: Any
) -> Iterator[tuple[Config, embedded_postgres.Postgres]]:
    """Start both on free ports, with an empty bucket; stop them at the end.

    `postgres_settings` are `name=value` lines of postgresql.conf; `settings` replace fields of the Config that is
    yielded. Raises FolderInUseError, PostgresError, TimeoutError.
    """
    with contextlib.ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack.enter_context(_locked(folder))
        postgres_programs.allow_entry(folder)
        passwords = _passwords(folder)
        pg = embedded_postgres.Postgres(
            folder / "pg", embedded_postgres.PORT, passwords["postgres"], postgres_settings, private=True
        )
        embedded_postgres.stop(pg)  # left by a process that was killed
        embedded_postgres.init(pg)
        stack.callback(embedded_postgres.stop, pg)
        embedded_postgres.start(pg)
        config = Config(
            **{
                "port": 0,
                "pg_host": pg.host,
                "pg_port": pg.port,
                "pg_password": pg.password,
                "password": passwords["user"],
                "s3_endpoint": stack.enter_context(_s3(folder, passwords)),
                "access_key": passwords["access_key"],
                "secret_key": passwords["secret_key"],
                **settings,
            }
        )
        s3_client(config).create_bucket(Bucket=BUCKET)
        yield config, pg


def s3_client(config: Config) -> Any:
    """A boto3 client for the S3 server."""
    return boto3.client(
        "s3",
        endpoint_url=config.s3_endpoint,
        region_name=config.region,
        aws_access_key_id=config.access_key,
        aws_secret_access_key=config.secret_key,
    )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUseError(f"{folder} is in use by another local Redshift") from error
        yield


def _passwords(folder: Path) -> dict[str, str]:
    path = folder / "passwords.json"
    if not path.exists():
        made = {name: secrets.token_hex(12) for name in ("postgres", "user", "secret_key")}
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(made | {"access_key": "test-" + secrets.token_hex(6)}))
        part.rename(path)
    passwords: dict[str, str] = json.loads(path.read_text())
    return passwords


@contextlib.contextmanager
def _s3(folder: Path, passwords: dict[str, str]) -> Iterator[str]:
    """The endpoint of an S3 server for the access key of the passwords."""
    port = free_port()
    keys = {"AWS_ACCESS_KEY_ID": passwords["access_key"], "AWS_SECRET_ACCESS_KEY": passwords["secret_key"]}
    command = [sys.executable, "-m", "local_redshift.storage.s3_server"]
    with process(command, folder / "s3.log", {"S3_PORT": str(port), **keys}):
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
