"""What a DAG file does while it is parsed, which Airflow does all the time: nothing but reading this repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = sorted((REPOSITORY / "dags").glob("*.py"))
HEAVY = {"duckdb", "psycopg2", "redshift_connector", "sqlglot"}
SECRET = re.compile(
    r"AKIA[0-9A-Z]{16}|(password|secret|token)\w*\s*[=:]\s*['\"]\w|BEGIN [A-Z ]*PRIVATE KEY", re.IGNORECASE
)

# Everything that Python reports of a file's execution (https://docs.python.org/3/library/audit_events.html). Drivers in
# C report nothing, so that they are imported at all is what is looked for. What Airflow itself does once in a process,
# such as importing every provider at the first Asset with a URI, is done before.
WATCH = """
import json, runpy, sys
import airflow.providers.standard.operators.trigger_dagrun
from airflow.sdk import DAG, Asset
Asset("first", uri="first://of/all")
REPORTED = ("socket", "subprocess", "urllib", "sqlite3", "shutil", "tempfile")
SYSTEM = ("os.system", "os.fork", "os.exec", "os.remove", "os.rename", "os.mkdir", "os.putenv")
found = None

def note(event, arguments):
    if found is None:
        return
    if event.split(".")[0] in REPORTED or event in SYSTEM:
        found["touched"].append(f"{event} {arguments!r}")
    elif event == "import":
        found["imported"].append(arguments[0])
    elif event == "open" and ".pyc" not in str(arguments[0]):  # Python's own cache of bytecode
        reads = set(arguments[1] or "r") <= set("rbt")
        found["read" if reads else "touched"].append(str(arguments[0]))

sys.addaudithook(note)
for path in sys.argv[1:]:
    found = {"touched": [], "imported": [], "read": []}
    runpy.run_path(path)
    done, found = found, None
    print(json.dumps({path: done}))
"""


@pytest.fixture(scope="module")
def parsing() -> dict[str, dict[str, list[str]]]:
    """What each file did, by its path; all in one process, as the dag-processor does."""
    env = os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins")}
    command = [sys.executable, "-c", WATCH, *map(str, FILES)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return {path: did for line in done.stdout.splitlines() for path, did in json.loads(line).items()}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def parsed(request: pytest.FixtureRequest, parsing: dict[str, dict[str, list[str]]]) -> dict[str, list[str]]:
    return parsing[str(request.param)]


def test_a_dag_file_touches_nothing_outside_of_itself(parsed: dict[str, list[str]]) -> None:
    assert parsed["touched"] == []


def test_a_dag_file_reads_the_repositorys_sql_and_no_other_data(parsed: dict[str, list[str]]) -> None:
    data = [Path(path) for path in parsed["read"] if not path.endswith((".py", ".pyc")) and "site-packages" not in path]

    assert [path for path in data if not path.is_relative_to(REPOSITORY / "include/sql")] == []


def test_a_dag_file_loads_no_driver_and_no_parser(parsed: dict[str, list[str]]) -> None:
    assert HEAVY & {name.split(".")[0] for name in parsed["imported"]} == set()


@pytest.mark.parametrize(
    "path",
    [*FILES, *sorted((REPOSITORY / "include").rglob("*.sql")), *sorted((REPOSITORY / "plugins").rglob("*.py"))],
    ids=lambda path: str(path.relative_to(REPOSITORY)),
)
def test_no_file_of_a_pipeline_holds_a_secret(path: Path) -> None:
    assert SECRET.search(path.read_text(encoding="utf-8")) is None
