"""One warehouse, one source and one lake for all cases: each must leave the tables and their history as they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local_redshift.storage.embedded_postgres import Postgres
from tests.bad_inputs.messages import Messages
from tests.bad_inputs.world import Pipelines, World, build
from tests.integration.conftest import postgres_server, with_bookkeeping

__all__ = ["postgres_server", "with_bookkeeping"]


@pytest.fixture(scope="session")
def messages() -> Messages:
    """What has been refused in this run, and how."""
    return Messages()


@pytest.fixture(scope="session")
def world(
    redshift_server: Any,
    with_bookkeeping: str,
    postgres_server: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """A warehouse whose tables are loaded from right inputs."""
    name = redshift_server.new_database(with_bookkeeping)
    yield build(redshift_server, name, postgres_server, tmp_path_factory.mktemp("first"))
    redshift_server.drop_database(name)


@pytest.fixture
def shared_lake() -> bool:
    """Whether all tasks use one client of S3, and not the connection: making one takes longer than most cases."""
    return True


@pytest.fixture
def pipelines(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, shared_lake: bool) -> Iterator[Pipelines]:
    """The world known to Airflow, with SQL files of the test's own; at the end the warehouse must be as it was."""
    pipelines = world.enter(monkeypatch, tmp_path, shared_lake=shared_lake)
    yield pipelines
    before, world.rows = world.rows, pipelines.warehouse_rows()
    changed = [table for table in before if before[table] != world.rows[table]]
    if changed:
        pytest.fail(f"the input has changed {', '.join(changed)}", pytrace=False)
