"""A supervised stack of two small services: `s3` listens on its port, `weather-api` is told the address of `s3`.

python -m tests.local.small_stack PATH SECONDS [take]     s3 listens after SECONDS; `take`: another has its port by then
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from local.stack import ownership, reaper, stack, state_dir
from local.stack.supervisor import Service
from tests.local.programs import HTTP_SERVER

SLOW_SERVER = f"import time, sys; time.sleep(float(sys.argv[3])); exec({HTTP_SERVER!r})"
CLIENT = "import sys, time; open(sys.argv[1], 'a').write(sys.argv[2] + ' '); time.sleep(600)"


def main(path: Path, seconds: str, *options: str) -> int:
    """Run until SIGTERM."""
    taken: list[socket.socket] = []

    def choose(running: state_dir.StateDir) -> list[Service]:
        """The services for these ports."""
        port = running.ports["s3"]
        if "take" in options and not taken:
            taken.append(socket.create_server((state_dir.HOST, port)))
        server = (sys.executable, "-c", SLOW_SERVER, str(port), str(path / "requests"), seconds)
        client = (sys.executable, "-c", CLIENT, str(path / "told"), running.url("s3"))
        return [
            Service("weather-api", client, dict(os.environ)),
            Service(
                "s3",
                server,
                dict(os.environ),
                ready=lambda: ownership.serves(running, "s3"),
                port_is_taken=lambda: ownership.is_taken(running, "s3"),
            ),
        ]

    return reaper.run(lambda: stack.supervise(path, choose, lambda running: print(running.ports["s3"], flush=True)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
