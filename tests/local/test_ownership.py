"""A port that another program answers on is never taken for a service of the stack."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from local.cli import summary
from local.cli.airflow_api import AirflowApi
from local.stack import airflow_services, database, ownership, records, state_dir
from local.stack.services import full_stack
from tests.local.conftest import StartProgram, wait_for
from tests.local.programs import HTTP_SERVER, POSTGRES_SERVER

StartServer = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def stack(tmp_path: Path) -> state_dir.StateDir:
    return state_dir.create(tmp_path / "state", new_ports=True)


@pytest.fixture
def start_server(start_program: StartProgram, stack: state_dir.StateDir, tmp_path: Path) -> StartServer:
    """Starts a program that listens on a service's port; `own` records it as the stack's process of that service."""

    def start(
        code: str, service: str, *, own: bool, port: int | None = None, log: str = "requests"
    ) -> subprocess.Popen[bytes]:
        port = port or stack.ports[ownership.PORTS[service]]
        process = start_program("-c", code, str(port), str(tmp_path / log), env=dict(os.environ))
        if own:
            records.write(stack.run, service, process.pid)
        wait_for(lambda: accepts(port))
        return process

    return start


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def received(tmp_path: Path) -> bytes:
    file = tmp_path / "requests"
    return file.read_bytes() if file.exists() else b""


def test_the_password_of_the_ui_is_sent_to_the_stacks_own_api_server(
    stack: state_dir.StateDir, start_server: StartServer, tmp_path: Path
) -> None:
    start_server(HTTP_SERVER, "api-server", own=True)

    assert AirflowApi(stack).dag_ids() == set()

    assert stack.secrets["ui"].encode() in received(tmp_path)
    assert airflow_services.health(stack) == {"scheduler": "healthy"}


def test_nothing_is_sent_to_a_server_of_somebody_else(
    stack: state_dir.StateDir, start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.cli.airflow_api.RETRIES", 0)
    start_server(HTTP_SERVER, "api-server", own=False)

    with pytest.raises(requests.ConnectionError, match=rf"another program listens on 127.0.0.1:{stack.ports['ui']}"):
        AirflowApi(stack)

    assert airflow_services.health(stack) == {}
    assert received(tmp_path) == b""


def test_a_server_that_replaces_the_stacks_own_is_sent_no_token(
    stack: state_dir.StateDir, start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.cli.airflow_api.RETRIES", 0)
    own = start_server(HTTP_SERVER, "api-server", own=True)
    api = AirflowApi(stack)
    own.kill()
    own.wait()
    (tmp_path / "requests").unlink()
    start_server(HTTP_SERVER, "api-server", own=False)

    with pytest.raises(requests.ConnectionError):
        api.dag_ids()

    assert received(tmp_path) == b""


def test_a_client_follows_the_api_server_to_another_port(
    stack: state_dir.StateDir, start_server: StartServer, tmp_path: Path
) -> None:
    own = start_server(HTTP_SERVER, "api-server", own=True)
    api = AirflowApi(stack)
    own.kill()
    own.wait()
    start_server(HTTP_SERVER, "api-server", own=False)
    moved = state_dir.move_port(stack, "ui")
    start_server(HTTP_SERVER, "api-server", own=True, port=moved.ports["ui"], log="moved")

    assert api.dag_ids() == set()

    assert (tmp_path / "moved").read_text().startswith("GET /api/v2/dags")


def test_a_recorded_process_that_ended_and_whose_id_another_has_is_not_ours(
    stack: state_dir.StateDir, start_server: StartServer
) -> None:
    process = start_server(HTTP_SERVER, "api-server", own=True)
    assert ownership.serves(stack, "api-server")

    records.file(stack.run, "api-server").write_text(f'{{"pid": {process.pid}, "created": 1.0}}')

    assert not ownership.serves(stack, "api-server")


@pytest.mark.parametrize("service", ["s3", "weather-api", "api-server"])
def test_a_service_is_not_ready_because_another_program_answers(
    stack: state_dir.StateDir, start_server: StartServer, start_program: StartProgram, service: str
) -> None:
    start_server(HTTP_SERVER, service, own=False)
    [defined] = [one for one in full_stack(stack) if one.name == service]
    assert not defined.ready()

    starting = start_program("-c", "import time; time.sleep(60)", env=dict(os.environ))
    records.write(stack.run, service, starting.pid)
    assert not defined.ready()


@pytest.mark.parametrize("service", ["metadata", "redshift"])
def test_no_database_password_is_sent_to_a_server_of_somebody_else(
    stack: state_dir.StateDir, start_server: StartServer, tmp_path: Path, service: str
) -> None:
    start_server(POSTGRES_SERVER, service, own=False)

    if service == "metadata":
        assert not database.is_ready(stack)
    else:
        with pytest.raises(ownership.ForeignServerError, match="redshift"), summary.connect(stack):
            pass

    assert not [secret for secret in stack.secrets.values() if secret.encode() in received(tmp_path)]


@pytest.mark.parametrize("recorded", ["-123", "", "x"])
def test_initdbs_own_backend_is_not_the_server(stack: state_dir.StateDir, recorded: str) -> None:
    stack.metadata.data.mkdir()
    (stack.metadata.data / "postmaster.pid").write_text(f"{recorded}\n{stack.metadata.data}\n")

    assert not ownership.serves(stack, "metadata")
    assert not ownership.is_taken(stack, "metadata")
