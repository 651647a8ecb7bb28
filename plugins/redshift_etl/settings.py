"""Where the lake, the landing zone and the role are: Airflow's own configuration, section ``[redshift_etl]``.

Each is read when a task needs it (never at import) and may be set as ``AIRFLOW__REDSHIFT_ETL__<NAME>``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk.configuration import conf

from redshift_etl.errors import ConfigError

SECTION = "redshift_etl"
REPOSITORY = Path(__file__).resolve().parents[2]

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,254}")  # as botocore, which takes those of before 2018 too
_CRON = re.compile(r"@[a-z]+|\S+( +\S+){4,5}")  # its fields are Airflow's to check
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_ROLE = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+"
_ROLES = re.compile(rf"{_ROLE}(,{_ROLE})*")  # several: role chaining

MAX_BATCH = f"AIRFLOW__{SECTION.upper()}__MAX_BATCH_GB"
_MAX_GIGABYTES = 1e9

REDSHIFT = "redshift_default"
AWS = "aws_default"

RUN_TIMEOUT = timedelta(hours=6)
FIRST_DAY = datetime(2013, 1, 1, tzinfo=UTC)
"""The start date of every DAG."""


@dataclass(frozen=True)
class S3Location:
    """A bucket and a prefix in it, without leading or trailing slash."""

    bucket: str
    prefix: str

    def key(self, *parts: str) -> str:
        """The object key below this location."""
        return "/".join(part for part in (self.prefix, *parts) if part)

    def url(self, key: str) -> str:
        """The s3:// URL of a key in this bucket."""
        return f"s3://{self.bucket}/{key}"


def _required(name: str, example: str) -> str:
    value = conf.get(SECTION, name, fallback="")
    if not value:
        raise ConfigError(
            f"The setting [{SECTION}] {name} is not configured.",
            fix=f"set the environment variable AIRFLOW__{SECTION.upper()}__{name.upper()}, e.g. {example}",
        )
    return str(value)


def _location(name: str) -> S3Location:
    example = f"s3://my-bucket/{name}"
    value = _required(name, example)
    scheme, _, place = value.partition("://")  # no urlsplit: a key may have # and ?
    bucket, _, prefix = place.partition("/")
    if scheme == "s3" and not bucket:
        raise ConfigError(f"The setting [{SECTION}] {name} has no bucket.", fix=f"use e.g. {example}", value=value)
    if scheme != "s3":
        raise ConfigError(f"The setting [{SECTION}] {name} is not an S3 URL.", fix=f"use e.g. {example}", value=value)
    if not _BUCKET.fullmatch(bucket):
        what = f"The setting [{SECTION}] {name} has a bucket whose name S3 does not allow."
        raise ConfigError(what, fix=f"use letters, digits, dots and hyphens, e.g. {example}", value=value)
    return S3Location(bucket, prefix.strip("/"))


def lake() -> S3Location:
    """Where batches live: ``raw/``, ``staged/`` and ``rejects/`` are below it."""
    return _location("lake")


def landing() -> S3Location:
    """Where others drop files for us to read."""
    return _location("landing")


def iam_role() -> str:
    """The role ARN by which Redshift itself reads and writes the lake (COPY, UNLOAD)."""
    example = "arn:aws:iam::123456789012:role/redshift-etl"
    role = _required("iam_role", example)
    if not _ROLES.fullmatch(role):
        raise ConfigError(
            f"The setting [{SECTION}] iam_role is not the ARN of a role.", fix=f"use e.g. {example}", value=role
        )
    return role


def region() -> str:
    """The lake's AWS region."""
    value = _required("region", "us-east-1")
    if not _REGION.fullmatch(value):
        raise ConfigError(f"The setting [{SECTION}] region is no AWS region.", fix="use e.g. us-east-1", value=value)
    return value


def _seconds(name: str, default: int) -> timedelta:
    value = conf.get(SECTION, name, fallback="") or str(default)
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= timedelta(days=1).total_seconds():
        raise ConfigError(
            f"The setting [{SECTION}] {name} is no number of seconds.", fix=f"use e.g. {default}", value=value
        )
    return timedelta(seconds=seconds)


def page_interval() -> timedelta:
    """After how long the Warehouse page reads the warehouse again while somebody looks at it; 15 s."""
    return _seconds("page_interval", 15)


def sizes_interval() -> timedelta:
    """After how long the page reads the tables' sizes again; 600 s."""
    return _seconds("sizes_interval", 600)


def transform_memory() -> int:
    """The memory that a transform's DuckDB may use for a table of up to 100 columns, in MB; 200."""
    value = conf.get(SECTION, "transform_memory", fallback="") or "200"
    if not value.isdecimal() or not int(value):
        raise ConfigError(
            f"The setting [{SECTION}] transform_memory is no number of megabytes above 0.",
            fix="use a whole number without its unit, e.g. 400",
            value=value,
        )
    return int(value)


def max_batch() -> int:
    """How many bytes one run may extract.

    An API's responses unpacked, landing files as they are and each of them unpacked, rows of PostgreSQL as text. 50 GB,
    which a worker's disk may not have: a person who needs more sets [redshift_etl] max_batch_gb.
    """
    value = conf.get(SECTION, "max_batch_gb", fallback="") or "50"
    try:
        gigabytes = float(value)
    except ValueError:
        gigabytes = 0.0
    if not 0 < gigabytes < _MAX_GIGABYTES:
        raise ConfigError(
            f"The setting [{SECTION}] max_batch_gb is no number of gigabytes above 0.",
            fix="use a number without its unit, e.g. 200",
            value=value,
        )
    return int(gigabytes * 1e9)


def freshness_schedule() -> str:
    """The cron expression of the DAG ``freshness``, in UTC.

    A DAG file reads it when it is parsed, as it reads ``sql_dir``: Airflow's own configuration is in the process
    already. A Variable or a connection would be a query at each parse.
    """
    value = str(conf.get(SECTION, "freshness_schedule", fallback="") or "*/15 * * * *")
    if not _CRON.fullmatch(value):
        raise ConfigError(
            f"The setting [{SECTION}] freshness_schedule is no cron expression.",
            fix="use e.g. */15 * * * *",
            value=value,
        )
    return value


def sql_dir() -> Path:
    """The folder of the SQL files; ``include/sql`` of this repository unless [redshift_etl] sql_dir is set."""
    value = conf.get(SECTION, "sql_dir", fallback="")
    if value and not Path(value).is_dir():
        raise ConfigError(
            f"The setting [{SECTION}] sql_dir is not a folder.", fix="use the folder that has tables/", value=value
        )
    return Path(value or REPOSITORY / "include" / "sql")


def shown(path: Path) -> str:
    """A file's path as messages have it: below the repository or ``sql_dir``, without the folders of the machine."""
    roots = (root for root in (REPOSITORY, sql_dir()) if path.is_relative_to(root))
    root = next(roots, None)
    return (path.relative_to(root) if root else path).as_posix()
