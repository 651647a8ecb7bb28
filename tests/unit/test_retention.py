"""What retention would delete, in which slices, and what it may not."""

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from redshift_etl.contracts import contract
from redshift_etl.errors import FormError
from redshift_etl.operators import retention as operators
from redshift_etl.retention import ages, files, rows, table_stats
from redshift_etl.retention.rows import Archive, Slice
from redshift_etl.retention.table_stats import Read, Table

NOW = datetime(2013, 6, 15, 13, tzinfo=UTC)
THINGS = """/*
description: d
owner: us
load: partition
day: seen_at
retention: 30 days on seen_at
*/
CREATE TABLE core.things (id INTEGER NOT NULL, seen_at TIMESTAMP)"""


def test_the_cutoff_is_a_midnight() -> None:
    assert rows.cutoff(contract.Retention(timedelta(days=30), "seen_at"), NOW) == datetime(2013, 5, 16)


def test_the_past_is_cut_into_calendar_months() -> None:
    assert list(rows.months(datetime(2012, 11, 20, 4), datetime(2013, 1, 16))) == [
        Slice(datetime(2012, 11, 20, 4), datetime(2012, 12, 1)),
        Slice(datetime(2012, 12, 1), datetime(2013, 1, 1)),
        Slice(datetime(2013, 1, 1), datetime(2013, 1, 16)),
    ]


def test_what_is_archived_is_what_is_deleted_and_the_archive_is_counted() -> None:
    things = contract.parse(THINGS)
    assert things.retention
    part = Slice(datetime(2013, 1, 1), datetime(2013, 2, 1))
    unload = rows.unload(things, things.retention, part, Archive("s3://lake/a", "arn:r", lambda _: 0), "s3://lake/a/")
    delete = rows.delete(things, things.retention, part)
    where = "\"seen_at\" >= '2013-01-01 00:00:00' AND \"seen_at\" < '2013-02-01 00:00:00'"
    assert delete.sql == f'DELETE FROM "core"."things" WHERE {where}'
    assert where.replace("'", "''") in unload.sql
    assert unload.sql.endswith("TO 's3://lake/a/'\nIAM_ROLE 'arn:r'\nFORMAT AS PARQUET\nMANIFEST VERBOSE")


def test_a_moment_is_archived_in_utc_under_its_own_name() -> None:
    moments = contract.parse("""/*
description: Moments.
owner: us
load: partition
day: day
retention: 30 days on day
*/
CREATE TABLE core.moments (day DATE, at TIMESTAMPTZ)""")
    assert moments.retention
    part = rows.Slice(datetime(2013, 1, 1), datetime(2013, 2, 1))
    archive = Archive("s3://lake/a", "arn:r", lambda _: 0)
    text = rows.unload(moments, moments.retention, part, archive, "s3://lake/a/").sql
    assert """SELECT "day", "at" AT TIME ZONE \'\'UTC\'\' AS "at" FROM""" in text


def test_a_retention_rule_on_a_column_that_is_not_there_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match="`retention` names the column seen_on"):
        contract.parse(THINGS.replace("on seen_at", "on seen_on"))


def test_a_table_needs_vacuum_when_unsorted_or_full_of_deleted_rows_and_analyze_when_its_statistics_are_off() -> None:
    def wanted(**state: Any) -> list[str]:
        plain = Table("core", "t", megabytes=1, rows=100, visible_rows=100, stats_off=0, unsorted=0)
        return [statement.sql for statement in replace(plain, **state).maintenance()]

    assert wanted() == []
    assert wanted(stats_off=11) == ['ANALYZE "core"."t"']
    assert wanted(unsorted=5) == []
    assert wanted(unsorted=5.5) == ['VACUUM "core"."t"'], "VACUUM sorts from 95 percent on"
    assert wanted(visible_rows=80, stats_off=50) == ['VACUUM "core"."t"', 'ANALYZE "core"."t"']


