"""Airflow reads its settings when it is first imported: they are set here, before any test module is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

pytest_plugins = ["local.redshift.testing"]

_REPOSITORY = Path(__file__).resolve().parents[1]

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-test-"))
os.environ |= {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(_REPOSITORY / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(_REPOSITORY / "plugins"),
}
