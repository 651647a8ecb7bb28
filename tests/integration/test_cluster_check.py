"""`make check-cluster` against the local Redshift: all well, and with each thing broken, whose fix it must name."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import psycopg
import pytest

from local_redshift.config import Config
from local_redshift.testing.pytest_plugin import beside
from redshift_etl.cluster_check import connection, run
from redshift_etl.cluster_check.__main__ import main, print_line
from redshift_etl.cluster_check.advice import fix_of
from redshift_etl.cluster_check.model import Check, Cluster, Result, Status
from tests.airflow_names import name_warehouse
from tests.integration.test_policies import ALWAYS, KEYS, LAKE, NEVER, ask
from tests.unit.policies import CLUSTER, DOCUMENT, ROOT, WORKER, read_policies

pytestmark = pytest.mark.stack  # minutes: each test checks a cluster of its own

MODES = ("provisioned", *(("serverless",) if "mode" in {field.name for field in fields(Config)} else ()))
BY_NAME = {check.name: check for check in run.CHECKS}


@dataclass(frozen=True)
class Place:
    """A database and a lake of the test's own, known to Airflow."""

    server: Any
    database: Any
    patch: pytest.MonkeyPatch
    lake: str

    def name(self, **changes: Any) -> None:
        """Tell Airflow the connection again, with other fields."""
        name_warehouse(self.patch, self.server, replace(self.database, **changes), self.lake, f"{self.lake}/landing")

    def extra(self, **extra: Any) -> None:
        """Change the connection's extra."""
        fields_now = json.loads(os.environ["AIRFLOW_CONN_REDSHIFT_DEFAULT"])
        self.patch.setenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", json.dumps({**fields_now, "extra": extra}))

    def set(self, setting: str, value: str) -> None:
        """Change a setting of the section [redshift_etl]."""
        self.patch.setenv(f"AIRFLOW__REDSHIFT_ETL__{setting}", value)

    def check(self, *names: str, checks: Sequence[Check] = ()) -> dict[str, Result]:
        """Carry out these checks; the results by name."""
        cluster = Cluster(connection.configured(), f"etl_check_{secrets.token_hex(4)}")
        return run.run(cluster, print_line, checks or [BY_NAME[name] for name in names])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the admin sees."""
        with self.database.psycopg(autocommit=True) as admin:
            return [tuple(row) for row in admin.execute(sql)]

    def execute(self, *statements: str) -> None:
        """Run statements as the admin."""
        with self.database.psycopg(autocommit=True) as admin:
            for statement in statements:
                admin.execute(statement)

    def files(self) -> list[str]:
        """The keys of the lake."""
        bucket, _, prefix = self.lake.removeprefix("s3://").partition("/")
        return [
            found["Key"] for found in self.server.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
        ]

    def remains(self) -> list[tuple[Any, ...]]:
        """What is named after a check in the warehouse."""
        schemas = self.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'etl_check_%'")
        return schemas + self.rows("SELECT schemaname, tablename FROM pg_tables WHERE tablename LIKE 'etl_check_%'")


def place_on(server: Any, patch: pytest.MonkeyPatch, like: str | None = None) -> Place:
    place = Place(server, server.connection(server.new_database(like)), patch, f"s3://{server.bucket}/{uuid4().hex}")
    place.name()
    return place


@pytest.fixture
def place(redshift_server: Any, with_bookkeeping: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A database that has been loaded before."""
    place = place_on(redshift_server, monkeypatch, with_bookkeeping)
    yield place
    redshift_server.drop_database(place.database.database)


def assert_fails(result: Result, fix: str, status: Status = Status.FAILED) -> None:
    assert (result.status, fix in result.fix) == (status, True), result


