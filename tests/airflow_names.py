"""The local Redshift and its S3 under the names that the pipelines give them, by environment as in production."""

from __future__ import annotations

import json
from typing import Any

import pytest


def name_warehouse(patch: pytest.MonkeyPatch, server: Any, database: Any, lake: str, landing: str) -> None:
    """Make a database the warehouse; ``lake`` and ``landing`` are s3:// URLs on the server's S3."""
    for name, value in warehouse_names(server, database, lake, landing).items():
        patch.setenv(name, value)


def warehouse_names(server: Any, database: Any, lake: str, landing: str) -> dict[str, str]:
    """The same as environment variables."""
    connections = {
        "REDSHIFT_DEFAULT": {
            "conn_type": "redshift",
            "host": database.host,
            "port": database.port,
            "login": database.user,
            "password": database.password,
            "schema": database.database,
            "extra": {"ssl": False},
        },
        "AWS_DEFAULT": {
            "conn_type": "aws",
            "login": server.access_key,
            "password": server.secret_key,
            "extra": {"region_name": server.region, "endpoint_url": server.s3_endpoint},
        },
    }
    settings = {"LAKE": lake, "LANDING": landing, "IAM_ROLE": server.iam_role, "REGION": server.region}
    return {
        **{f"AIRFLOW_CONN_{name}": json.dumps(connection) for name, connection in connections.items()},
        **{f"AIRFLOW__REDSHIFT_ETL__{name}": value for name, value in settings.items()},
    }
