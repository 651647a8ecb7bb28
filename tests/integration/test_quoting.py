"""Texts of runs, contracts and addresses reach the warehouse as values, whatever is in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.retention import rows as retention
from redshift_etl.warehouse.model import CopySource, Run
from tests.integration.batches import INCREMENTAL, LoadTarget

HOSTILE = "it's \\' \\\\'; DROP TABLE core.things; -- \" %s {0} $$ \\"
ROW = (1, "2013-01-01 00:00:00", "2013-01-01", "a", None)
EXPIRING = contracts.parse("""/*
description: Things.
owner: us
load: partition
day: seen_at
retention: 30 days on seen_at
*/
CREATE TABLE core.things (id INTEGER NOT NULL, seen_at TIMESTAMP);""")


@pytest.fixture
def hostile_folder() -> str:
    """A key prefix of the test's own with such a text in it."""
    return f"{uuid4().hex}/{HOSTILE}"


def test_the_names_of_a_run_are_bound(target: LoadTarget) -> None:
    target.create(INCREMENTAL)
    target.load(INCREMENTAL, [ROW], run=Run(HOSTILE, HOSTILE, HOSTILE, 1))
    assert target.rows("SELECT dag_id, run_id FROM etl.load_history") == [(HOSTILE, HOSTILE)]
    assert target.rows("SELECT id FROM core.things") == [(1,)]


def test_the_description_of_a_contract_is_the_comment_to_the_letter(target: LoadTarget) -> None:
    target.create(replace(INCREMENTAL, description=HOSTILE))
    comment = "SELECT OBJ_DESCRIPTION(CAST('core.things' AS REGCLASS), 'pg_class')"
    assert target.rows(comment) == [(HOSTILE,)]


def test_an_address_of_copy_is_one_literal(target: LoadTarget, hostile_folder: str) -> None:
    target.create(INCREMENTAL)
    bucket, key = target.server.bucket, f"{hostile_folder}/manifest.json"
    made = target.stage([ROW]).removeprefix(f"s3://{bucket}/")
    target.s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": made})
    source = CopySource(f"s3://{bucket}/{key}", target.server.iam_role, target.server.region)
    target.load(INCREMENTAL, [ROW], source=source)
    assert target.rows("SELECT id FROM core.things") == [(1,)]


def test_an_address_of_unload_is_one_literal(target: LoadTarget, hostile_folder: str) -> None:
    target.create(EXPIRING)
    target.run("INSERT INTO core.things VALUES (1, '2013-01-05')")
    assert EXPIRING.retention
    prefix = f"s3://{target.server.bucket}/{hostile_folder}/"
    part = retention.Slice(datetime(2013, 1, 1), datetime(2013, 2, 1))
    archive = retention.Archive(prefix, target.server.iam_role, lambda _: 1)
    target.run(retention.unload(EXPIRING, EXPIRING.retention, part, archive, prefix).sql)
    listed = target.s3.list_objects_v2(Bucket=target.server.bucket, Prefix=hostile_folder)["Contents"]
    assert {entry["Key"].removeprefix(f"{hostile_folder}/") for entry in listed} == {"0000_part_00.parquet", "manifest"}
    assert target.rows("SELECT id FROM core.things") == [(1,)]
