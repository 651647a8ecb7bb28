"""An Airflow provider with one feature: the command `airflow dags backfill`."""

from typing import Any

__version__ = "1.0.0"


def provider_info() -> dict[str, Any]:
    """Describe this package to Airflow, which calls this through the entry point `apache_airflow_provider`."""
    return {
        "package-name": "airflow-dags-backfill",
        "name": "airflow dags backfill",
        "description": "The `airflow dags backfill` command of Airflow 2, on top of Airflow 3's backfills.",
        "versions": [__version__],
        "cli": ["airflow_dags_backfill.command.add_to_dags_group"],
    }
