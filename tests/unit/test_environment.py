"""conftest.py: pytest in a shell that has the settings of a running stack (`make env`) does not reach that stack."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


def test_settings_of_a_running_stack_are_not_those_of_the_tests(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = {
        "AIRFLOW_HOME": "/of/the/stack",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////of/the/stack.db",
        "AIRFLOW_CONN_REDSHIFT_DEFAULT": "redshift://of.the.stack",
        "AWS_ENDPOINT_URL": "http://of.the.stack",
        "PGHOST": "of.the.stack",
    }
    for name, value in running.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makeconftest((Path(__file__).resolve().parents[2] / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(f"""
        import os

        def test_it():
            assert {{name: value for name, value in {running!r}.items() if os.environ.get(name) == value}} == {{}}
            assert os.path.isdir(os.environ["AIRFLOW_HOME"])
    """)
    assert pytester.runpytest_subprocess("-p", "no:warnings").parseoutcomes() == {"passed": 1}
