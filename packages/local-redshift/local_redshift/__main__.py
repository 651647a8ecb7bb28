"""`python -m local_redshift`: prepare the storage, listen, print one line of JSON, stop on SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from local_redshift.catalog.setup import prepare
from local_redshift.config import Config, from_environment
from local_redshift.protocol import tls
from local_redshift.server import Server


async def serve(config: Config) -> None:
    """Listen until a signal comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(config, tls.context(Path(config.tls_folder)) if config.tls_folder else None)
    port = await server.start()
    ready = {"ready": True, "host": config.host, "port": port, "user": config.user, "database": config.database}
    print(json.dumps(ready), flush=True)
    await stop.wait()
    await server.stop()


def main() -> int:
    """Run; the exit code is 2 for a wrong environment."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        config = from_environment(os.environ)
    except (KeyError, ValueError) as wrong:
        print(f"The environment of the local Redshift is not complete: {wrong}", file=sys.stderr)
        return 2
    prepare(config)
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(config))
    else:
        uvloop.run(serve(config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
