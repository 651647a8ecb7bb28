"""docs/add-a-pipeline.md, followed to the letter: its files are written and its commands typed as they stand there.

What needs a running Airflow: tests/stack/test_add_a_pipeline.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.stack import database
from local_redshift.storage import embedded_postgres
from redshift_etl.contracts import contract
from redshift_etl.errors import ConfigError
from redshift_etl.lake.storage import Lake
from redshift_etl.reconcile import run as reconcile
from redshift_etl.reconcile.source_counts import count_by_day, file_changed
from redshift_etl.warehouse.connect import warehouse
from tests.dags import how_to
from tests.dags.world import World
from tests.integration.operations import DAG_BY_HAND

pytestmark = pytest.mark.slow

CONTRACT = "include/sql/tables/core/crews.sql"
# `make test` without what needs a warehouse or a browser, and has no test that reads the files of a pipeline.
POLICY = ("tests/unit", *(f"tests/dags/test_{name}.py" for name in ("integrity", "lineage", "parsing")))


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The repository's SQL, and beside it the page's files."""
    shutil.copytree(how_to.REPOSITORY / "include/sql", tmp_path / "include/sql")
    how_to.write_files(tmp_path)
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(tmp_path / "include/sql"))
    contract.load.cache_clear()
    yield tmp_path
    contract.load.cache_clear()


@pytest.fixture
def shell(tmp_path: Path, redshift_server: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Types a block into a shell with the settings of `make env`, as far as psql is concerned."""
    source = os.environ["AIRFLOW_CONN_AIRLINE_DB"].rsplit("/", 1)[1]
    (tmp_path / "pg_service.conf").write_text(database.service_file(redshift_server.pg, source))
    to = world.warehouse
    login = {"PGHOST": to.host, "PGPORT": str(to.port), "PGUSER": to.user, "PGPASSWORD": to.password}
    path = f"{embedded_postgres.bin_dir()}{os.pathsep}{os.environ['PATH']}"
    service = {"PGDATABASE": to.database, "PGSERVICEFILE": str(tmp_path / "pg_service.conf"), "PATH": path}
    for name, value in (login | service).items():
        monkeypatch.setenv(name, value)

    def type_in(block: str) -> str:
        done = subprocess.run(["sh", "-ec", block], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    return type_in


def run(folder: Path, day: str) -> dict[str, Any]:
    """The page's DAG for a day of the form: its three tasks, one after the other."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(folder / "dags"))
    assert bag.import_errors == {}
    tasks: dict[str, Any] = {task.task_id: task for task in bag.dags["crews"].tasks}
    extract, transform, load = tasks["extract"], tasks["transform"], tasks["load"]
    extract.resolve_template_files()
    transform.batch = extract.execute(context("extract", day))
    load.batch = transform.execute(context("transform", day))
    return dict(load.execute(context("load", day)))


def context(task_id: str, day: str) -> dict[str, Any]:
    instance = SimpleNamespace(dag_id="crews", run_id=f"page {day}", task_id=task_id, try_number=1, map_index=-1)
    return {
        "ti": instance,
        "dag_run": SimpleNamespace(conf={}),
        "dag": DAG_BY_HAND,
        "params": {"start": day, "end": day},
    }


def test_the_page_makes_the_source_corrects_a_first_draft_and_loads_the_table(
    clone: Path, shell: Callable[[str], str], world: World
) -> None:
    shell(how_to.command("CREATE TABLE crews"))
    final = (clone / CONTRACT).read_text()
    draft(clone, final.replace("BIGINT  ", "INTEGER "))
    assert run(clone, "2013-02-01")["staged"] == 0
    draft(clone, final)
    with pytest.raises(ConfigError, match=r"DROP TABLE core\.crews"):
        run(clone, "2013-01-01")
    shell(how_to.command("DROP TABLE core.crews"))
    result = run(clone, "2013-01-01")
    assert [result[name] for name in ("staged", "inserted", "marked_deleted")] == [2, 2, 1]
    crews = world.rows("SELECT crew_id, name, role FROM core.crews ORDER BY crew_id")
    assert crews == [(1, "한글", "cabin"), (2, "Ann", "cockpit")]
    shown = shell("\n".join(line for line in how_to.command("airflow dags backfill").splitlines() if "psql" in line))
    assert "한글" in shown
    assert "2013-01-01 00:00:00 |        2 |       0 |              1" in shown
    day, lake = date(2013, 1, 1), Lake.connect()
    compared = reconcile.run(
        warehouse("redshift_default"), count_by_day, file_changed(lake), (day, day), datetime.now(UTC), ["core.crews"]
    )
    assert compared == (["`core.crews`: 2013-01-01 to 2013-01-01, 2 rows in the source, 2 here; 0 days differ"], [], [])


def draft(folder: Path, text: str) -> None:
    (folder / CONTRACT).write_text(text)
    contract.load.cache_clear()


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_the_repository_with_the_pages_files_passes_its_own_tests(tmp_path: Path) -> None:
    clone = how_to.copy_of_the_repository(tmp_path / "clone")
    assert len(how_to.write_files(clone)) == 5
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "COVERAGE", "PYTEST"))}
    for command in (
        ["ruff", "check", "dags"],
        ["ruff", "format", "--check", "dags"],
        ["codespell", "dags", "include"],
        ["sqlfluff", "lint", *(path for path in how_to.files() if path.endswith(".sql"))],
        ["pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *POLICY],
    ):
        program = Path(sys.executable).with_name(command[0])
        done = subprocess.run([program, *command[1:]], cwd=clone, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
