"""Login by IAM as docs/connect-a-cluster.md sets it, up to the network, against an API that gives credentials."""

from __future__ import annotations

import json

import boto3
import pytest
import redshift_connector
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

from tests.unit.policies import read_extras

pytestmark = pytest.mark.slow


def test_login_by_iam_gets_as_far_as_the_network_and_needs_the_user_in_the_extra(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    region, host = "eu-west-1", "analytics.abc123.eu-west-1.redshift.amazonaws.com"
    environment = {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": region,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT", raising=False)
    boto3.client("redshift").create_cluster(
        ClusterIdentifier="analytics", NodeType="ra3.large", MasterUsername="a", MasterUserPassword="Secret123"
    )
    extra = next(extra for extra in read_extras() if "cluster_identifier" in extra)
    lacking = {name: value for name, value in extra.items() if name != "db_user"}
    for given, message in ((extra, "communication error"), (lacking, "db_user must be specified")):
        connection = {"conn_type": "redshift", "host": host, "port": 5439, "schema": "warehouse", "login": "etl"}
        monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps({**connection, "extra": given}))
        with pytest.raises(redshift_connector.error.InterfaceError, match=message):
            RedshiftSQLHook.get_conn.__wrapped__(RedshiftSQLHook())  # once, and not its five tries
