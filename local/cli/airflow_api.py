"""Airflow's REST API, as far as `make run` needs it (https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html)."""

from __future__ import annotations

from typing import Any

import requests
from urllib3.util import Retry

from local.cli.own_server import OwnServerAdapter
from local.stack import airflow_services, state_dir

# Seconds; the first requests after a start, on a busy machine, have taken more than 30.
_TIMEOUT = 120
RETRIES = 6
# States of a DAG run that can still change.
ACTIVE = ("queued", "running")


class AirflowApiError(Exception):
    """Airflow returned an error; the message has the request, the status and the response."""


class AirflowApi:
    """A logged-in client of a running stack's api-server."""

    def __init__(self, stack: state_dir.StateDir) -> None:
        self._base = stack.url("ui")
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy on the way to 127.0.0.1
        # A GET is retried while the api-server is busy or restarting; a command only if it was not sent.
        retry = Retry(total=RETRIES, backoff_factor=0.5, allowed_methods=["GET"], raise_on_status=False)
        self._session.mount(self._base, OwnServerAdapter(stack.path, "api-server", max_retries=retry))
        self._login = {"username": airflow_services.USER, "password": stack.secrets["ui"]}
        self._log_in()

    def _log_in(self) -> None:
        response = self._session.post(f"{self._base}/auth/token", json=self._login, timeout=_TIMEOUT)
        if not response.ok:
            raise AirflowApiError(f"POST /auth/token: {response.status_code} {response.text[:300]}")
        self._session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def call(self, method: str, path: str, *, params: dict[str, Any] | None = None, json: Any = None) -> Any:
        """One request under /api/v2; returns the decoded response. Raises AirflowApiError."""
        for last in (False, True):
            response = self._session.request(
                method, f"{self._base}/api/v2{path}", params=params, json=json, timeout=_TIMEOUT
            )
            if response.status_code == 401 and not last:  # tokens expire
                self._log_in()
                continue
            if not response.ok:
                raise AirflowApiError(f"{method} {path}: {response.status_code} {response.text[:500]}")
            return response.json() if response.content else None
        raise AssertionError

    def dag_ids(self) -> set[str]:
        """DAGs that the dag-processor has parsed."""
        return {dag["dag_id"] for dag in self.call("GET", "/dags", params={"limit": 100})["dags"]}

    def import_errors(self) -> list[dict[str, Any]]:
        """DAG files that cannot be imported: `filename` and `stack_trace`."""
        return list(self.call("GET", "/importErrors")["import_errors"])

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG."""
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str) -> str:
        """Start a manual run without a date; returns its run id."""
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None})["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """State of one run."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def runs(self, dag_id: str, *states: str, **filters: Any) -> list[dict[str, Any]]:
        """Runs in any of these states, at most 100, newest first."""
        params = {"limit": 100, "order_by": "-run_after", "state": list(states), **filters}
        return list(self.call("GET", f"/dags/{dag_id}/dagRuns", params=params)["dag_runs"])

    def count(self, dag_id: str, *states: str, **filters: Any) -> int:
        """How many runs there are in any of these states."""
        params = {"limit": 1, "state": list(states), **filters}
        return int(self.call("GET", f"/dags/{dag_id}/dagRuns", params=params)["total_entries"])

    def active_backfills(self, dag_id: str) -> list[int]:
        """Ids of the DAG's backfills that have not ended; Airflow accepts no second one beside them."""
        backfills = self.call("GET", "/backfills", params={"dag_id": dag_id, "limit": 100})["backfills"]
        return [backfill["id"] for backfill in backfills if backfill["completed_at"] is None]

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Task instances of a run, at most 100."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return list(self.call("GET", path, params={"limit": 100})["task_instances"])

    def failed_tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Task instances of a run that failed themselves."""
        return [task for task in self.tasks(dag_id, run_id) if task["state"] == "failed"]

    def log(self, task: dict[str, Any], lines: int = 20) -> list[str]:
        """The last lines of a task's last try."""
        run = f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
        path = f"{run}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        content = self.call("GET", path, params={"full_content": True, "map_index": task.get("map_index", -1)})[
            "content"
        ]
        return [line for entry in _up_to_the_error(content) for line in _log_lines(entry)][-lines:]


def _up_to_the_error(content: list[Any]) -> list[Any]:
    """Without what is logged after the error: alerts and reports about it."""
    entries = [entry for entry in content if isinstance(entry, dict) and "::" not in str(entry.get("event"))[:2]]
    errors = [position for position, entry in enumerate(entries) if entry.get("error_detail")]
    return entries[: errors[-1] + 1] if errors else entries


def _log_lines(entry: Any) -> list[str]:
    """A structured log entry as plain lines: the message, then the errors that it carries."""
    if not isinstance(entry, dict):
        return str(entry).splitlines()
    text = [f"{str(entry.get('timestamp') or '')[11:19]} {entry.get('level') or ''} {entry.get('event') or ''}".strip()]
    text += [f"{error.get('exc_type')}: {error.get('exc_value')}" for error in entry.get("error_detail") or []]
    return [line for part in text for line in part.splitlines()]
