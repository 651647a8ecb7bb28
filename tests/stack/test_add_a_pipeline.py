"""docs/add-a-pipeline.md on a running stack of a clone's own: its blocks of commands as they stand there, in order."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dags import how_to

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
CONTRACT = "include/sql/tables/core/crews.sql"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = how_to.copy_of_the_repository(tmp_path_factory.mktemp("how-to") / "clone")
    yield folder
    type_in(folder, "make clean")


def type_in(clone: Path, block: str, *, settings: bool = False) -> str:
    """What a block prints in a shell that has nothing else set; with the stack's settings or without."""
    env = {name: os.environ[name] for name in ("HOME", "PATH", "LANG", "TMPDIR") if name in os.environ} | {"DAYS": "1"}
    script = f'eval "$(make -s env)"\n{block}' if settings else block
    done = subprocess.run(["sh", "-ec", script], cwd=clone, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wait_for(clone: Path, text: str, command: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while text not in (shown := type_in(clone, command, settings=True)):
        assert time.monotonic() < deadline, shown


def test_its_commands_in_order_load_the_table(clone: Path) -> None:
    type_in(clone, how_to.command("make run"))
    type_in(clone, how_to.command("CREATE TABLE crews"), settings=True)
    how_to.write_files(clone)
    final = (clone / CONTRACT).read_text()
    (clone / CONTRACT).write_text(final.replace("BIGINT  ", "INTEGER "))
    wait_for(clone, "crews.py", "airflow dags list", 60)
    type_in(clone, how_to.command("airflow dags unpause"), settings=True)
    wait_for(clone, "success", "airflow dags list-runs crews", 120)
    assert type_in(clone, 'psql -Atc "SELECT COUNT(*) FROM core.crews"', settings=True) == "0\n"
    (clone / CONTRACT).write_text(final)
    type_in(clone, how_to.command("DROP TABLE core.crews"), settings=True)
    shown = type_in(clone, how_to.command("airflow dags backfill"), settings=True)
    assert "crews: 7 of 7 succeeded" in shown
    for row in (
        "1 | 한글 | cabin",
        "2 | Ann  | cockpit",
        "3 | Bob  | cockpit",
        "2013-01-01 00:00:00 |        2 |",
    ):
        assert row in shown
