"""docs/add-a-pipeline.md, followed to the letter: its four files are written as they stand there, and run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from local_redshift.storage import embedded_postgres
from redshift_etl.contracts import contract
from tests.dags.world import World

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^## \d\. [^`]*`(?P<path>[^`]+)`.*?```(?:sql|python)\n(?P<text>.*?)```", re.MULTILINE | re.DOTALL)
CREWS = """CREATE TABLE crews (crew_id bigint PRIMARY KEY, name text, role text, base text, hired_on date,
    modified_at timestamp, deleted_at timestamp);
INSERT INTO crews VALUES (1, '한글', 'Cabin', 'JFK', '2010-05-01', '2013-01-01 10:00', NULL),
    (2, 'Ann', 'cockpit', NULL, '2011-05-01', '2013-01-01 11:00', '2013-01-01 11:00'),
    (3, 'Bob', 'cockpit', 'LGA', '2012-05-01', '2013-01-02 00:00', NULL)"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The repository's SQL, and beside it the page's files."""
    shutil.copytree(REPOSITORY / "include/sql", tmp_path / "include/sql")
    for block in BLOCK.finditer((REPOSITORY / "docs/add-a-pipeline.md").read_text(encoding="utf-8")):
        path = tmp_path / block["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["text"], encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__REDSHIFT_ETL__SQL_DIR", str(tmp_path / "include/sql"))
    contract.load.cache_clear()
    yield tmp_path
    contract.load.cache_clear()


def test_the_page_gives_four_files_that_load_the_table(clone: Path, world: World, redshift_server: Any) -> None:
    from airflow.dag_processing.dagbag import DagBag

    database = os.environ["AIRFLOW_CONN_AIRLINE_DB"].rsplit("/", 1)[1]
    with psycopg.connect(embedded_postgres.dsn(redshift_server.pg, database), autocommit=True) as booking:
        booking.execute(CREWS)
        booking.execute("GRANT SELECT ON crews TO airline_reader")
    bag = DagBag(str(clone / "dags"))
    assert bag.import_errors == {}
    tasks: dict[str, Any] = {task.task_id: task for task in bag.dags["crews"].tasks}
    extract, transform, load = tasks["extract"], tasks["transform"], tasks["load"]
    extract.resolve_template_files()
    transform.batch = extract.execute(context("extract"))
    load.batch = transform.execute(context("transform"))
    result = load.execute(context("load"))
    assert {name: result[name] for name in ("staged", "inserted", "deleted")} == {
        "staged": 2,
        "inserted": 1,
        "deleted": 1,
    }
    crews = world.rows("SELECT crew_id, name, role FROM core.crews ORDER BY crew_id")
    assert crews == [(1, "한글", "cabin"), (2, "Ann", "cockpit")]


def context(task_id: str) -> dict[str, Any]:
    instance = SimpleNamespace(dag_id="crews", run_id="page", task_id=task_id, try_number=1, map_index=-1)
    return {"ti": instance, "dag_run": SimpleNamespace(conf={}), "params": {"start": "2013-01-01", "end": "2013-01-01"}}
