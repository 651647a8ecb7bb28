"""The command `local-redshift`, or `python -m local_redshift`: run a server until Ctrl-C or SIGTERM.

With LOCAL_REDSHIFT_* in the environment it uses the PostgreSQL and the S3 that they name; without, it starts its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from local_redshift import __version__
from local_redshift.catalog.setup import prepare
from local_redshift.config import Config, from_environment
from local_redshift.protocol import tls
from local_redshift.server import Server

_DEFAULT_PORT = 5439  # a cluster's
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code is 2 for wrong arguments or a wrong environment, 1 when a server cannot start."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if not any(name.startswith("LOCAL_REDSHIFT_") for name in os.environ):
        return _run_with_own_servers(options.data, _DEFAULT_PORT if options.port is None else options.port)
    if options.data is not None or options.port is not None:
        parser.error("--data and --port are not allowed when LOCAL_REDSHIFT_* variables are set")
    try:
        config = from_environment(os.environ)
    except (KeyError, ValueError) as wrong:
        print(f"The environment of the local Redshift is not complete: {wrong}", file=sys.stderr)
        return 2
    prepare(config)
    _run(serve(config, _ready))
    return 0


async def serve(config: Config, announcement: Callable[[Config, int], dict[str, Any]]) -> None:
    """Listen, print the announcement for the port as one line of JSON, and stop when a signal arrives."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    server = Server(config, tls.context(Path(config.tls_folder)) if config.tls_folder else None)
    port = await server.start()
    print(json.dumps(announcement(config, port)), flush=True)
    await stop.wait()
    await server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="local-redshift",
        description="Run a local Amazon Redshift with its own PostgreSQL and S3, and print as one line of JSON how to "
        "connect to them. Ctrl-C stops all three. When LOCAL_REDSHIFT_* variables are set, it uses the "
        "PostgreSQL and the S3 that they name.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--port", type=int, help=f"default {_DEFAULT_PORT}; 0 for a free one")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="keep the databases and passwords in this folder (default: a temporary one); objects in S3 are not kept",
    )
    return parser


def _run(server: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(server)
    else:
        uvloop.run(server)


def _run_with_own_servers(data: Path | None, port: int) -> int:
    from local_redshift.storage import servers  # boto3 is slow to import
    from local_redshift.storage.embedded_postgres import PostgresError

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.umask(0o077)  # passwords, data and logs are its user's alone
    try:
        with _folder(data) as folder, servers.running(folder, port=port) as (config, _):
            prepare(config)
            _run(serve(config, _connection_facts))
            for number in _SIGNALS:  # a second Ctrl-C must not leave PostgreSQL running
                signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt:
        return 130
    except (OSError, PostgresError, servers.FolderInUseError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is None:
        with tempfile.TemporaryDirectory(prefix="local-redshift-") as name:
            yield Path(name)
    else:
        yield data.resolve()


def _ready(config: Config, port: int) -> dict[str, Any]:
    return {"ready": True, "host": config.host, "port": port, "user": config.user, "database": config.database}


def _connection_facts(config: Config, port: int) -> dict[str, Any]:
    from local_redshift.storage.servers import BUCKET

    return {
        "host": config.host,
        "port": port,
        "user": config.user,
        "password": config.password,
        "database": config.database,
        "s3_endpoint": config.s3_endpoint,
        "aws_access_key_id": config.access_key,
        "aws_secret_access_key": config.secret_key,
        "region": config.region,
        "bucket": BUCKET,
        "iam_role": config.iam_role,
    }


if __name__ == "__main__":
    sys.exit(main())
