"""The settings of the local Redshift, and the environment variables that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg.conninfo import make_conninfo

ISOLATION = {"SERIALIZABLE": "serializable", "SNAPSHOT": "repeatable read"}
MODES = ("provisioned", "serverless")
DEFAULT_ROLE = "arn:aws:iam::000000000000:role/local-redshift"


@dataclass(frozen=True)
class Config:
    """Address, storage (a PostgreSQL), user and S3 of one server. `pg_host` may be the folder of a Unix socket.

    With `tls_folder` it offers TLS by an authority that is made there. `iam_role` is the only role that COPY and UNLOAD
    may assume. `isolation`, SNAPSHOT or SERIALIZABLE, holds for the databases without a level of their own; SNAPSHOT is
    the default of a new cluster (https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html). `mode` is
    provisioned, or serverless for the system views of a workgroup. With `require_ssl` no login is accepted without TLS.

    A client that has not logged in after `login_seconds` is disconnected; of more than `max_pending_logins` that are
    not logged in, the oldest.
    """

    port: int
    pg_port: int
    pg_password: str = field(repr=False)
    password: str = field(repr=False)
    pg_host: str = "127.0.0.1"
    host: str = "127.0.0.1"
    user: str = "awsuser"
    database: str = "warehouse"
    s3_endpoint: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    region: str = "us-east-1"
    iam_role: str = DEFAULT_ROLE
    isolation: str = "SNAPSHOT"
    mode: str = "provisioned"
    tls_folder: str | None = None
    require_ssl: bool = False
    login_seconds: float = 30
    max_pending_logins: int = 50
    check_keys: str = "off"  # or warn, error: compare declared keys with the data (session/key_checks.py)

    def admin(self, database: str = "postgres") -> str:
        """A superuser's conninfo for the storage server.

        The owner of a database may set its search path and its role; these options have priority.
        """
        return make_conninfo(
            host=self.pg_host,
            port=self.pg_port,
            user="postgres",
            password=self.pg_password,
            dbname=database,
            options="-c search_path=pg_catalog,pg_temp -c role=none",
        )


def from_environment(env: Mapping[str, str]) -> Config:
    """Read LOCAL_REDSHIFT_* and AWS_*.

    Raises KeyError with the name of a missing variable, ValueError for a wrong value.
    """
    isolation = env.get("LOCAL_REDSHIFT_ISOLATION", "SNAPSHOT").upper()
    if isolation not in ISOLATION:
        raise ValueError(f"LOCAL_REDSHIFT_ISOLATION is {isolation}; it must be SNAPSHOT or SERIALIZABLE")
    mode = env.get("LOCAL_REDSHIFT_MODE", "provisioned").lower()
    if mode not in MODES:
        raise ValueError(f"LOCAL_REDSHIFT_MODE is {mode}; it must be provisioned or serverless")
    return Config(
        port=int(env["LOCAL_REDSHIFT_PORT"]),
        pg_host=env.get("LOCAL_REDSHIFT_PG_HOST", "127.0.0.1"),
        pg_port=int(env["LOCAL_REDSHIFT_PG_PORT"]),
        pg_password=env["LOCAL_REDSHIFT_PG_PASSWORD"],
        host=env.get("LOCAL_REDSHIFT_HOST", "127.0.0.1"),
        database=env.get("LOCAL_REDSHIFT_DATABASE", "warehouse"),
        user=env.get("LOCAL_REDSHIFT_USER", "awsuser"),
        password=env["LOCAL_REDSHIFT_PASSWORD"],
        s3_endpoint=env.get("LOCAL_REDSHIFT_S3_ENDPOINT"),
        access_key=env.get("AWS_ACCESS_KEY_ID"),
        secret_key=env.get("AWS_SECRET_ACCESS_KEY"),
        region=env.get("AWS_DEFAULT_REGION", "us-east-1"),
        iam_role=env.get("LOCAL_REDSHIFT_IAM_ROLE", DEFAULT_ROLE),
        isolation=isolation,
        mode=mode,
        tls_folder=env.get("LOCAL_REDSHIFT_TLS_FOLDER"),
        require_ssl=_require_ssl(env),
        login_seconds=float(env.get("LOCAL_REDSHIFT_LOGIN_SECONDS", Config.login_seconds)),
        max_pending_logins=int(env.get("LOCAL_REDSHIFT_MAX_PENDING_LOGINS", Config.max_pending_logins)),
        check_keys=_check_keys(env.get("LOCAL_REDSHIFT_CHECK_KEYS", "off").lower()),
    )


def _require_ssl(env: Mapping[str, str]) -> bool:
    value = env.get("LOCAL_REDSHIFT_REQUIRE_SSL", "false").lower()
    if value not in ("true", "false"):
        raise ValueError(f"LOCAL_REDSHIFT_REQUIRE_SSL is {value}; it must be true or false")
    if value == "true" and not env.get("LOCAL_REDSHIFT_TLS_FOLDER"):
        raise ValueError("LOCAL_REDSHIFT_REQUIRE_SSL is true; it needs LOCAL_REDSHIFT_TLS_FOLDER")
    return value == "true"


def _check_keys(value: str) -> str:
    if value not in ("off", "warn", "error"):
        raise ValueError(f"LOCAL_REDSHIFT_CHECK_KEYS is {value}; it must be off, warn or error")
    return value


def to_environment(config: Config) -> dict[str, str]:
    """The variables from which `from_environment` reads this configuration."""
    env = {
        "LOCAL_REDSHIFT_PORT": str(config.port),
        "LOCAL_REDSHIFT_PG_HOST": config.pg_host,
        "LOCAL_REDSHIFT_PG_PORT": str(config.pg_port),
        "LOCAL_REDSHIFT_PG_PASSWORD": config.pg_password,
        "LOCAL_REDSHIFT_HOST": config.host,
        "LOCAL_REDSHIFT_DATABASE": config.database,
        "LOCAL_REDSHIFT_USER": config.user,
        "LOCAL_REDSHIFT_PASSWORD": config.password,
        "LOCAL_REDSHIFT_IAM_ROLE": config.iam_role,
        "LOCAL_REDSHIFT_ISOLATION": config.isolation,
        "LOCAL_REDSHIFT_REQUIRE_SSL": str(config.require_ssl).lower(),
        "LOCAL_REDSHIFT_LOGIN_SECONDS": str(config.login_seconds),
        "LOCAL_REDSHIFT_MAX_PENDING_LOGINS": str(config.max_pending_logins),
        "LOCAL_REDSHIFT_CHECK_KEYS": config.check_keys,
        "LOCAL_REDSHIFT_MODE": config.mode,
        "LOCAL_REDSHIFT_S3_ENDPOINT": config.s3_endpoint or "",
        "AWS_ACCESS_KEY_ID": config.access_key or "",
        "AWS_SECRET_ACCESS_KEY": config.secret_key or "",
        "AWS_DEFAULT_REGION": config.region,
    }
    return env | ({"LOCAL_REDSHIFT_TLS_FOLDER": config.tls_folder} if config.tls_folder else {})
