"""The local stack: which parts it has, and starting, checking and stopping it.

One background process per home supervises the parts (`supervise`, under `guard.guarded`) and holds the home's lock as
long as it runs. It writes the state of the parts to `state.json`; everybody else reads that.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from local import airflow, database, home, postgres
from local.processes import Part, Supervisor, sweep
from local.sources import airline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

START_SECONDS = 300
STOP_SECONDS = 60
REDSHIFT_PARTS = ("postgres", "s3", "redshift")
_TURN_SECONDS = 0.1


class StackError(Exception):
    """The stack did not start or stop; the message says which part, why and what to do."""


def base_environment(path: Path) -> dict[str, str]:
    """What every part inherits: the user's environment without what would lead it to another Airflow or a real AWS."""
    foreign = ("AIRFLOW", "AWS_", "PG", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (os.environ.get(name), home.HOST, "localhost")))
    kept["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", os.defpath)))
    return {**kept, "LOCAL_HOME": str(path), "PYTHONUNBUFFERED": "1"}


def aws_environment(stack: home.Home) -> dict[str, str]:
    """Credentials and region as every AWS SDK reads them."""
    return {
        "AWS_ACCESS_KEY_ID": stack.secrets["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": stack.secrets["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": home.REGION,
    }


def parts(stack: home.Home) -> list[Part]:
    """All parts of the stack."""
    base = base_environment(stack.path)
    sources = base | aws_environment(stack)
    seed = {
        "AIRLINE_DSN": postgres.dsn(stack.postgres, airline.DATABASE),
        "AIRLINE_READER_PASSWORD": stack.secrets["airline_database"],
    }
    weather = {"WEATHER_API_PORT": str(stack.ports["weather_api"])}
    landing = {"S3_ENDPOINT": stack.url("s3"), "LANDING": airflow.environment(stack)["AIRFLOW__REDSHIFT_ETL__LANDING"]}
    return [
        *redshift_parts(stack),
        Part("airline-seed", _module("local.sources.airline"), base | seed, after=("postgres",), once=True),
        Part("landing-files", _module("local.sources.landing"), sources | landing, after=("s3",), once=True),
        Part("weather-api", _module("local.sources.weather_api"), base | weather, ready=_listens(stack, "weather_api")),
        *airflow.parts(stack, base),
    ]


def redshift_parts(stack: home.Home) -> list[Part]:
    """The local Redshift with what it stands on."""
    base = base_environment(stack.path) | aws_environment(stack)
    s3 = {
        "S3_PORT": str(stack.ports["s3"]),
        "S3_DATA": str(stack.path / "s3"),
        "S3_BUCKETS": f"{home.LAKE_BUCKET},{home.LANDING_BUCKET}",
    }
    redshift = {
        "LOCAL_REDSHIFT_PORT": str(stack.ports["redshift"]),
        "LOCAL_REDSHIFT_PG_HOST": home.HOST,
        "LOCAL_REDSHIFT_PG_PORT": str(stack.ports["postgres"]),
        "LOCAL_REDSHIFT_PG_PASSWORD": stack.secrets["postgres"],
        "LOCAL_REDSHIFT_DATABASE": home.DATABASE,
        "LOCAL_REDSHIFT_USER": home.DATABASE_USER,
        "LOCAL_REDSHIFT_PASSWORD": stack.secrets["redshift"],
        "LOCAL_REDSHIFT_S3_ENDPOINT": stack.url("s3"),
        "LOCAL_REDSHIFT_IAM_ROLE": home.IAM_ROLE,
    }
    return [
        Part("postgres", _module("local.database"), base, ready=lambda: database.is_ready(stack), grace=30),
        Part("s3", _module("local.s3"), base | s3, ready=_listens(stack, "s3")),
        Part(
            "redshift",
            _module("local.redshift"),
            base | redshift,
            ready=_listens(stack, "redshift"),
            after=("postgres", "s3"),
        ),
    ]


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)


def _listens(stack: home.Home, part: str) -> Callable[[], bool]:
    return lambda: not home.is_free(stack.ports[part])


def supervise(
    path: Path,
    choose: Callable[[home.Home], Sequence[Part]] = parts,
    announce: Callable[[home.Home], None] = lambda _: None,
) -> int:
    """Run the parts in this process until SIGTERM, SIGINT or the parent's end.

    `announce` is called once, when all are ready. A part that does not come up before that ends the whole with 1 and a
    report on stderr.
    """
    stopping: list[int] = []
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda number, _frame: stopping.append(number))
    os.chdir(home.REPOSITORY)
    parent, announced, trouble = os.getppid(), False, None
    with home.lock(path):
        stack = _tidy(path)
        supervisor = Supervisor(choose(stack), stack.logs, path / "run")
        while not stopping and not trouble and os.getppid() == parent:
            if supervisor.tick():
                _write_state(path, supervisor, parent)
            if not announced and supervisor.is_ready():
                announced = True
                announce(stack)
            if not announced:
                trouble = supervisor.hopeless()
            time.sleep(_TURN_SECONDS)
        supervisor.stop()
        (path / "state.json").unlink(missing_ok=True)
    if trouble:
        log = stack.logs / f"{trouble}.log"
        print(
            f"Part {trouble} of the local stack does not start. The end of its log ({log}):\n{tail(log)}",
            file=sys.stderr,
            flush=True,
        )
    return 1 if trouble else 0


