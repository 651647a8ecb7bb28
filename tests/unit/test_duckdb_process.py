"""DuckDB's process answers, refuses in words, and never outlives the one that started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from redshift_etl.errors import ConfigError, TransientError
from redshift_etl.transform import duckdb_process, duckdb_worker
from redshift_etl.transform.duckdb_process import DuckDB, DuckDBError

ENDLESS = "SELECT count(*) FROM range(100000000000) a, range(100000000000) b WHERE a.range * 3 = b.range + 1"


def test_rows_come_back_and_what_json_lacks_comes_as_text(tmp_path: Path) -> None:
    with DuckDB(tmp_path) as database:
        assert database.run("SELECT 1, 'é\n', NULL, DATE '2013-01-01', true") == [[1, "é\n", None, "2013-01-01", True]]


def test_a_refused_statement_says_why_and_the_next_one_runs(tmp_path: Path) -> None:
    with DuckDB(tmp_path) as database:
        with pytest.raises(DuckDBError, match="nowhere") as error:
            database.run("SELECT * FROM nowhere")
        assert error.value.kind == "CatalogException"
        assert database.run("SELECT 1") == [[1]]


def test_a_wide_table_has_one_thread_and_more_memory() -> None:
    assert duckdb_process.limits(18) == {"threads": 2, "memory_limit": "200MB"}
    assert duckdb_process.limits(1000) == {"threads": 1, "memory_limit": "515MB"}


def test_the_memory_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__TRANSFORM_MEMORY", "300")
    assert duckdb_process.limits(18)["memory_limit"] == "300MB"
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__TRANSFORM_MEMORY", "lots")
    with pytest.raises(ConfigError, match="no number of megabytes"):
        duckdb_process.limits(18)


def test_nothing_can_be_downloaded_at_run_time(tmp_path: Path) -> None:
    with DuckDB(tmp_path) as database:
        [[install, load]] = database.run(
            "SELECT current_setting('autoinstall_known_extensions'), current_setting('autoload_known_extensions')"
        )
    assert (install, load) == (False, False)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM '../outside.csv'",
        "ATTACH '/etc/passwd'",
        "COPY (SELECT 1) TO '../outside.csv'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET threads = 7",
        "RESET memory_limit",
        "SELECT getenv('HOME')",
        "SELECT * FROM duckdb_secrets()",
    ],
)
def test_a_statement_reaches_the_folder_only(tmp_path: Path, statement: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside.csv").write_text("a\n1\n")
    with DuckDB(folder) as database, pytest.raises(DuckDBError):
        database.run(statement)
    assert (tmp_path / "outside.csv").read_text() == "a\n1\n"


def test_the_process_has_nothing_of_the_environment_that_may_be_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SOURCE", "postgres://reader:very-secret@source/db")
    monkeypatch.setenv("ANY_NAME", "very-secret")
    with DuckDB(tmp_path) as database:
        assert "very-secret" not in str(psutil.Process(database._process.pid).environ())
        assert database.run("SELECT 'é'") == [["é"]]


def test_new_york_is_known_offline(tmp_path: Path) -> None:
    with DuckDB(tmp_path) as database:
        noon = "timezone('America/New_York', timezone('UTC', TIMESTAMP '2013-07-01 03:59:59'))"
        assert database.run(f"SELECT {noon}") == [["2013-06-30 23:59:59"]]


def test_a_process_that_dies_is_tried_again(tmp_path: Path) -> None:
    with DuckDB(tmp_path) as database:
        os.kill(database._process.pid, signal.SIGKILL)
        with pytest.raises(TransientError, match="ended"):
            database.run("SELECT 1")


def test_leaving_ends_the_process(tmp_path: Path) -> None:
    with DuckDB(tmp_path) as database:
        process = database._process
    assert process.returncode is not None


def test_the_process_ends_with_its_parent_even_in_mid_statement() -> None:
    command = [sys.executable, "-P", duckdb_worker.__file__, json.dumps(duckdb_process._CONFIG)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin
    assert child.stdout
    child.stdin.write('"SELECT 1"\n' + json.dumps(ENDLESS) + "\n")
    child.stdin.flush()
    assert child.stdout.readline() == '{"rows": [[1]]}\n'
    child.stdin.close()
    try:
        assert child.wait(30) == 0
    finally:
        child.kill()
        child.stdout.close()
