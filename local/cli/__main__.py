"""The command line of the local stack: `python -m local.cli <verb>`, which the Makefile's targets call."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

from local.cli import console
from local.stack import airflow_services, database, disk, ownership, reaper, services, stack, state_dir, status
from local_redshift.storage import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# What the user can act on: reported without a traceback.
ERRORS = (
    stack.StackError,
    state_dir.StateDirInUseError,
    ownership.ForeignServerError,
    embedded_postgres.PostgresError,
    FileNotFoundError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    arguments = _parser().parse_args(argv)
    verbs: dict[str, Callable[[argparse.Namespace], int]] = {
        "run": _run,
        "start": _start,
        "stop": _stop,
        "status": _status,
        "clean": _clean,
        "env": _env,
        "redshift": _redshift,
        "test": _test,
        "supervise": _supervise,
    }
    if arguments.verb != "test":
        os.umask(0o077)  # what a command writes for the stack is its user's alone
    try:
        return verbs[arguments.verb](arguments)
    except ERRORS as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except OSError as error:
        if not disk.is_full(error):
            raise
        print(f"{error}\n{disk.describe(state_dir.default_path())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.cli", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="start the stack and load data through Airflow")
    run.add_argument("--days", type=int, default=7, help="how many days of 2013, 1 to 365")
    verbs.add_parser("start", help="start the stack")
    verbs.add_parser("stop", help="stop the stack")
    verbs.add_parser("status", help="show the services of the stack")
    verbs.add_parser("clean", help="stop the stack and delete its data")
    verbs.add_parser("env", help="print a shell's settings")
    verbs.add_parser("redshift", help="run the local Redshift and S3 alone, in the foreground")
    test = verbs.add_parser("test", help="lint, types and tests")
    test.add_argument("--only", choices=("lint", "tests", "slow", "mutations", "stack", "clients"), help="a part of it")
    verbs.add_parser("supervise", help="(internal) the background process of a stack")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from local.cli import run

    return run.run(state_dir.default_path(), arguments.days)


def _start(_: argparse.Namespace) -> int:
    path = state_dir.default_path()
    with console.Progress() as progress, state_dir.one_command(path, progress.now):
        started = stack.start(path, progress.services)
    print(f"The local stack runs. {console.login(started)}")
    return 0


def _stop(_: argparse.Namespace) -> int:
    print("The local stack is stopped." if stack.stop(state_dir.default_path()) else "No local stack was running.")
    return 0


def _status(_: argparse.Namespace) -> int:
    path = state_dir.default_path()
    current = status.read(path)
    if current is None:
        print(f"No local stack runs in {path}. `make run` starts one.")
        return 3
    console.print_status(state_dir.create(path), current)
    return 1 if status.not_ready(current) or status.hints(path, current) else 0


def _clean(_: argparse.Namespace) -> int:
    path = state_dir.default_path()
    for each in (path, _redshift_alone(path)):
        stack.stop(each)
    if path.exists() and not (path / "secrets.json").exists() and not state_dir.is_unused(path):
        raise stack.StackError(f"{path} is not a local stack's state directory; not deleted.")
    if path.exists():
        shutil.rmtree(path)
    print(f"Deleted {path}.")
    return 0


def _env(_: argparse.Namespace) -> int:
    path = state_dir.default_path()
    if status.read(path) is None:
        print("The local stack does not run; `make run` starts it.", file=sys.stderr)
    running = state_dir.create(path)
    state_dir.write_private(_service_file(running), database.service_file(running.metadata))
    for name, value in shell_environment(running).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def shell_environment(running: state_dir.StateDir) -> dict[str, str]:
    """Variables of a shell in which airflow, psql, boto3 and the aws command connect to the running stack."""
    base = services.base_environment(running.path)
    return {
        "PATH": f"{base['PATH'].split(':', 1)[0]}:{embedded_postgres.bin_dir()}:{base['PATH'].split(':', 1)[1]}",
        "LOCAL_HOME": str(running.path),
        "NO_PROXY": base["NO_PROXY"],
        "no_proxy": base["no_proxy"],
        **airflow_services.environment(running),
        **services.aws_environment(running),
        "AWS_ENDPOINT_URL": running.url("s3"),
        "PGHOST": state_dir.HOST,
        "PGPORT": str(running.ports["redshift"]),
        "PGUSER": state_dir.DATABASE_USER,
        "PGPASSWORD": running.secrets["redshift"],
        "PGDATABASE": state_dir.DATABASE,
        # Whoever takes the port while the stack is stopped could ask for the password in clear.
        "PGREQUIREAUTH": "scram-sha-256",
        "PGSERVICEFILE": str(_service_file(running)),
    }


def _service_file(running: state_dir.StateDir) -> Path:
    return running.path / "pg_service.conf"


def _redshift_alone(path: Path) -> Path:
    return path / "redshift-alone"


def _redshift(_: argparse.Namespace) -> int:
    path = _redshift_alone(state_dir.default_path())
    return reaper.run(lambda: stack.supervise(path, services.redshift_alone, _announce_redshift))


def _announce_redshift(running: state_dir.StateDir) -> None:
    facts = {
        "host": state_dir.HOST,
        "port": running.ports["redshift"],
        "user": state_dir.DATABASE_USER,
        "password": running.secrets["redshift"],
        "database": state_dir.DATABASE,
        "s3_endpoint": running.url("s3"),
        "aws_access_key_id": running.secrets["aws_access_key_id"],
        "aws_secret_access_key": running.secrets["aws_secret_access_key"],
        "region": state_dir.REGION,
        "bucket": state_dir.LAKE_BUCKET,
        "iam_role": state_dir.IAM_ROLE,
    }
    print(json.dumps(facts), flush=True)


def _test(arguments: argparse.Namespace) -> int:
    from local.cli import test_runner

    return reaper.run(lambda: test_runner.run(arguments.only))


def _supervise(_: argparse.Namespace) -> int:
    return reaper.run(lambda: stack.supervise(state_dir.default_path()))


if __name__ == "__main__":
    sys.exit(main())
