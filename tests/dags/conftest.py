from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.dags.world import filled, world

__all__ = ["filled", "world"]

REPOSITORY = Path(__file__).resolve().parents[2]


class TouchedError(AssertionError):
    """Parsing reached for something outside the file."""


@pytest.fixture(scope="session")
def dag_bag() -> Any:
    """The DAGs, parsed once with no metadata database, no connection and no network."""
    from airflow.dag_processing.dagbag import DagBag

    def refuse(*arguments: object, **_: object) -> None:
        raise TouchedError(f"a DAG file opened a connection while it was parsed: {arguments}")

    original = socket.socket.connect
    socket.socket.connect = refuse  # type: ignore[method-assign]
    try:
        return DagBag(str(REPOSITORY / "dags"))
    finally:
        socket.socket.connect = original  # type: ignore[method-assign]
