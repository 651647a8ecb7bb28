"""Rows past their retention go to the archive and out of the table, together or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from redshift_etl.contracts import contract as contracts
from redshift_etl.errors import ConfigError, SourceError
from redshift_etl.lake.storage import Lake
from redshift_etl.operators.retention import (
    ExpireRowsOperator,
    ReportUnusedTablesOperator,
    archive_prefix,
    archived_rows,
)
from redshift_etl.retention import files, table_stats
from redshift_etl.retention import rows as retention
from redshift_etl.warehouse.model import Run
from tests.integration.batches import LoadTarget, both_modes
from tests.integration.operations import connect_airflow, instance, repository

pytestmark = pytest.mark.slow

RUN = Run("retention", "run", "rows", 1)
THINGS = """/*
description: Things.
owner: us
load: partition
day: seen_at
retention: 30 days on seen_at
*/
CREATE TABLE core.things (id INTEGER NOT NULL, seen_at TIMESTAMP, name VARCHAR(20));"""
FORM = {"delete": True, "max_percent": 50, "allow_large": None, "report": True}


@pytest.fixture
def lake(target: LoadTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lake]:
    repository(tmp_path / "sql", monkeypatch, {"tables/core/things.sql": THINGS})
    target.create(contracts.load("core.things"))
    yield connect_airflow(target, monkeypatch)
    contracts.load.cache_clear()


def put(target: LoadTarget, *ages: int) -> None:
    """A row of each age in days."""
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = ", ".join(f"({n}, '{now - timedelta(days=age):%Y-%m-%d %H:%M:%S}', '새 #{n}')" for n, age in enumerate(ages))
    target.run(f"INSERT INTO core.things VALUES {rows}")


def expire(run_type: str = "manual", **form: Any) -> dict[str, int]:
    run = SimpleNamespace(run_type=run_type)
    context: Any = {"ti": instance(dag="retention"), "dag_run": run, "params": {**FORM, **form}}
    return ExpireRowsOperator(task_id="rows").execute(context)


def left(target: LoadTarget) -> list[int]:
    return [row[0] for row in target.rows("SELECT id FROM core.things ORDER BY id")]


def test_rows_past_their_retention_are_archived_a_month_at_a_time_and_deleted(target: LoadTarget, lake: Lake) -> None:
    put(target, 100, 65, 40, 20, 10, 1, 0, 29)
    assert expire() == {"core.things": 3}
    assert left(target) == [3, 4, 5, 6, 7]
    history = target.rows("SELECT rows_deleted, rows_after, archive FROM etl.retention_history ORDER BY slice_start")
    assert sum(row[0] for row in history) == 3
    assert len(history) >= 2
    assert history[-1][1] == 5
    assert sum(archived_rows(lake, row[2]) for row in history) == 3
    assert expire() == {}, "what is gone is not deleted twice"


@pytest.mark.parametrize(
    ("run_type", "delete"), [("manual", None), ("backfill", None), ("manual", False), ("scheduled", False)]
)
def test_a_run_by_hand_with_an_empty_form_only_counts_as_one_whose_form_says_so(
    target: LoadTarget, lake: Lake, run_type: str, delete: bool | None
) -> None:
    put(target, 100, 1, 2)
    assert expire(run_type, delete=delete) == {"core.things": 1}
    assert left(target) == [0, 1, 2]
    assert "Contents" not in lake.client.list_objects_v2(
        Bucket=lake.location.bucket, Prefix=lake.location.key("archive")
    )


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(("run_type", "delete"), [("scheduled", None), ("asset_triggered", None), ("manual", True)])
def test_the_schedule_deletes_and_a_form_that_says_so(target: LoadTarget, run_type: str, delete: bool | None) -> None:
    put(target, 100, 1, 2)
    assert expire(run_type, delete=delete) == {"core.things": 1}
    assert left(target) == [1, 2]


@pytest.mark.usefixtures("lake")
def test_more_of_a_table_than_allowed_goes_only_when_a_person_names_it(target: LoadTarget) -> None:
    put(target, 100, 90, 1)
    with pytest.raises(ConfigError, match=r"more than 50 % of core\.things \(2 of 3 rows\)"):
        expire()
    assert left(target) == [0, 1, 2]
    with pytest.raises(ConfigError):
        expire(allow_large="core.other")
    assert expire(allow_large="core.things") == {"core.things": 2}
    assert left(target) == [2]


@pytest.mark.usefixtures("lake")
def test_rows_without_a_date_are_kept(target: LoadTarget) -> None:
    put(target, 100, 1, 2)
    target.run("INSERT INTO core.things VALUES (9, NULL, 'x')")
    expire()
    assert left(target) == [1, 2, 9]


def test_an_archive_that_lacks_rows_deletes_nothing(target: LoadTarget, lake: Lake) -> None:
    put(target, 100, 99, 1)
    found = retention.plan(target.connect, contracts.load("core.things"), datetime.now(UTC))
    assert found
    short = retention.Archive(lake.location.url(lake.location.key("archive")), target.server.iam_role, lambda _: 1)
    with pytest.raises(SourceError, match="nothing was deleted"):
        retention.run(target.connect, found, short, RUN)
    assert left(target) == [0, 1, 2]
    assert target.rows("SELECT COUNT(*) FROM etl.retention_history") == [(0,)]


def test_a_try_after_one_that_died_between_archive_and_commit_deletes_the_rows(target: LoadTarget, lake: Lake) -> None:
    put(target, 100, 1, 2)
    left_behind = retention.plan(target.connect, contracts.load("core.things"), datetime.now(UTC))
    assert left_behind
    for number in (1, 2):
        died = retention.Archive(archive_of(lake, number), target.server.iam_role, lambda _: 0)
        with pytest.raises(SourceError, match="nothing was deleted"):
            retention.run(target.connect, left_behind, died, RUN)
    context: Any = {"ti": instance(dag="retention", try_number=3), "params": FORM}
    assert ExpireRowsOperator(task_id="rows").execute(context) == {"core.things": 1}
    assert left(target) == [1, 2]


def archive_of(lake: Lake, number: int) -> str:
    """Where the rows task writes on its try of that number."""
    return archive_prefix(lake, instance(dag="retention", try_number=number))


def test_a_role_that_may_not_write_the_archive_deletes_nothing(target: LoadTarget, lake: Lake) -> None:
    put(target, 100, 1)
    found = retention.plan(target.connect, contracts.load("core.things"), datetime.now(UTC))
    assert found
    other = retention.Archive(lake.location.url("archive"), "arn:aws:iam::000000000000:role/other", lambda _: 1)
    with pytest.raises(ConfigError, match="archive the slice"):
        retention.run(target.connect, found, other, RUN)
    assert left(target) == [0, 1]


def test_files_past_their_age_are_deleted_from_the_working_zones_alone(lake: Lake) -> None:
    for key in ("raw/core.t/x", "staged/core.t/y", "archive/z", "incidents/i.md"):
        lake.put(key, b"12345")
    later, earlier = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) - timedelta(days=1)
    ages = {"raw": later, "staged": earlier, "archive": later}
    counted = {"raw": {"files": 1, "bytes": 5}, "staged": {"files": 0, "bytes": 0}}
    assert files.expire(lake, ages, dry_run=True) == counted
    assert files.expire(lake, ages, dry_run=False) == counted
    found = lake.client.list_objects_v2(Bucket=lake.location.bucket, Prefix=lake.location.prefix)["Contents"]
    assert sorted(entry["Key"].split("/", 1)[1] for entry in found) == [
        "archive/z",
        "incidents/i.md",
        "staged/core.t/y",
    ]


@pytest.mark.usefixtures("lake")
@both_modes
def test_statistics_that_are_off_are_refreshed_outside_a_transaction(target: LoadTarget) -> None:
    put(target, *range(40))
    needs = table_stats.Table("core", "things", 1, 40, 10, 100.0, 50.0)
    others = replace(needs, table="notes.of others")
    target.run('CREATE TABLE core."notes.of others" (id INTEGER)')
    assert table_stats.maintain(target.connect, [others, needs], dry_run=False) == [
        'VACUUM "core"."things"',
        'ANALYZE "core"."things"',
    ]
    assert "core.things" in {table.name for table in table_stats.read_tables(target.connect)}


@pytest.fixture
def analyst(target: LoadTarget) -> LoadTarget:
    """Another user of the same database, who may read `core.things`."""
    put(target, 1)
    name = f"analyst_{uuid4().hex[:8]}"
    target.run(f"CREATE USER {name} PASSWORD 'Reads-0nly'")
    target.run(f"GRANT USAGE ON SCHEMA core TO {name}")
    target.run(f"GRANT SELECT ON core.things TO {name}")
    return LoadTarget(target.server, replace(target.database, user=name, password="Reads-0nly"), target.s3)


def as_superuser(target: LoadTarget, *statements: str) -> None:
    """Change the database beneath the local Redshift."""
    with psycopg.connect(target.server.config.admin(target.database.database)) as admin:
        for statement in ("SET allow_system_table_mods = on", *statements):
            admin.execute(statement)


@pytest.mark.usefixtures("lake")
def test_a_read_that_concurrency_scaling_ran_is_a_read(target: LoadTarget, analyst: LoadTarget) -> None:
    analyst.rows("SELECT COUNT(*) FROM core.things")
    main_cluster = target.rows("SELECT pg_get_viewdef('pg_catalog.stl_scan'::regclass)")[0][0].strip().rstrip(";")
    as_superuser(
        target, f"CREATE OR REPLACE VIEW pg_catalog.stl_scan AS SELECT * FROM ({main_cluster}) AS all_of_it WHERE false"
    )
    assert table_stats.record_reads(target.connect, datetime.now(UTC))["core.things"].last_read_at


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("view", ["sys_query_detail", "stl_scan"])
def test_a_read_is_recorded_where_one_of_the_views_is_refused(
    target: LoadTarget, analyst: LoadTarget, view: str
) -> None:
    analyst.rows("SELECT COUNT(*) FROM core.things")
    as_superuser(target, f"REVOKE ALL ON pg_catalog.{view} FROM PUBLIC")
    assert table_stats.record_reads(target.connect, datetime.now(UTC))["core.things"].last_read_at


@pytest.mark.usefixtures("lake")
def test_the_views_are_read_from_the_last_recorded_read_on(target: LoadTarget, analyst: LoadTarget) -> None:
    analyst.rows("SELECT COUNT(*) FROM core.things")
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    table_stats.record_reads(target.connect, datetime.now(UTC))
    target.run("UPDATE etl.table_reads SET last_read_at = NULL WHERE table_name = 'core.things'")
    target.run(f"INSERT INTO etl.table_reads VALUES ('core.dropped', '{later}', '{later}')")
    assert table_stats.record_reads(target.connect, datetime.now(UTC))["core.things"].last_read_at is None
    assert table_stats.record_reads(target.connect, datetime.now(UTC))["core.things"].last_read_at


@pytest.mark.usefixtures("lake")
@both_modes
def test_a_table_that_another_user_reads_is_read_and_one_that_only_the_loads_read_is_not(target: LoadTarget) -> None:
    put(target, 1)
    target.run("CREATE TABLE core.other (id INTEGER)")
    target.run("INSERT INTO core.other VALUES (1)")
    user = f"reader_{uuid4().hex[:8]}"
    target.run(f"CREATE USER {user} PASSWORD 'Reads-0nly'")
    target.run(f"GRANT USAGE ON SCHEMA core TO {user}")
    target.run(f"GRANT SELECT ON core.things TO {user}")
    analyst = LoadTarget(target.server, replace(target.database, user=user, password="Reads-0nly"), target.s3)
    assert analyst.rows("SELECT COUNT(*) FROM core.things") == [(1,)]
    assert target.rows("SELECT COUNT(*) FROM core.other") == [(1,)]
    reads = table_stats.record_reads(target.connect, datetime.now(UTC))
    assert reads["core.things"].last_read_at
    assert reads["core.other"].last_read_at is None


@both_modes
def test_the_report_names_unused_tables_with_size_and_owner(target: LoadTarget, lake: Lake) -> None:
    put(target, 1)
    old = f"{datetime.now(UTC) - timedelta(days=200):%Y-%m-%d}"
    table_stats.record_reads(target.connect, datetime.now(UTC))
    target.run(f"UPDATE etl.table_reads SET watched_from = '{old}' WHERE table_name = 'core.things'")
    context: Any = {"ti": instance(dag="retention"), "params": FORM}
    assert ReportUnusedTablesOperator(task_id="unused").execute(context)["unused"] == 1
    key = lake.location.key(f"unused/{datetime.now(UTC):%Y-%m-%d}.md")
    text = lake.client.get_object(Bucket=lake.location.bucket, Key=key)["Body"].read().decode()
    assert f"| core.things | us | 1 | 1 | not since {old} | nothing |" in text
