"""Airflow on a laptop: its settings as environment variables, and its four services.

Everything that differs from production is here, as environment: the pipelines read connections and the section
`[redshift_etl]` only.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.sources import airline
from local.stack import database, ownership, state_dir
from local.stack.supervisor import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

USER = "admin"
# More tasks at once than this thrash on a laptop's cores: 365 one-task runs took as long with 32 as with 4.
PARALLEL_TASKS = 4


def executable(name: str) -> str:
    """A program of this environment, such as `airflow`."""
    return str(Path(sys.executable).with_name(name))


def password_file(stack: state_dir.StateDir) -> Path:
    """Where the simple auth manager reads the passwords from."""
    return stack.path / "airflow-passwords.json"


def environment(stack: state_dir.StateDir) -> dict[str, str]:
    """AIRFLOW_* variables of a process that belongs to the stack: a service, a task, a person's shell."""
    variables = {
        f"AIRFLOW__{section}__{key}".upper(): str(value)
        for section, keys in _settings(stack).items()
        for key, value in keys.items()
    }
    connections = {f"AIRFLOW_CONN_{name}".upper(): json.dumps(value) for name, value in _connections(stack).items()}
    return {"AIRFLOW_HOME": str(stack.airflow), **variables, **connections}


def _settings(stack: state_dir.StateDir) -> dict[str, dict[str, object]]:
    """Airflow's settings that are not its defaults, by section."""
    login = f"{database.AIRFLOW}:{stack.secrets['airflow_database']}"
    metadata = f"{login}@{state_dir.HOST}:{stack.ports['metadata']}/{database.AIRFLOW}"
    return {
        "core": {
            "dags_folder": os.environ.get("LOCAL_DAGS_FOLDER") or state_dir.REPOSITORY / "dags",
            "plugins_folder": state_dir.REPOSITORY / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": PARALLEL_TASKS,
            "fernet_key": stack.secrets["fernet"],
            "execution_api_server_url": f"{stack.url('ui')}/execution/",
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": password_file(stack),
        },
        # Airflow sets the modes of task logs itself, for everybody to read.
        "logging": {
            "file_task_handler_new_folder_permissions": "0o700",
            "file_task_handler_new_file_permissions": "0o600",
        },
        "database": {"sql_alchemy_conn": f"postgresql+psycopg2://{metadata}"},
        "api": {
            "host": state_dir.HOST,
            "port": stack.ports["ui"],
            "base_url": stack.url("ui"),
            "secret_key": stack.secrets["api_secret_key"],
        },
        "api_auth": {"jwt_secret": stack.secrets["jwt"]},
        "scheduler": {
            # An idle second between two tasks is half of a short task's time.
            "scheduler_idle_sleep_time": 0.1,
            # Seconds until tasks that died with their scheduler, or alone, are tried again; the default is 300. A
            # scheduler that restarts at once adopts none at its start: the dead one still counts as running.
            "orphaned_tasks_check_interval": 20,
            "task_instance_heartbeat_timeout": 60,
        },
        # A task supervisor that just misses its task's exit sleeps for an interval (its `_monitor_subprocess` waits for
        # sockets that are closed already); with the default of 5 seconds, half of all slots' time was such sleep. The
        # number of failed heartbeats allowed covers a restart of the api-server.
        "workers": {"min_heartbeat_interval": 1, "max_failed_heartbeats": 30},
        # Seconds until a new DAG file is seen.
        "dag_processor": {"refresh_interval": 15},
        "openlineage": {
            "namespace": "local",
            "transport": json.dumps(
                {"type": "file", "log_file_path": str(stack.logs / "lineage.jsonl"), "append": True}
            ),
        },
        "redshift_etl": {
            "lake": f"s3://{state_dir.LAKE_BUCKET}/warehouse",
            "landing": f"s3://{state_dir.LANDING_BUCKET}/nycflights13",
            "iam_role": state_dir.IAM_ROLE,
            "region": state_dir.REGION,
        },
    }


def _connections(stack: state_dir.StateDir) -> dict[str, dict[str, Any]]:
    return {
        "redshift_default": {
            "conn_type": "redshift",
            "host": state_dir.HOST,
            "port": stack.ports["redshift"],
            "login": state_dir.DATABASE_USER,
            "password": stack.secrets["redshift"],
            "schema": state_dir.DATABASE,
            "extra": {"ssl": False},
        },
        "aws_default": {
            "conn_type": "aws",
            "login": stack.secrets["aws_access_key_id"],
            "password": stack.secrets["aws_secret_access_key"],
            "extra": {"region_name": state_dir.REGION, "endpoint_url": stack.url("s3")},
        },
        "airline_db": {
            "conn_type": "postgres",
            "host": state_dir.HOST,
            "port": stack.ports["metadata"],
            "login": airline.READER,
            "password": stack.secrets["airline_database"],
            "schema": airline.DATABASE,
        },
        "weather_api": {
            "conn_type": "http",
            "schema": "http",
            "host": state_dir.HOST,
            "port": stack.ports["weather_api"],
        },
    }


def define(stack: state_dir.StateDir, base: Mapping[str, str]) -> list[Service]:
    """The migration of the metadata database, then the four services. Writes the password file."""
    state_dir.write_private(password_file(stack), json.dumps({USER: stack.secrets["ui"]}))
    env = {**base, **environment(stack)}
    airflow = executable("airflow")
    api_server = (airflow, "api-server", "--host", state_dir.HOST, "--port", str(stack.ports["ui"]))
    # The log servers bind every address; on one machine the api-server reads the log files itself.
    commands = {
        "scheduler": (sys.executable, "-m", "local.stack.scheduler", "--skip-serve-logs"),
        "dag-processor": (airflow, "dag-processor"),
        "triggerer": (airflow, "triggerer", "--skip-serve-logs"),
    }
    return [
        Service("airflow-migrate", (airflow, "db", "migrate"), env, after=("metadata",), once=True),
        Service(
            "api-server",
            api_server,
            env,
            ready=_serves_tasks(stack),
            after=("airflow-migrate",),
            port_is_taken=lambda: ownership.is_taken(stack, "api-server"),
        ),
        *(
            Service(
                name,
                command,
                env,
                ready=_is_healthy(stack, name),
                # A task that is still queued from before a restart starts at once and needs all of these.
                after=("airflow-migrate", "airline-seed", "landing-files", "weather-api", "redshift"),
            )
            for name, command in commands.items()
        ),
    ]


def health(stack: state_dir.StateDir) -> dict[str, str]:
    """Status of `metadatabase`, `scheduler`, `triggerer`, `dag_processor`; empty if the api-server does not respond."""
    content = _get(stack, "/api/v2/monitor/health")
    return {name: str(component.get("status")) for name, component in content.items() if component}


def _get(stack: state_dir.StateDir, path: str) -> dict[str, Any]:
    if not ownership.serves(stack, "api-server"):
        return {}
    try:
        # The address is always this machine's own.
        with urllib.request.urlopen(stack.url("ui") + path, timeout=2) as response:  # noqa: S310
            return dict(json.load(response))
    except (urllib.error.URLError, OSError, ValueError):
        return {}


def _serves_tasks(stack: state_dir.StateDir) -> Callable[[], bool]:
    """The task API builds its versions at its first request, 12 seconds in which tasks' own requests would time out."""
    return lambda: bool(_get(stack, "/execution/health"))


def _is_healthy(stack: state_dir.StateDir, service: str) -> Callable[[], bool]:
    component = service.replace("-", "_")
    return lambda: health(stack).get(component) == "healthy"
