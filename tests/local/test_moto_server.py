from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from local.stack import ports, state_dir
from tests.local.conftest import StartProgram, wait_for

StartServer = Callable[[], tuple[subprocess.Popen[bytes], Any]]


@pytest.fixture
def start_server(start_program: StartProgram, tmp_path: Path) -> StartServer:
    """Starts moto's server, always on the same port and data; returns it and a client."""
    port = state_dir.create(tmp_path / "state", new_ports=True).ports["s3"]
    env = os.environ | {
        "S3_PORT": str(port),
        "S3_DATA": str(tmp_path / "data"),
        "S3_BUCKETS": "lake",
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }

    def start() -> tuple[subprocess.Popen[bytes], Any]:
        process = start_program("-m", "local.stack.moto_server", env=env)
        wait_for(lambda: not ports.is_free(port))
        return process, client(port, "AKIATEST")

    return start


def client(port: int, key: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        region_name="eu-central-1",
        config=Config(signature_version="s3v4", retries={"max_attempts": 1}),
    )


def contents(s3: Any) -> dict[str, tuple[str, bytes]]:
    entries = s3.list_objects_v2(Bucket="lake").get("Contents", [])
    return {
        entry["Key"]: (entry["ETag"], s3.get_object(Bucket="lake", Key=entry["Key"])["Body"].read())
        for entry in entries
    }


def test_objects_survive_a_kill_and_deleted_ones_stay_deleted(start_server: StartServer, tmp_path: Path) -> None:
    process, s3 = start_server()
    s3.create_bucket(Bucket="another", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="lake", Key="a/한 b=1+2.csv", Body=b"x", ContentType="text/csv", Metadata={"rows": "3"})
    large = tmp_path / "large"
    large.write_bytes(os.urandom(11 << 20))
    s3.upload_file(
        str(large), "lake", "large", Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    )
    s3.copy_object(Bucket="lake", Key="copied", CopySource={"Bucket": "lake", "Key": "a/한 b=1+2.csv"})
    for key in ("gone", "gone/too", "gone/also"):
        s3.put_object(Bucket="lake", Key=key, Body=b"x")
    s3.delete_object(Bucket="lake", Key="gone")
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "gone/too"}, {"Key": "gone/also"}]})
    before = contents(s3)

    process.kill()
    process.wait()
    _, s3 = start_server()

    assert contents(s3) == before
    assert set(before) == {"a/한 b=1+2.csv", "large", "copied"}
    head = s3.head_object(Bucket="lake", Key="a/한 b=1+2.csv")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"rows": "3"})
    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} == {"lake", "another"}


def test_another_access_key_is_refused(start_server: StartServer) -> None:
    _, s3 = start_server()
    other = client(int(s3.meta.endpoint_url.rsplit(":", 1)[1]), "AKIAOTHER")

    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        other.list_buckets()


def test_a_presigned_address_works(start_server: StartServer) -> None:
    import requests

    _, s3 = start_server()
    s3.put_object(Bucket="lake", Key="k", Body=b"content")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "lake", "Key": "k"})

    assert requests.get(url, timeout=10).content == b"content"
