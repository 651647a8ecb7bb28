"""The S3 beside the local Redshift: signatures, their time, the body's hash; S3 alone, and no web page of elsewhere."""

import datetime as dt
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local_redshift.storage import s3_signature
from local_redshift.testing.pytest_plugin import RedshiftServer

_KEYS = ("a", "a/한 b=1+2.csv", "with%20percent", "q?x=1&y=2", "~tilde-_.!*'()", "/leading", "double//slash")


def client(server: RedshiftServer, secret: str | None = None, **more: Any) -> Any:
    options: dict[str, Any] = {"signature_version": "s3v4", "retries": {"max_attempts": 1}, **more}
    return boto3.client(
        "s3",
        endpoint_url=server.s3_endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=secret or server.secret_key,
        config=Config(**options),
    )


@pytest.fixture
def object_url(redshift_server: RedshiftServer) -> Iterator[str]:
    redshift_server.s3.put_object(Bucket="lake", Key="signed/object", Body=b"content")
    yield f"{redshift_server.s3_endpoint}/lake/signed/object"
    redshift_server.s3.delete_object(Bucket="lake", Key="signed/object")


def signed_request(server: RedshiftServer, method: str, url: str, body: bytes = b"", **headers: str) -> AWSRequest:
    request = AWSRequest(method, url, data=body, headers=headers)
    S3SigV4Auth(Credentials(server.access_key, server.secret_key), "s3", server.region).add_auth(request)
    return request


def send(request: AWSRequest, **changed: Any) -> requests.Response:
    content = {"headers": dict(request.headers), "data": request.body, **changed}
    return requests.request(request.method, request.url, timeout=10, **content)


def code(response: requests.Response) -> str:
    return response.text.partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize("key", _KEYS)
def test_any_key_can_be_written_listed_read_and_presigned(redshift_server: RedshiftServer, key: str) -> None:
    s3 = client(redshift_server)
    s3.put_object(Bucket="lake", Key=f"keys/{key}", Body=b"content", Metadata={"a": "  two   blanks "})
    try:
        found = s3.list_objects_v2(Bucket="lake", Prefix=f"keys/{key}")["Contents"]
        assert [entry["Key"] for entry in found] == [f"keys/{key}"]
        assert s3.get_object(Bucket="lake", Key=f"keys/{key}", Range="bytes=1-3")["Body"].read() == b"ont"
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "lake", "Key": f"keys/{key}"}, ExpiresIn=60)
        assert requests.get(url, timeout=10).content == b"content"
        put = s3.generate_presigned_url("put_object", Params={"Bucket": "lake", "Key": f"keys/{key}"})
        assert requests.put(put, data=b"new", timeout=10).status_code == 200
        assert s3.get_object(Bucket="lake", Key=f"keys/{key}")["Body"].read() == b"new"
    finally:
        s3.delete_object(Bucket="lake", Key=f"keys/{key}")


def test_uploads_in_parts_and_with_checksums_are_accepted(redshift_server: RedshiftServer, tmp_path: Path) -> None:
    from boto3.s3.transfer import TransferConfig

    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * (11 << 12))
    for s3 in (redshift_server.s3, client(redshift_server, request_checksum_calculation="when_required")):
        s3.upload_file(str(large), "lake", "large", Config=TransferConfig(multipart_threshold=5 << 20))
        assert s3.get_object(Bucket="lake", Key="large")["Body"].read() == large.read_bytes()
    redshift_server.s3.delete_object(Bucket="lake", Key="large")


@pytest.mark.usefixtures("object_url")
def test_another_secret_is_refused(redshift_server: RedshiftServer) -> None:
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client(redshift_server, secret="guessed").get_object(Bucket="lake", Key="signed/object")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client(redshift_server, secret="guessed").put_object(Bucket="lake", Key="signed/object", Body=b"x")


@pytest.mark.usefixtures("object_url")
@pytest.mark.parametrize(
    ("part", "replacement", "expected"),
    [
        ("X-Amz-Signature=", "X-Amz-Signature=0&was=", "SignatureDoesNotMatch"),
        ("lake/signed", "lake/unsigned", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=6000000", "AuthorizationQueryParametersError"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=none", "AccessDenied"),
        ("%2Fs3%2F", "%2Fsts%2F", "AuthorizationHeaderMalformed"),
    ],
)
def test_a_presigned_address_that_was_changed_is_refused(
    redshift_server: RedshiftServer, part: str, replacement: str, expected: str
) -> None:
    s3 = client(redshift_server)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "lake", "Key": "signed/object"}, ExpiresIn=60)
    assert requests.get(url, timeout=10).content == b"content"
    assert part in url
    response = requests.get(url.replace(part, replacement), timeout=10)
    assert response.status_code in (400, 403)
    assert code(response) == expected


