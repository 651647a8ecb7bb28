"""The IAM policies of docs/connect-a-cluster.md, in force: an S3 that evaluates them at each request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import redshift_connector
import requests
import zstandard
from botocore.exceptions import ClientError

from local_redshift.testing.pytest_plugin import beside
from redshift_etl.incidents import lake_store
from redshift_etl.incidents.model import Incident
from redshift_etl.lake.storage import Lake
from redshift_etl.settings import S3Location
from redshift_etl.warehouse.model import CopySource
from tests.integration.batches import REFRESHED, LoadTarget
from tests.unit.policies import CLUSTER, WORKER, read_policies

pytestmark = pytest.mark.slow

LAKE, LANDING = S3Location("my-lake", "warehouse"), S3Location("my-landing", "files")
KEYS = {"aws_access_key_id": "anybody", "aws_secret_access_key": "anything"}
ALWAYS, NEVER = "0", "inf"  # how many requests the S3 answers before it asks whether they are allowed
INCIDENT = Incident(
    "i1", "cause", "failure", "core.small", "reference_tables", "run", "load", "SourceError", "the source", "It broke.",
    "incidents/2013-01-01/i1.md", datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC),
)  # fmt: skip


@dataclass(frozen=True)
class Guarded:
    """The worker's lake, and a warehouse whose COPY and UNLOAD have the cluster's role; `bucket` is neither's."""

    lake: Lake
    warehouse: LoadTarget
    bucket: str


@pytest.fixture(scope="module")
def guarded(server_with_iam: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Both buckets of the document, a key for each role, and an S3 that from here on asks their policies."""
    s3, endpoint = server_with_iam.s3, server_with_iam.s3_endpoint
    for place in (LAKE, LANDING):
        s3.create_bucket(Bucket=place.bucket)
    s3.put_object(Bucket=LANDING.bucket, Key=LANDING.key("airlines.csv"), Body=b"carrier,name\n")
    iam = boto3.client("iam", endpoint_url=endpoint, region_name="us-east-1", **KEYS)
    worker, cluster = (key_for(iam, name) for name in (WORKER, CLUSTER))
    folder, database = tmp_path_factory.mktemp("guarded"), server_with_iam.new_database()
    with beside(server_with_iam, folder, access_key=cluster[0], secret_key=cluster[1]) as other:
        warehouse = LoadTarget(other, other.connection(database), s3)
        client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1",
            aws_access_key_id=worker[0], aws_secret_access_key=worker[1],
        )  # fmt: skip
        ask(endpoint, ALWAYS)
        try:
            yield Guarded(Lake(client, LAKE), warehouse, server_with_iam.bucket)
        finally:
            ask(endpoint, NEVER)
    server_with_iam.drop_database(database)


def key_for(iam: Any, policy: str) -> tuple[str, str]:
    """An access key that has one policy of the document and nothing else."""
    user = f"user-{len(policy)}"
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="it", PolicyDocument=json.dumps(read_policies()[policy]))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def ask(endpoint: str, after: str) -> None:
    """Let the S3 ask policies from now on, or no more."""
    requests.post(f"{endpoint}/moto-api/reset-auth", data=after, timeout=30).raise_for_status()


def staged(guarded: Guarded) -> str:
    """A batch and its manifest, as the transform writes them; returns the manifest's URL."""
    entry = guarded.lake.put("staged/core.small/full/run/part.csv.zst", zstandard.compress(b"1,one\n2,\\N\n"))
    return LAKE.url(LAKE.key(guarded.lake.write_manifest("staged/core.small/full/run", [entry])))


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as error:
        call()
    return str(error.value.response["Error"]["Code"])


def test_the_worker_reads_the_landing_zone_and_writes_and_reads_batches(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__LANDING", f"s3://{LANDING.bucket}/{LANDING.prefix}")
    lake = guarded.lake
    landed = lake.head(LANDING, LANDING.key("airlines.csv"))
    manifest = lake.write_manifest("raw/core.small/full/run", [landed, lake.put("raw/core.small/full/run/part", b"x")])
    assert [path.stat().st_size for _, path in lake.fetch(manifest, tmp_path)] == [landed.bytes, 1]


def test_the_worker_opens_counts_lists_and_closes_an_incident(guarded: Guarded) -> None:
    lake = guarded.lake
    assert lake_store.open_or_count(lake, INCIDENT)[1]
    assert not lake_store.open_or_count(lake, INCIDENT)[1]
    assert lake_store.put_report(lake, INCIDENT, "# It broke").endswith(INCIDENT.report)
    (existing,) = lake_store.all_open(lake)
    assert lake_store.close(lake, existing, datetime.now(UTC))
    assert not lake_store.is_open(lake, INCIDENT.cause)


def test_the_worker_changes_no_archive_deletes_no_report_and_leaves_other_buckets_alone(guarded: Guarded) -> None:
    client, report = guarded.lake.client, LAKE.key(INCIDENT.report)
    assert refused(lambda: client.put_object(Bucket=LAKE.bucket, Key=LAKE.key("archive/x"), Body=b"")) == "AccessDenied"
    assert refused(lambda: client.delete_object(Bucket=LAKE.bucket, Key=report)) == "AccessDenied"
    assert refused(lambda: client.put_object(Bucket=LANDING.bucket, Key=LANDING.key("x"), Body=b"")) == "AccessDenied"
    assert refused(lambda: client.list_objects_v2(Bucket=guarded.bucket)) == "AccessDenied"


def test_the_cluster_loads_a_staged_batch_and_archives_it(guarded: Guarded) -> None:
    warehouse = guarded.warehouse
    warehouse.create(REFRESHED)
    warehouse.keep_books()
    source = CopySource(staged(guarded), warehouse.server.iam_role, warehouse.server.region)
    assert warehouse.load(REFRESHED, [], source=source, rows=2, extracted=2).counts.inserted == 2
    warehouse.run(unload(warehouse, "archive/run/core.small/"))
    manifest = guarded.lake.client.get_object(Bucket=LAKE.bucket, Key=LAKE.key("archive/run/core.small/manifest"))
    assert json.loads(manifest["Body"].read())["meta"]["record_count"] == 2


def unload(warehouse: LoadTarget, below: str) -> str:
    return (
        f"UNLOAD ('SELECT 1 AS id UNION ALL SELECT 2') TO '{LAKE.url(LAKE.key(below))}' "
        f"IAM_ROLE '{warehouse.server.iam_role}' FORMAT AS PARQUET MANIFEST VERBOSE"
    )


def test_the_cluster_writes_nowhere_but_into_the_archive_and_reads_no_raw_data(guarded: Guarded) -> None:
    warehouse = guarded.warehouse
    role = warehouse.server.iam_role
    copy = f"COPY loose FROM '{LANDING.url(LANDING.key('airlines.csv'))}' IAM_ROLE '{role}' FORMAT AS CSV"
    warehouse.run("CREATE TABLE loose (carrier VARCHAR(10), name VARCHAR(10))")
    for sql in (unload(warehouse, "staged/empty/"), copy):
        with pytest.raises(redshift_connector.error.ProgrammingError, match=r"Access ?Denied"):
            warehouse.run(sql)
