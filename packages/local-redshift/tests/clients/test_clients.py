"""Common clients of Redshift load, read and describe tables of the local one, unchanged."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_redshift.testing.pytest_plugin import Connection

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

Run = Callable[..., Any]
Sent = Callable[[str], int]
PROJECT = Path(__file__).parent / "dbt"


@pytest.mark.parametrize("file_format", [None, "jsonl", "parquet"])
def test_dlt_merges_a_second_load(run_script: Run, sent: Sent, file_format: str | None) -> None:
    assert run_script("dlt_load", format=file_format) == {"orders": [[1, "new"], [2, "sent"], [3, "new"]], "lines": 1}
    assert sent("reset all%") > 0
    assert (sent("%copy %parquet%maxerror 0%") > 0) == (file_format == "parquet")


def test_awswrangler_copies_upserts_and_unloads_encrypted_files(run_script: Run, sent: Sent) -> None:
    rows = [[1, "new", 1.5], [2, "sent", 2.25], [3, "sent", 3.5], [4, "new", 4.0]]
    result = run_script("awswrangler_copy_unload")
    assert (result["unloaded"], result["read"]) == (rows, rows)
    assert result["encryption"] == ["AES256"]
    assert "KMS_KEY_ID is not modelled" in result["refused"]
    assert sent("unload %encrypted%") > 0


@pytest.mark.parametrize(
    ("driver", "statement"),
    [("psycopg2", "set default_transaction_isolation%"), ("redshift_connector", "set session characteristics%")],
)
def test_sqlalchemy_redshift_reflects_tables_and_views(
    run_script: Run, sent: Sent, driver: str, statement: str
) -> None:
    result = run_script("sqlalchemy_reflect", driver=driver)
    created = result.pop("created")
    assert "DISTSTYLE KEY DISTKEY (id) SORTKEY (id)" in created["orders"]
    assert "CONSTRAINT orders_pkey PRIMARY KEY (id)" in created["orders"]
    assert created["parts"].endswith("DISTSTYLE ALL")
    assert result == {
        "rows": [[1, "new"]],
        "level": "SERIALIZABLE",
        "tables": ["frame", "orders", "parts"],
        "views": ["late"],
        "exists": [True, False],
        "late": [["id", "INTEGER"], ["state", "VARCHAR(20)"]],
        "encodings": [{}, {"encode": "zstd"}],
        "keys": ["orders"],
    }
    assert sent("%c.reldiststyle%") > 0
    assert sent(statement) > 0


def test_dbt_builds_a_second_time_and_documents(
    programs: Path, environment: dict[str, str], redshift: Connection, sent: Sent, tmp_path: Path
) -> None:
    project = shutil.copytree(PROJECT, tmp_path / "project")
    address = {
        f"REDSHIFT_{name.upper()}": str(getattr(redshift, name)) for name in ("host", "port", "user", "database")
    }

    def dbt(*arguments: str) -> None:
        command = [str(programs / "dbt"), "--no-use-colors", *arguments, "--profiles-dir", "."]
        done = subprocess.run(
            command, cwd=project, env=environment | address, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    for _ in range(2):
        dbt("build")
        results = json.loads((project / "target" / "run_results.json").read_text())["results"]
        assert {result["status"] for result in results} == {"success", "pass"}
    assert sent("%pg_get_late_binding_view_cols()%") > 0
    dbt("docs", "generate")
    nodes = json.loads((project / "target" / "catalog.json").read_text())["nodes"]
    catalog = {name.split(".")[-1]: (node["metadata"]["type"], list(node["columns"])) for name, node in nodes.items()}
    columns = ["id", "state"]
    assert catalog == {
        "orders": ("BASE TABLE", columns),
        "history": ("BASE TABLE", columns),
        "merged": ("BASE TABLE", columns),
        "sent": ("VIEW", columns),
        "late": ("LATE BINDING VIEW", columns),
    }
    with redshift.psycopg() as session:
        assert session.execute("select id, state from shop.late").fetchall() == [(2, "sent")]
        assert session.execute("select count(*) from shop.merged").fetchone() == (2,)
