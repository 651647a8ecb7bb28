"""Which objects COPY reads and who may read them: prefix, manifest, compression, authorization."""

import bz2
import gzip
import json
import socket
from collections.abc import Callable, Iterator

import pytest
import zstandard
from tests.copy_loader import Loader, fails_with


@pytest.mark.parametrize(
    ("option", "pack"),
    [("gzip", gzip.compress), ("bzip2", bz2.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_compressed_files_are_read_and_a_cut_one_fails_whole(
    loader: Loader, option: str, pack: Callable[[bytes], bytes]
) -> None:
    loader.run("create table t (id int, name varchar(100))")
    body = pack("".join(f"{n},name {n * 7919 % 1009}\n" for n in range(2000)).encode())
    assert len(loader.copy(body, f"csv {option}")) == 2000
    with fails_with(option):
        loader.copy(body[:-20], f"csv {option}")
    assert loader.run("select count(*) from t") == [(2000,)]


def test_manifest_loads_exactly_its_list_and_mandatory_decides_about_a_missing_file(loader: Loader) -> None:
    loader.run("create table t (id int, name varchar(10))")
    urls = [loader.put(f"part-{n}", f"{n},x\n") for n in range(3)]
    optional = {"entries": [{"url": urls[0], "mandatory": True}, {"url": urls[2]}, {"url": urls[2] + "gone"}]}
    assert loader.copy(json.dumps(optional), "csv manifest", name="manifest") == [(0, "x"), (2, "x")]
    required = {"entries": [{"url": urls[0]}, {"url": urls[2] + "gone", "mandatory": True}]}
    with fails_with("404"):
        loader.copy(json.dumps(required), "csv manifest", name="manifest")
    assert loader.run("select count(*) from t") == [(2,)]


def test_prefix_loads_everything_under_it_and_none_is_an_error(loader: Loader) -> None:
    loader.run("create table t (id int)")
    loader.put("p/a", "1\n"), loader.put("p/b", "2")
    loader.run(f"copy t from 's3://lake/{loader.folder}/p/' iam_role '{loader.server.iam_role}' csv")
    assert loader.run("select id from t order by 1") == [(1,), (2,)]
    with fails_with("does not exist"):
        loader.run(f"copy t from 's3://lake/{loader.folder}/nothing' iam_role '{loader.server.iam_role}' csv")


def test_wrong_role_and_missing_authorization_are_refused_and_keys_are_accepted(loader: Loader) -> None:
    loader.run("create table t (id int)")
    url = loader.put("data", "1\n")
    with fails_with("not authorized to assume"):
        loader.run(f"copy t from '{url}' iam_role 'arn:aws:iam::1:role/other' csv")
    with fails_with("authorization"):
        loader.run(f"copy t from '{url}' csv")
    loader.run(
        f"copy t from '{url}' credentials "
        f"'aws_access_key_id={loader.server.access_key};aws_secret_access_key={loader.server.secret_key}' csv"
    )
    assert loader.run("select pg_last_copy_count()") == [(1,)]


@pytest.mark.parametrize(
    ("region", "message"), [("eu-west-1", "PermanentRedirect"), ("mars", "not the name of an AWS Region")]
)
def test_a_region_that_is_not_the_buckets_is_an_error(loader: Loader, region: str, message: str) -> None:
    loader.run("create table t (id int)")
    assert loader.copy("1\n", "csv region 'us-east-1'") == [(1,)]
    with fails_with(message):
        loader.copy("1\n", f"csv region as '{region}'")
    with fails_with(message):
        loader.run(
            f"unload ('select id from t') to 's3://lake/{loader.folder}/out/' iam_role '{loader.server.iam_role}' "
            f"region '{region}'"
        )
    assert loader.run("select count(*) from t") == [(1,)]


def test_a_bucket_in_another_region_needs_region(loader: Loader) -> None:
    s3 = loader.server.s3
    s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="far", Key="a", Body=b"1\n")
    loader.run("create table t (id int)")
    with fails_with("PermanentRedirect"):
        loader.run(f"copy t from 's3://far/a' iam_role '{loader.server.iam_role}' csv")
    loader.run(f"copy t from 's3://far/a' iam_role '{loader.server.iam_role}' csv region 'eu-west-1'")
    assert loader.run("select id from t") == [(1,)]


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """A program that listens on another port, and has not been connected to at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def refused_everywhere(loader: Loader, url: str, message: str, options: str = "") -> None:
    """COPY from an address, of a manifest with it, and UNLOAD to it: each must fail."""
    manifest = loader.put("manifest", json.dumps({"entries": [{"url": url, "mandatory": True}]}))
    authorization = f"iam_role '{loader.server.iam_role}'"
    for sql in (
        f"copy t from '{url}' {authorization} {options}",
        f"copy t from '{manifest}' {authorization} manifest {options}",
        f"copy t from '{manifest}' {authorization} format json '{url}' {options}",
        f"unload ('select id from t') to '{url}' {authorization} {options}",
    ):
        with fails_with(message):
            loader.run(sql)


@pytest.mark.parametrize(
    "url",
    [
        "s3://[127.0.0.1:{}/x",
        "s3://127.0.0.1:{}/x",
        "s3://lake@127.0.0.1:{}/x",
        "s3://127.0.0.1:{}#/x",
        "http://127.0.0.1:{}/x",
    ],
)
def test_no_address_of_a_statement_is_another_host_than_the_endpoint(
    loader: Loader, elsewhere: socket.socket, url: str
) -> None:
    loader.run("create table t (id int)")
    message = "Invalid bucket name|not modelled|or an s3:// file|must be an s3:// path"
    refused_everywhere(loader, url.format(elsewhere.getsockname()[1]), message)


@pytest.mark.parametrize("region", ["127.0.0.1:{}/", "x@127.0.0.1:{}", "us-east-1.127.0.0.1:{}/#"])
def test_no_region_is_another_host(loader: Loader, elsewhere: socket.socket, region: str) -> None:
    loader.run("create table t (id int)")
    region = region.format(elsewhere.getsockname()[1])
    refused_everywhere(loader, loader.put("data", "1\n"), "not the name of an AWS Region", f"region '{region}'")


@pytest.mark.parametrize(
    "bucket",
    [
        "arn:aws:s3:us-east-1:123456789012:accesspoint:other",
        "arn:aws:s3::123456789012:accesspoint:other.mrap",
        "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint:other",
        "arn:aws:s3-outposts:us-east-1:123456789012:outpost:op-01234567890123456:accesspoint:other",
    ],
)
def test_an_access_point_whose_host_is_another_than_the_endpoint_is_refused(loader: Loader, bucket: str) -> None:
    """COPY takes their aliases: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-s3-access-point-alias.html"""
    loader.run("create table t (id int)")
    refused_everywhere(loader, f"s3://{bucket}/x", "is an ARN")


def test_keys_with_dots_are_names_and_not_paths(loader: Loader) -> None:
    loader.run("create table t (id int)")
    for number, name in enumerate(("../outside", "a/../../../../etc/passwd", "..", "./here", "a/%2e%2e/b")):
        assert loader.copy(f"{number}\n", "csv", name=name)[-1] == (number,)
    listed = loader.server.s3.list_objects_v2(Bucket="lake", Prefix=loader.folder)["Contents"]
    assert {"../outside", ".."} < {entry["Key"].removeprefix(f"{loader.folder}/") for entry in listed}
