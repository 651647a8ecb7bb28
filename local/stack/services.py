"""The services of the local stack: how each is started, and which must be ready before it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from local.sources import airline
from local.stack import airflow_services, database, ownership, state_dir
from local.stack.supervisor import Service
from local_redshift.storage import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Callable


class _Port(TypedDict):
    """The fields of a Service that is ready when it listens on its port."""

    ready: Callable[[], bool]
    port_is_taken: Callable[[], bool]


def base_environment(path: Path) -> dict[str, str]:
    """What every service inherits: the user's environment without settings of another Airflow or a real AWS."""
    foreign = ("AIRFLOW", "AWS_", "PG", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, (os.environ.get(name), state_dir.HOST, "localhost")))
    environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environment.get("PATH", os.defpath)))
    return {**environment, "LOCAL_HOME": str(path), "PYTHONUNBUFFERED": "1"}


def aws_environment(stack: state_dir.StateDir) -> dict[str, str]:
    """Credentials and region as every AWS SDK reads them."""
    return {
        "AWS_ACCESS_KEY_ID": stack.secrets["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": stack.secrets["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": state_dir.REGION,
    }


def full_stack(stack: state_dir.StateDir) -> list[Service]:
    """All services of the stack."""
    base = base_environment(stack.path)
    sources = base | aws_environment(stack)
    seed = {
        "AIRLINE_DSN": embedded_postgres.dsn(stack.metadata, airline.DATABASE),
        "AIRLINE_READER_PASSWORD": stack.secrets["airline_database"],
    }
    weather = {"WEATHER_API_PORT": str(stack.ports["weather_api"])}
    landing = {
        "S3_ENDPOINT": stack.url("s3"),
        "LANDING": airflow_services.environment(stack)["AIRFLOW__REDSHIFT_ETL__LANDING"],
    }
    return [
        *redshift_alone(stack),
        Service(
            "metadata",
            _module("local.stack.database", "metadata"),
            base,
            ready=lambda: database.is_ready(stack),
            port_is_taken=lambda: ownership.is_taken(stack, "metadata"),
            grace=30,
        ),
        Service("airline-seed", _module("local.sources.airline"), base | seed, after=("metadata",), once=True),
        Service("landing-files", _module("local.sources.landing"), sources | landing, after=("s3",), once=True),
        Service("weather-api", _module("local.sources.weather_api"), base | weather, **_port(stack, "weather-api")),
        *airflow_services.define(stack, base),
    ]


def redshift_alone(stack: state_dir.StateDir) -> list[Service]:
    """The local Redshift with its storage and S3."""
    base = base_environment(stack.path) | aws_environment(stack)
    s3 = {
        "S3_PORT": str(stack.ports["s3"]),
        "S3_DATA": str(stack.path / "s3"),
        "S3_BUCKETS": f"{state_dir.LAKE_BUCKET},{state_dir.LANDING_BUCKET}",
    }
    redshift = {
        "LOCAL_REDSHIFT_PORT": str(stack.ports["redshift"]),
        "LOCAL_REDSHIFT_PG_HOST": stack.postgres.host,
        "LOCAL_REDSHIFT_PG_PORT": str(stack.postgres.port),
        "LOCAL_REDSHIFT_PG_PASSWORD": stack.postgres.password,
        "LOCAL_REDSHIFT_DATABASE": state_dir.DATABASE,
        "LOCAL_REDSHIFT_USER": state_dir.DATABASE_USER,
        "LOCAL_REDSHIFT_PASSWORD": stack.secrets["redshift"],
        "LOCAL_REDSHIFT_S3_ENDPOINT": stack.url("s3"),
        "LOCAL_REDSHIFT_IAM_ROLE": state_dir.IAM_ROLE,
    }
    return [
        Service(
            "postgres",
            _module("local.stack.database", "postgres"),
            base,
            ready=lambda: database.accepts(stack.postgres),
            grace=30,
        ),
        Service("s3", _module("local.stack.moto_server"), base | s3, **_port(stack, "s3")),
        Service(
            "redshift", _module("local_redshift"), base | redshift, after=("postgres", "s3"), **_port(stack, "redshift")
        ),
    ]


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _port(stack: state_dir.StateDir, service: str) -> _Port:
    return {
        "ready": lambda: ownership.serves(stack, service),
        "port_is_taken": lambda: ownership.is_taken(stack, service),
    }
