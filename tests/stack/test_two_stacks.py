"""Two stacks on one machine, whose ports collide at the bind."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from local.cli import summary
from local.cli.airflow_api import AirflowApi
from local.stack import airflow_services, ownership
from tests.stack.test_local_stack import CommandLine

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]


def test_two_stacks_started_at_the_same_second_both_come_up(tmp_path: Path) -> None:
    both = [CommandLine(tmp_path / name) for name in ("one", "other")]
    commands = [each.begin("start") for each in both]
    try:
        for each, command in zip(both, commands, strict=True):
            out, errors = command.communicate(timeout=900)
            if command.returncode and "Not ready after" in errors:  # two Airflows on a busy machine: wait once more
                again = each.run("start")
                out, errors = again.stdout, again.stderr
            assert f"Airflow: {each.state_dir.url('ui')} " in out, (errors, each.run("status").stdout)
        one, other = (each.state_dir for each in both)

        assert not set(one.ports.values()) & set(other.ports.values())
        for stack in (one, other):
            assert all(ownership.serves(stack, service) for service in ownership.PORTS)
            assert set(airflow_services.health(stack).values()) == {"healthy"}
            assert AirflowApi(stack).count("flights") == 0
            with summary.connect(stack) as warehouse:
                assert summary.query(warehouse, "SELECT 1") == [(1,)]
        login = {"username": airflow_services.USER, "password": one.secrets["ui"]}
        assert requests.post(f"{other.url('ui')}/auth/token", json=login, timeout=60).status_code == 401
        for each in both:
            status = each.run("status")
            assert status.returncode == 0, status.stdout
            assert each.state_dir.url("ui") in status.stdout
    finally:
        for command in commands:
            command.kill()
        for each in both:
            each.run("clean")
