"""docs/connect-a-cluster.md: its policies allow what the code does and no more; its settings are the driver's."""

from __future__ import annotations

import inspect
import re

import pytest
import redshift_connector

from redshift_etl.incidents import lake_store
from redshift_etl.lake import batch
from redshift_etl.retention import files
from tests.unit.policies import (
    CLUSTER,
    DOCUMENT,
    ROOT,
    TRUST,
    WORKER,
    allows,
    as_list,
    grants,
    read_extras,
    read_policies,
)

LAKE, LANDING = "arn:aws:s3:::my-lake/warehouse", "arn:aws:s3:::my-landing/files"
# The action that each S3 call needs (AWS, service authorization reference); nothing else may call S3.
ACTIONS = {
    "delete_object": "s3:DeleteObject",
    "delete_objects": "s3:DeleteObject",
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "list_objects_v2": "s3:ListBucket",
    "put_object": "s3:PutObject",
}
CALL = re.compile(r"""\bclient\.(?:get_paginator\("(\w+)"\)|(\w+)\()""")


def code() -> str:
    """All of the pipelines' own."""
    return "\n".join(
        path.read_text(encoding="utf-8") for folder in ("plugins", "dags") for path in (ROOT / folder).rglob("*.py")
    )


def calls() -> set[str]:
    """Every S3 operation in the code."""
    return {paginated or called for paginated, called in CALL.findall(code())}


def zones_written() -> set[str]:
    """Where in the lake the code puts objects: the zones of batches, the reports, and what incidents are kept in."""
    batches = {getattr(batch, name) for name in re.findall(r"(?:\bprefix\(|\bzone: str = |\bzone=)([A-Z]+)", code())}
    reports = set(re.findall(r"\.put\(f\"(\w+)/", code()))
    return batches | reports | {lake_store._OPEN.split("/")[0]}


def s3(policy: str) -> set[str]:
    return {action for action, _ in grants(read_policies()[policy]) if action.startswith("s3:")}


def test_every_s3_call_of_the_code_is_one_whose_right_is_known() -> None:
    assert calls() == set(ACTIONS)


def test_only_the_lakes_own_client_speaks_to_s3() -> None:
    pattern = re.compile(r"S3Hook\(|boto3\.|get_client_type")
    found = [path.name for path in (ROOT / "plugins").rglob("*.py") if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == ["storage.py"]


def test_the_worker_may_do_what_the_code_calls_and_nothing_else_in_s3() -> None:
    assert s3(WORKER) == {ACTIONS[call] for call in calls()}


def test_the_worker_writes_where_the_code_writes_and_not_into_the_archive() -> None:
    writes = {resource for action, resource in grants(read_policies()[WORKER]) if action == "s3:PutObject"}
    assert writes == {f"{LAKE}/{zone}/*" for zone in zones_written()}
    assert f"{LAKE}/archive/*" not in writes


@pytest.mark.parametrize("zone", ["raw", "staged", "rejects", "incidents", "archive"])
def test_the_worker_reads_the_whole_lake(zone: str) -> None:
    assert allows(read_policies()[WORKER], "s3:GetObject", f"{LAKE}/{zone}/x")


def test_the_worker_deletes_working_files_and_marks_of_incidents_alone() -> None:
    deletes = {resource for action, resource in grants(read_policies()[WORKER]) if action == "s3:DeleteObject"}
    places = (*files.ZONES, lake_store._OPEN)
    assert deletes == {f"{LAKE}/{place}/*" for place in places}


def test_the_worker_only_reads_the_landing_zone() -> None:
    worker = read_policies()[WORKER]
    reach = {action for action, resource in grants(worker) if "my-landing" in resource}
    assert reach == {"s3:GetObject", "s3:ListBucket"}
    assert allows(worker, "s3:GetObject", f"{LANDING}/airlines.csv")


def test_the_worker_may_see_that_a_key_is_missing_in_both_buckets() -> None:
    for bucket in ("my-lake", "my-landing"):
        assert allows(read_policies()[WORKER], "s3:ListBucket", f"arn:aws:s3:::{bucket}")


def test_the_cluster_reads_what_copy_reads_and_writes_archives_alone() -> None:
    cluster = read_policies()[CLUSTER]
    assert allows(cluster, "s3:GetObject", f"{LAKE}/{batch.STAGED}/core.flights/w/run/manifest.json")
    assert {resource for action, resource in grants(cluster) if action == "s3:PutObject"} == {f"{LAKE}/archive/*"}
    assert not allows(cluster, "s3:GetObject", f"{LAKE}/{batch.RAW}/core.flights/x")
    assert s3(CLUSTER) == {"s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:PutObject"}


def test_no_policy_has_a_wildcard_for_an_action_or_a_whole_service() -> None:
    for name in (CLUSTER, WORKER):
        for action, resource in grants(read_policies()[name]):
            assert "*" not in action
            assert resource.count("*") == resource.endswith("/*")


def test_both_kinds_of_redshift_may_assume_the_role() -> None:
    (statement,) = read_policies()[TRUST]["Statement"]
    assert as_list(statement["Action"]) == ["sts:AssumeRole"]
    assert set(statement["Principal"]["Service"]) == {"redshift.amazonaws.com", "redshift-serverless.amazonaws.com"}


def test_the_login_is_for_the_user_of_the_grants_file_alone() -> None:
    (dbuser, dbname) = (
        r for action, r in grants(read_policies()[WORKER]) if action == "redshift:GetClusterCredentials"
    )
    assert (dbuser.split(":", 5)[5], dbname.split(":", 5)[5]) == ("dbuser:analytics/etl", "dbname:analytics/warehouse")
    assert "CREATE USER etl " in (ROOT / "include/sql/grants/etl_user.sql").read_text(encoding="utf-8")


def test_the_names_are_those_of_the_settings_in_deploying_md() -> None:
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    for setting in ("LAKE=s3://my-lake/warehouse", "LANDING=s3://my-landing/files", "REDSHIFT_USER=etl"):
        assert f"\n{setting}\n" in text
    role = re.search(r"^IAM_ROLE=(\S+)$", text, re.MULTILINE)
    assert role
    assert role[1] in DOCUMENT.read_text(encoding="utf-8")


def test_what_the_extra_says_are_arguments_of_the_driver() -> None:
    known = set(inspect.signature(redshift_connector.connect).parameters)
    assert len(read_extras()) >= 3
    assert {name for extra in read_extras() for name in extra} <= known


def test_an_extra_for_iam_login_names_the_user_or_the_workgroup() -> None:
    by_iam = [extra for extra in read_extras() if extra.get("iam")]
    assert by_iam
    for extra in by_iam:
        assert {"db_user", "cluster_identifier"} <= set(extra) or {"is_serverless", "serverless_work_group"} <= set(
            extra
        )
