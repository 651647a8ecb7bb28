"""What the local Redshift is told when it starts. One place reads the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg.conninfo import make_conninfo

ISOLATION = {"SERIALIZABLE": "serializable", "SNAPSHOT": "repeatable read"}
DEFAULT_ROLE = "arn:aws:iam::000000000000:role/local-redshift"


@dataclass(frozen=True)
class Config:
    """Where it listens, which PostgreSQL holds its data, whom it lets in, and which S3 it loads from."""

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
    isolation: str = "SERIALIZABLE"
    tls_folder: str | None = None

    def admin(self, database: str = "postgres") -> str:
        """A superuser's conninfo for the storage server."""
        return make_conninfo(
            host=self.pg_host, port=self.pg_port, user="postgres", password=self.pg_password, dbname=database
        )


def from_environment(env: Mapping[str, str]) -> Config:
    """Read LOCAL_REDSHIFT_* and AWS_*. Raises KeyError naming a variable that is missing, ValueError a wrong one."""
    isolation = env.get("LOCAL_REDSHIFT_ISOLATION", "SERIALIZABLE").upper()
    if isolation not in ISOLATION:
        raise ValueError(f"LOCAL_REDSHIFT_ISOLATION is {isolation}; it must be SERIALIZABLE or SNAPSHOT")
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
        tls_folder=env.get("LOCAL_REDSHIFT_TLS_FOLDER"),
    )