def test_a_name_with_dots_and_quotes_is_quoted_as_one_name() -> None:
    table = Table("core", 'a.b"c', megabytes=1, rows=1, visible_rows=1, stats_off=50, unsorted=0)
    assert [statement.sql for statement in table.maintenance()] == ['ANALYZE "core"."a.b""c"']


def test_only_tables_with_a_contract_and_shadows_are_maintained() -> None:
    names = [("core", "flights"), ("core", "old.flights"), ("etl_shadow", "core__flights__a1"), ("finance", "salaries")]
    tables = [Table(schema, name, 1, 1, 1, 0, 0) for schema, name in names]
    assert [table.name for table in table_stats.own_tables(tables)] == ["core.flights", "etl_shadow.core__flights__a1"]


def test_a_table_is_unused_only_after_it_was_watched_for_as_long() -> None:
    now = NOW.replace(tzinfo=None)
    old, young = now - timedelta(days=91), now - timedelta(days=10)
    reads = {
        "a.never_read": Read(old, None),
        "a.read_long_ago": Read(old, old),
        "a.read_lately": Read(old, young),
        "a.new": Read(young, None),
    }
    assert table_stats.unused(reads, NOW) == ["a.never_read", "a.read_long_ago"]


def test_notes_of_reads_outlive_the_views_that_they_come_from() -> None:
    now, before = datetime(2013, 1, 9), datetime(2013, 1, 1)
    known = {"a.b": Read(before, before), "a.dropped": Read(before, None)}
    assert table_stats.merge(known, {}, ["a.b"], now) == {"a.b": Read(before, before)}
    assert table_stats.merge(known, {"a.b": now}, ["a.b", "a.new"], now) == {
        "a.b": Read(before, now),
        "a.new": Read(now, None),
    }


def test_old_logs_and_the_folders_that_this_empties_are_deleted_and_new_ones_stay(tmp_path: Path) -> None:
    old, new = tmp_path / "dag=a" / "old.log", tmp_path / "dag=b" / "new.log"
    for path in (old, new):
        path.parent.mkdir()
        path.write_text("x")
    for path in (old, old.parent):
        os.utime(path, (1, 1))
    before = datetime.now(UTC) - timedelta(days=1)
    assert files.expire_logs(tmp_path, before, dry_run=True) == 1
    assert old.exists()
    assert files.expire_logs(tmp_path, before, dry_run=False) == 1
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize(("what", "days"), [("raw", 6), ("staged", 1), ("rejects", 0), ("airflow", 29)])
def test_nobody_can_have_young_files_and_runs_deleted(what: str, days: int) -> None:
    with pytest.raises(FormError, match=f"field={what}_days"):
        ages.age({f"{what}_days": days}, what)
    assert ages.age({f"{what}_days": ages.FLOORS[what]}, what) == timedelta(days=ages.FLOORS[what])


def test_the_audit_log_is_out_of_reach_of_retention() -> None:
    command = operators.clean_command(NOW, dry_run=False)
    tables = command[command.index("--tables") + 1].split(",")
    assert {"dag_run", "task_instance", "xcom"} <= set(tables)
    assert "log" not in tables


def test_the_database_is_in_the_environment_of_db_clean_and_not_in_its_arguments() -> None:
    address = operators.database_url("postgres://airflow:pw@db/airflow")
    assert address == "postgresql+psycopg2://airflow:pw@db/airflow"
    assert "pw" not in " ".join(operators.clean_command(NOW, dry_run=True))
    assert operators.clean_environment(address)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == address


@pytest.mark.slow
def test_db_clean_runs_against_the_database_that_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    environment = operators.clean_environment(f"sqlite:///{tmp_path}/airflow.db")
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=environment, check=True, capture_output=True)
    with sqlite3.connect(tmp_path / "airflow.db") as database:
        database.execute("INSERT INTO log (dttm, event) VALUES ('2001-01-01', 'trigger')")
    done = subprocess.run(operators.clean_command(NOW, False), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with sqlite3.connect(tmp_path / "airflow.db") as database:
        assert database.execute("SELECT COUNT(*) FROM log WHERE event = 'trigger'").fetchall() == [(1,)]