def test_an_address_that_has_expired_is_refused(redshift_server: RedshiftServer) -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": client(redshift_server)
        .generate_presigned_url("get_object", Params={"Bucket": "lake", "Key": "signed/object"}, ExpiresIn=60)
        .removeprefix(redshift_server.s3_endpoint),
        "HTTP_HOST": redshift_server.s3_endpoint.removeprefix("http://"),
    }
    keys, now = (redshift_server.access_key, redshift_server.secret_key), dt.datetime.now(dt.UTC)
    s3_signature.check(environ, *keys, now + dt.timedelta(seconds=50))
    for moment in (now + dt.timedelta(seconds=62), now - dt.timedelta(minutes=16)):
        with pytest.raises(s3_signature.RefusedError, match=r"expired|too large"):
            s3_signature.check(environ, *keys, moment)


def test_a_request_of_another_day_or_without_a_date_is_refused(
    redshift_server: RedshiftServer, object_url: str
) -> None:
    request = signed_request(redshift_server, "GET", object_url)
    assert send(request).content == b"content"
    old = {**dict(request.headers), "X-Amz-Date": "20130101T000000Z"}
    assert code(send(request, headers=old)) in ("SignatureDoesNotMatch", "RequestTimeTooSkewed")
    assert code(send(request, headers={**old, "X-Amz-Date": ""})) == "AccessDenied"


def test_a_body_or_a_header_that_was_not_signed_is_refused(redshift_server: RedshiftServer, object_url: str) -> None:
    request = signed_request(redshift_server, "PUT", object_url, b"content")
    assert send(request).status_code == 200
    assert code(send(request, data=b"another")) == "XAmzContentSHA256Mismatch"
    headers = {**dict(request.headers), "x-amz-copy-source": "lake/other"}
    assert code(send(request, headers=headers)) == "AccessDenied"


@pytest.mark.parametrize("authorization", ["", "AWS AKIA:abc", "AWS4-HMAC-SHA256 Credential=x", "Bearer x", "x" * 5000])
def test_requests_without_a_signature_are_refused(
    redshift_server: RedshiftServer, object_url: str, authorization: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    for method in ("GET", "PUT", "DELETE", "POST", "OPTIONS"):
        response = requests.request(method, object_url, headers=headers, timeout=10)
        assert response.status_code in (400, 403)
    public = {"X-Amz-Credential": redshift_server.access_key, "AWSAccessKeyId": redshift_server.access_key}
    assert requests.get(object_url, params=public, timeout=10).status_code == 400
    assert requests.get(f"{object_url}?X-Amz-Credential={redshift_server.access_key}", timeout=10).status_code == 403


@pytest.mark.parametrize(
    "path", ["/moto-api/data.json", "/moto-api/recorder/start-recording", "/moto-api/reset", "/favicon.ico", "/"]
)
def test_nothing_of_moto_but_its_s3_is_served(redshift_server: RedshiftServer, path: str) -> None:
    url = redshift_server.s3_endpoint + path
    assert requests.post(url, timeout=10).status_code == 403
    assert requests.get(url, timeout=10).status_code == 403
    if path != "/":
        assert send(signed_request(redshift_server, "GET", url)).status_code == 404


@pytest.mark.parametrize("service", ["sts", "iam", "dynamodb"])
def test_other_services_are_refused(redshift_server: RedshiftServer, service: str) -> None:
    other = boto3.client(
        service,
        endpoint_url=redshift_server.s3_endpoint,
        region_name=redshift_server.region,
        aws_access_key_id=redshift_server.access_key,
        aws_secret_access_key=redshift_server.secret_key,
        config=Config(retries={"max_attempts": 1}),
    )
    call = {"sts": "get_caller_identity", "iam": "list_users", "dynamodb": "list_tables"}[service]
    with pytest.raises(ClientError) as error:
        getattr(other, call)()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_no_page_of_another_origin_may_read_a_response(redshift_server: RedshiftServer, object_url: str) -> None:
    response = send(signed_request(redshift_server, "GET", object_url, Origin="https://evil.example"))
    assert response.content == b"content"
    assert not [name for name in response.headers if name.lower().startswith("access-control-")]


def test_the_servers_files_are_their_users_alone(redshift_server: RedshiftServer) -> None:
    folder = redshift_server.pg.data.parent
    assert stat.S_IMODE(folder.stat().st_mode) & 0o066 == 0
    assert stat.S_IMODE((folder / "passwords.json").stat().st_mode) == 0o600
