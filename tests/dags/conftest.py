from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


class Touched(AssertionError):
    """Parsing reached for something outside the file."""


@pytest.fixture(scope="session")
def dag_bag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The DAGs, parsed once with no metadata database, no connection and no network."""
    os.environ["AIRFLOW_HOME"] = str(tmp_path_factory.mktemp("airflow"))
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    from airflow.dag_processing.dagbag import DagBag

    def refuse(*arguments: object, **_: object) -> None:
        raise Touched(f"a DAG file opened a connection while it was parsed: {arguments}")

    original = socket.socket.connect
    socket.socket.connect = refuse  # type: ignore[method-assign]
    try:
        return DagBag(str(REPOSITORY / "dags"))
    finally:
        socket.socket.connect = original  # type: ignore[method-assign]