@pytest.mark.parametrize("mode", MODES)
def test_a_cluster_in_order_passes_and_nothing_of_the_checks_remains(
    redshift_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    settings = {"mode": mode} if len(MODES) > 1 else {}
    with beside(redshift_server, tmp_path, **settings) as server:
        place = place_on(server, monkeypatch)
        place.execute("CREATE SCHEMA etl", "CREATE TABLE etl.somebodys (table_name VARCHAR(9))")
        assert main() == 0
        output = capsys.readouterr().out
        assert set(re.findall(r"^(\w+)  +(.+?)   ", output, re.MULTILINE)) >= {
            ("ok", name) for name in BY_NAME if name not in ("TLS", "other users' queries")
        }
        assert place.remains() == []
        assert place.files() == []
        for table, column in (
            ("load_history", "table_name"),
            ("touched_days", "table_name"),
            ("mart_builds", "mart_name"),
            ("check_results", "table_name"),
        ):
            assert place.rows(f"SELECT {column} FROM etl.{table}") == []
        server.drop_database(place.database.database)


def test_the_rights_of_the_document_are_enough_but_for_the_schema_of_the_checks(
    server_with_iam: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    iam = boto3.client("iam", endpoint_url=server_with_iam.s3_endpoint, region_name="us-east-1", **KEYS)
    server_with_iam.s3.create_bucket(Bucket=LAKE.bucket)
    policies, bucket = read_policies(), f"arn:aws:s3:::{LAKE.bucket}"
    # moto asks for DeleteObjects on the bucket, and its policy for each key; AWS asks the user's policy for each key.
    batches = {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": bucket}
    policies[WORKER]["Statement"].append(batches)
    archives = {**batches, "Effect": "Deny", "Principal": "*", "Resource": f"{bucket}/{LAKE.key('archive')}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [archives]})
    server_with_iam.s3.put_bucket_policy(Bucket=LAKE.bucket, Policy=policy)
    worker, cluster = (key_for(iam, policies[name]) for name in (WORKER, CLUSTER))
    with beside(server_with_iam, tmp_path, access_key=cluster[0], secret_key=cluster[1]) as server:
        place = replace(place_on(server, monkeypatch), lake=LAKE.url(LAKE.prefix))
        try:
            as_etl(place)
            place.set("LAKE", place.lake)
            use_key(place, worker)
            ask(server_with_iam.s3_endpoint, ALWAYS)
            results = place.check("connection", "schema of its own", "tables")
            assert_fails(results["schema of its own"], "GRANT CREATE ON DATABASE")
            assert results["tables"].status is Status.UNKNOWN
            place.execute(f"GRANT CREATE ON DATABASE {place.database.database} TO etl")
            results = place.check(*BY_NAME)
        finally:
            ask(server_with_iam.s3_endpoint, NEVER)
            server_with_iam.s3.delete_bucket_policy(Bucket=LAKE.bucket)
            drop_users(server_with_iam, place)
    assert [name for name, result in results.items() if result.status is Status.FAILED] == []
    assert results["UNLOAD"].status is Status.OK
    assert_fails(results["removal of files"], f"Delete {LAKE.url(LAKE.key('archive', 'etl_check'))}", Status.WARNING)


def key_for(iam: Any, policy: dict[str, Any] | None) -> tuple[str, str]:
    """An access key with this policy alone."""
    user = f"user-{uuid4().hex}"
    iam.create_user(UserName=user)
    if policy:
        iam.put_user_policy(UserName=user, PolicyName="it", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def use_key(place: Place, key: tuple[str, str]) -> None:
    """Make it the key of aws_default."""
    extra = {"region_name": place.server.region, "endpoint_url": place.server.s3_endpoint}
    connection = {"conn_type": "aws", "login": key[0], "password": key[1], "extra": extra}
    place.patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))


def as_etl(place: Place) -> None:
    """Run the grants file and connect as its user."""
    text = re.sub(r"--.*", "", (ROOT / "include" / "sql" / "grants" / "etl_user.sql").read_text(encoding="utf-8"))
    password = f"A1{secrets.token_hex(8)}"
    place.execute(*filter(None, map(str.strip, text.split(";"))), f"ALTER USER etl PASSWORD '{password}'")
    place.name(user="etl", password=password)
    place.extra(ssl=False)


def drop_users(server: Any, place: Place) -> None:
    server.drop_database(place.database.database)
    with psycopg.connect(server.config.admin(), autocommit=True) as admin:
        for name in ("warehouse_reader", "etl"):
            admin.execute(f"DROP ROLE IF EXISTS {name}")


@pytest.fixture
def etl(redshift_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A fresh database after the grants file, connected as `etl`."""
    place = place_on(redshift_server, monkeypatch)
    as_etl(place)
    yield place
    drop_users(place.server, place)


def test_a_wrong_password_ends_it(place: Place) -> None:
    place.name(password="wrong")
    results = place.check(*BY_NAME)
    assert list(results) == ["connection"]
    assert_fails(results["connection"], "Correct login and password")


def test_a_missing_database_is_named(place: Place) -> None:
    place.name(database="absent")
    assert_fails(place.check("connection")["connection"], "Correct the database")


def test_a_port_that_nothing_listens_on_is_a_matter_of_the_network(place: Place) -> None:
    place.name(port=1)
    assert_fails(place.check("connection")["connection"], "security group")


def test_a_server_without_tls_is_refused_by_a_client_that_wants_it(place: Place) -> None:
    place.extra(sslmode="verify-full")
    assert_fails(place.check("connection")["connection"], '"ssl": false')


def test_a_connection_without_tls_is_a_warning(place: Place) -> None:
    assert_fails(place.check("connection", "TLS")["TLS"], 'Remove "ssl": false', Status.WARNING)


def test_tls_is_reported_and_a_certificate_of_an_unknown_authority_fails(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with beside(place.server, tmp_path, tls_folder=str(tmp_path / "tls")) as server:
        place.name(host="localhost", port=server.port)
        place.extra(sslmode="verify-full")
        assert_fails(place.check("connection")["connection"], "SSL_CERT_FILE")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls" / "ca.pem"))
        result = place.check("connection", "TLS")["TLS"]
    assert (result.status, "TLSv1" in result.seen) == (Status.OK, True), result


def test_without_a_connection_the_exit_code_is_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_REDSHIFT_DEFAULT", raising=False)
    assert main() == 2
    assert "AIRFLOW_CONN_REDSHIFT_DEFAULT" in capsys.readouterr().err


def test_without_temp_no_stage_can_be_made(etl: Place) -> None:
    etl.execute(f"REVOKE TEMP ON DATABASE {etl.database.database} FROM PUBLIC")
    results = etl.check("connection", "temporary tables", "tables")
    assert_fails(results["temporary tables"], f"GRANT TEMP ON DATABASE {etl.database.database} TO etl")
    assert results["tables"].status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("statement", "fix"),
    [
        ("ALTER SCHEMA core OWNER TO awsuser", "include/sql/grants/etl_user.sql"),
        ("DROP SCHEMA mart", "include/sql/grants/etl_user.sql"),
        ("CREATE TABLE core.airlines (carrier VARCHAR(2))", "ALTER TABLE core.airlines OWNER TO etl"),
    ],
    ids=["a schema of somebody else", "no schema", "a table of somebody else"],
)
def test_what_belongs_to_somebody_else_is_named(etl: Place, statement: str, fix: str) -> None:
    etl.execute(statement)
    assert_fails(etl.check("connection", "schemas")["schemas"], fix)


def test_without_its_grant_svv_table_info_is_refused(etl: Place) -> None:
    result = etl.check("connection", "table sizes")["table sizes"]
    assert result.status is Status.OK
    with etl.server.connection(etl.database.database).psycopg(autocommit=True) as admin:
        admin.execute("REVOKE SELECT ON svv_table_info FROM etl")
    assert_fails(etl.check("connection", "table sizes")["table sizes"], "GRANT SELECT ON svv_table_info TO etl")


def test_a_role_that_the_cluster_may_not_assume_fails_copy_alone(place: Place) -> None:
    place.set("IAM_ROLE", "arn:aws:iam::123456789012:role/another")
    results = place.check("connection", "settings", "lake", "schema of its own", "tables", "COPY", "full refresh")
    assert_fails(results["COPY"], "Attach the role")
    assert results["full refresh"] == Result(Status.UNKNOWN, "needs COPY")
    assert place.remains() == []


def test_a_wrong_region_fails_copy(place: Place) -> None:
    place.set("REGION", "eu-west-1")
    results = place.check("connection", "schema of its own", "tables", "COPY")
    assert_fails(results["COPY"], "Set [redshift_etl] region")


def test_a_bucket_that_is_missing_fails_the_lake(place: Place) -> None:
    place.set("LAKE", "s3://no-such-bucket/lake")
    results = place.check("connection", "settings", "lake", "COPY")
    assert_fails(results["lake"], "Create the bucket")
    assert results["COPY"].status is Status.UNKNOWN


def test_a_setting_that_is_missing_is_named(place: Place) -> None:
    place.patch.delenv("AIRFLOW__REDSHIFT_ETL__IAM_ROLE")
    results = place.check("connection", "settings", "lake")
    assert_fails(results["settings"], "AIRFLOW__REDSHIFT_ETL__IAM_ROLE")
    assert results["lake"].status is Status.UNKNOWN


def test_a_key_without_rights_fails_the_lake_and_a_role_without_them_copy(
    place: Place, server_with_iam: Any, tmp_path: Path
) -> None:
    place = replace(place, server=server_with_iam)
    endpoint = place.server.s3_endpoint
    iam = boto3.client("iam", endpoint_url=endpoint, region_name="us-east-1", **KEYS)
    nobody = key_for(iam, None)
    everybody = key_for(
        iam, {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    )
    with beside(place.server, tmp_path, access_key=nobody[0], secret_key=nobody[1]) as server:
        place.name(port=server.port)
        try:
            use_key(place, nobody)
            ask(endpoint, ALWAYS)
            assert_fails(place.check("connection", "lake")["lake"], "the policy `airflow-worker`")
            use_key(place, everybody)
            results = place.check("connection", "lake", "schema of its own", "tables", "COPY")
        finally:
            ask(endpoint, NEVER)
    assert results["lake"].status is Status.OK
    assert_fails(results["COPY"], "the policy `redshift-copy`")


@pytest.mark.parametrize(("level", "status"), [("SNAPSHOT", Status.OK), ("SERIALIZABLE", Status.WARNING)])
def test_the_isolation_level_is_reported(place: Place, tmp_path: Path, level: str, status: Status) -> None:
    with beside(place.server, tmp_path, isolation=level) as server:
        place.name(port=server.port)
        result = place.check("connection", "isolation level")["isolation level"]
    assert_fails(result, "ISOLATION LEVEL SNAPSHOT" if status is Status.WARNING else "", status)


@pytest.mark.usefixtures("place")
def test_a_time_zone_other_than_utc_fails() -> None:
    def elsewhere() -> Any:
        opened = connection.configured()()
        opened.cursor().execute("SET timezone TO 'Europe/Berlin'")
        opened.commit()
        return opened

    results = run.run(Cluster(elsewhere, "etl_check_zone"), print_line, [BY_NAME["connection"], BY_NAME["time zone"]])
    assert_fails(results["time zone"], "SET timezone TO 'UTC'")


def test_ctrl_c_removes_what_was_made(place: Place) -> None:
    def interrupted(_cluster: Cluster) -> str:
        raise KeyboardInterrupt

    names = ("connection", "schema of its own", "open question 1", "tables")
    checks = [*(BY_NAME[name] for name in names), Check("interrupted", interrupted, run.SETTINGS, "")]
    with pytest.raises(KeyboardInterrupt):
        place.check(checks=checks)
    assert place.remains() == []


def test_after_five_minutes_the_rest_is_unknown_and_what_was_made_is_removed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "TOTAL", timedelta(seconds=-1))
    results = place.check("connection", "schema of its own")
    assert results["schema of its own"].status is Status.UNKNOWN
    assert results["removal of tables"].status is Status.OK


def test_a_statement_that_waits_for_a_lock_ends_with_its_fix(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STATEMENT", timedelta(seconds=1))
    place.check("connection", "schema of its own", "tables")
    with place.database.psycopg() as other:
        other.execute("LOCK TABLE etl.load_history")
        results = place.check("connection", "schema of its own", "tables", "COPY", "full refresh")
    assert_fails(results["full refresh"], "sys_query_history")


def test_an_open_question_is_never_a_failure(place: Place) -> None:
    results = place.check("connection", *(name for name in BY_NAME if name.startswith("open question")))
    assert {result.status for name, result in results.items() if "question" in name} <= {Status.UNKNOWN, Status.OK}


def test_each_check_names_a_section_of_the_document() -> None:
    headings = re.findall(r"^##+ (.+)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert {check.section for check in (*run.CHECKS, *run.CLEANUP)} <= anchors


def test_every_message_has_a_fix() -> None:
    assert all(fix_of(check, "something else") for check in run.CHECKS if not check.name.startswith("open question"))
