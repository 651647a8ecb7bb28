"""The services of a whole stack as they are defined: their arguments, addresses and log servers, and its secrets."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from local.stack import airflow_services, state_dir
from local.stack.services import full_stack
from local.stack.supervisor import Service
from tests.local.secret_files import files_with_secrets


@pytest.fixture
def stack(tmp_path: Path) -> state_dir.StateDir:
    return state_dir.create(tmp_path / "state", new_ports=True)


@pytest.fixture
def services(stack: state_dir.StateDir) -> dict[str, Service]:
    return {service.name: service for service in full_stack(stack)}


def test_no_secret_is_in_the_arguments_of_a_service(stack: state_dir.StateDir, services: dict[str, Service]) -> None:
    assert len(services) > 10
    for name, service in services.items():
        arguments = " ".join(service.command)
        assert [secret for secret, value in stack.secrets.items() if value in arguments] == [], name


def test_airflow_listens_on_this_machine_and_serves_no_logs(services: dict[str, Service]) -> None:
    """Its log servers listen on every address."""
    command = services["api-server"].command
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert services["api-server"].env["AIRFLOW__API__HOST"] == "127.0.0.1"
    for name in ("scheduler", "triggerer"):
        assert "--skip-serve-logs" in services[name].command


def test_secrets_are_in_two_files_that_their_owner_alone_may_read(
    stack: state_dir.StateDir, services: dict[str, Service]
) -> None:
    assert services
    found = files_with_secrets(stack.path, stack.secrets)
    assert {path.name for path in found} == {"secrets.json", airflow_services.password_file(stack).name}
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