def _tidy(path: Path) -> home.Home:
    """End what a killed stack left behind, then choose the ports: its own leftovers must not have taken them."""
    _end_leftovers(path)
    return home.create(path, new_ports=True)


def _end_leftovers(path: Path) -> None:
    sweep(path / "run")
    postgres.stop(home.create(path).postgres)


def _write_state(path: Path, supervisor: Supervisor, guard_pid: int) -> None:
    entries = {
        name: {
            "state": running.state,
            "restarts": running.restarts,
            "seconds": round(running.seconds, 1),
            "pid": running.process.pid if running.process else None,
        }
        for name, running in supervisor.parts.items()
    }
    home.write_private(path / "state.json", json.dumps({"guard": guard_pid, "parts": entries}))


def state(path: Path) -> dict[str, Any] | None:
    """Guard's process id and the parts' states, or None when no stack runs in this home."""
    try:
        return dict(json.loads((path / "state.json").read_text())) if home.is_locked(path) else None
    except FileNotFoundError:
        return None


def start(path: Path, progress: Callable[[dict[str, Any]], None]) -> home.Home:
    """Start the stack unless it runs, and wait until every part is ready. Raises StackError."""
    log = home.create(path).logs / "supervisor.log"
    daemon = None if home.is_locked(path) else _spawn(path, log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if daemon is not None and daemon.poll() is not None:
            raise StackError(tail(log))
        if current := state(path):
            if all(entry["state"] in ("ready", "done") for entry in current["parts"].values()):
                return home.create(path)
            progress(current)
        time.sleep(0.2)
    missing = [
        name
        for name, entry in (state(path) or {"parts": {}})["parts"].items()
        if entry["state"] not in ("ready", "done")
    ]
    raise StackError(
        f"Not ready after {START_SECONDS} s: {', '.join(missing) or 'the supervisor'}; see {log.parent}."
        " `make stop`, then try again."
    )


def _spawn(path: Path, log: Path) -> subprocess.Popen[bytes]:
    command, env = (*_module("local"), "supervise"), base_environment(path)
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=env,
            cwd=home.REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


def stop(path: Path) -> bool:
    """Stop the stack; False if none ran. Raises StackError when it does not end in time."""
    current, running = state(path), home.is_locked(path)
    guard = _process(current["guard"]) if current else None
    if guard is not None:
        guard.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    # The guard outlives the supervisor, which holds the lock, for as long as it has processes to end.
    while home.is_locked(path) or _lives(guard):
        if time.monotonic() > deadline:
            log = path / "logs" / "supervisor.log"
            raise StackError(f"The local stack in {path} did not stop in {STOP_SECONDS} s; see {log}.")
        time.sleep(0.1)
    if (path / "secrets.json").exists():
        _end_leftovers(path)
    return running


def _process(pid: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid)
    return None


def _lives(process: psutil.Process | None) -> bool:
    try:
        return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
