"""What Airflow's own API lets a viewer do beside the Warehouse page: with it one starts DAGs and reads secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
REQUESTS = [
    ("POST", "dags/flights/dagRuns", {"logical_date": None}),
    ("POST", "dags/retention/dagRuns", {"logical_date": None, "conf": {"delete": True}}),
    (
        "POST",
        "backfills",
        {"dag_id": "flights", "from_date": "2013-01-01T00:00:00Z", "to_date": "2013-01-02T00:00:00Z"},
    ),
    ("PATCH", "dags/flights", {"is_paused": False}),
    ("POST", "dags/flights/clearTaskInstances", {"dry_run": False}),
    ("GET", "connections", None),
    ("GET", "connections/redshift_default", None),
    ("POST", "connections/test", {"connection_id": "redshift_default", "conn_type": "redshift"}),
    ("GET", "variables", None),
    ("GET", "variables/any", None),
    ("GET", "config", None),
]
OFF = ("config", "connections/test")
"""What Airflow refuses everybody unless a setting allows it."""
PROGRAM = """
import json, sys
from airflow.utils.db import initdb
initdb()
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.testclient import TestClient
with TestClient(create_app(apps="core"), raise_server_exceptions=False) as client:
    found = {}
    for role in ("viewer", "admin"):
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role, role=role))
        headers = {"Authorization": f"Bearer {token}"}
        found[role] = [
            client.request(method, f"/api/v2/{path}", json=body, headers=headers).status_code
            for method, path, body in json.loads(sys.argv[1])
        ]
    found["health"] = client.get("/api/v2/monitor/health").json()
print("statuses", json.dumps(found))
"""


@pytest.fixture(scope="module")
def statuses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The status of each request, by role, of an Airflow without any DAG or connection; and its health."""
    home = str(tmp_path_factory.mktemp("roles"))
    env = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(REQUESTS)]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("statuses ")), None)
    assert line, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(line.removeprefix("statuses "))
    return found


@pytest.mark.parametrize("number", range(len(REQUESTS)), ids=[f"{method} {path}" for method, path, _ in REQUESTS])
def test_a_viewer_starts_no_dag_and_reads_neither_connections_nor_variables(
    statuses: dict[str, Any], number: int
) -> None:
    assert statuses["viewer"][number] == 403
    if REQUESTS[number][1] not in OFF:
        assert statuses["admin"][number] != 403


def test_its_health_tells_somebody_without_a_login_when_a_component_was_last_seen_and_no_more(
    statuses: dict[str, Any],
) -> None:
    fields = {field for component in statuses["health"].values() for field in component}
    assert {field for field in fields if not field.endswith("_heartbeat")} == {"status"}
